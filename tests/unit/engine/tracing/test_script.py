"""Lines out of what goes over the wire: however it is cut, bounded, and without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tracing.script import LONGEST, MOST_CONTENT, Ears, beginning, commands


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=40)), st.data())
def test_lines_are_the_same_however_they_come(lines: list[str], data: st.DataObject) -> None:
    stream = "".join(f"{line}\r\n" for line in lines).encode()
    ears, found = Ears(), list[str]()
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        found += ears.lines(stream[:length])
        stream = stream[length:]
    assert found == lines


@given(st.lists(st.binary(max_size=3_000), max_size=8))
def test_whatever_comes_is_shown_in_bounded_lines(pieces: list[bytes]) -> None:
    ears = Ears()
    for piece in pieces:
        for line in ears.lines(piece):
            assert len(line) <= 4 * LONGEST + 1
        assert len(ears._rest) <= LONGEST


def test_a_line_that_never_ends_is_told_as_far_as_it_goes() -> None:
    ears = Ears()
    assert ears.lines(b"220 " + b"x" * (LONGEST - 4)) == []
    (line,) = ears.lines(b"y" * 100)
    assert line == "220 " + "x" * (LONGEST - 4) + "…"
    assert ears.lines(b"rest\r\n") == ["rest"]


def test_octets_that_are_no_text_are_spelled() -> None:
    assert Ears().lines(b"250 \xff\xfe\r\n") == ["250 \\xff\\xfe"]


def test_commands_come_one_a_line() -> None:
    assert commands(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n") == [
        "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA",
    ]  # fmt: skip


@pytest.mark.parametrize("said", [b"AUTH PLAIN AGFubgBzZXNhbWU=\r\n", b"auth LOGIN c2VzYW1l\r\n"])
def test_a_login_would_not_be_shown(said: bytes) -> None:
    (line,) = commands(said)
    assert line.upper() == "AUTH (NOT SHOWN)"


def test_a_content_is_shown_as_far_as_the_bound() -> None:
    assert beginning(b"Subject: x\r\n\r\n..dot\r\n.\r\n") == (["Subject: x", "", "..dot", "."], False)
    lines, cut = beginning(b"Subject: x\r\n\r\n" + b"x" * MOST_CONTENT + b"\r\n.\r\n")
    assert cut
    assert sum(len(line) for line in lines) + 2 * len(lines) <= MOST_CONTENT + 2
