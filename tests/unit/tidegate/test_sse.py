"""Server-sent events out of lines."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.sse import events


def test_an_event_has_its_name_its_id_and_its_data() -> None:
    lines = [b": a comment\n", b"\n", b"id: 7\n", b"event: heard\n", b'data: {"line": "220 hi"}\n', b"\n"]
    assert list(events(lines)) == [{"id": "7", "event": "heard", "line": "220 hi"}]


def test_comments_and_what_is_no_object_are_passed_over() -> None:
    lines = [b": still here\n", b"\n", b"event: odd\n", b"data: [1]\n", b"\n", b"data: {\n", b"\n"]
    assert list(events(lines)) == []


def test_data_may_have_several_lines_and_either_line_end() -> None:
    lines = [b"event:x\r\n", b'data: {"a":\r\n', b"data: 1}\r\n", b"\r\n", b"event: cut off\n", b"data: {}\n"]
    assert list(events(lines)) == [{"event": "x", "a": 1}]


@given(st.lists(st.binary(max_size=60)))
def test_nothing_that_comes_is_an_error(lines: list[bytes]) -> None:
    assert all("event" in one for one in events(lines))
