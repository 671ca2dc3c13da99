"""Content between DATA and the final dot: only CR LF . CR LF ends it, and both sides agree on the octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp.data import ContentReader, Fault, normalise, stuff


def read(*chunks: bytes, limit: int = 10_000) -> tuple[bytes, Fault | None, bytes | None]:
    """Feed the chunks: the content, its fault, what was left over (None: no end yet)."""
    reader, rest = ContentReader(limit), None
    for place, chunk in enumerate(chunks):
        rest = reader.feed(chunk)
        if rest is not None:
            rest += b"".join(chunks[place + 1 :])
            break
    return (reader.content() if rest is not None else b""), reader.fault, rest


def splits(data: bytes) -> list[tuple[bytes, ...]]:
    """The whole, every cut in two, and one octet at a time."""
    cuts = [(data[:at], data[at:]) for at in range(1, len(data))]
    return [(data,), *cuts, tuple(data[at : at + 1] for at in range(len(data)))]


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"caf\xe9\r\n.\r\n", b"caf\xe9\r\n"),
    ],
)
def test_dots_are_unstuffed_and_the_end_is_found_over_any_split(wire: bytes, content: bytes) -> None:
    for chunks in splits(wire + b"QUIT\r\n"):
        assert read(*chunks) == (content, None, b"QUIT\r\n")


SMUGGLING = [
    b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\n",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\0\n", b"\r\r\n.\n", b"\r\n.\r\r\n",
]  # fmt: skip


@pytest.mark.parametrize("form", SMUGGLING)
def test_no_smuggling_form_ends_the_content_and_all_are_refused(form: bytes) -> None:
    smuggled = b"first\r\nline" + form + b"MAIL FROM:<evil@x>\r\nend"
    for chunks in splits(smuggled):
        assert read(*chunks)[2] is None
    for chunks in splits(smuggled + b"\r\n.\r\nNOOP\r\n"):
        content, fault, rest = read(*chunks)
        assert content == b""
        assert fault in {Fault.BARE_LINE_END, Fault.NUL}
        assert rest == b"NOOP\r\n"


@pytest.mark.parametrize("start", [b"\n", b"\r", b"\nx", b"\rx", b"\n.\r\n"])
def test_a_bare_line_end_at_the_very_start_is_seen(start: bytes) -> None:
    for chunks in splits(start + b"\r\n.\r\n"):
        assert read(*chunks)[1] is Fault.BARE_LINE_END


def test_a_bare_cr_before_the_end_is_seen() -> None:
    for chunks in splits(b"a\r\r\n.\r\nREST"):
        assert read(*chunks) == (b"", Fault.BARE_LINE_END, b"REST")


def test_the_limit_counts_octets_without_stuffing() -> None:
    lines = b".\r\n" * 100
    assert read(stuff(lines), limit=300) == (lines, None, b"")
    assert read(stuff(lines), limit=299) == (b"", Fault.TOO_BIG, b"")


def test_memory_stays_bounded_and_the_end_is_still_found() -> None:
    reader = ContentReader(1_000)
    for _ in range(1_000):
        assert reader.feed(b"x" * 998 + b"\r\n") is None
        assert len(reader._raw) <= 3_000
    assert reader.feed(b".\r") is None
    assert reader.feed(b"\nQUIT") == b"QUIT"
    assert reader.content() == b""
    assert reader.fault is Fault.TOO_BIG
    assert reader.received > 999_000


@pytest.mark.parametrize(
    ("given_content", "normal"),
    [
        (b"", b""),
        (b"a", b"a\r\n"),
        (b"a\nb\rc\r\nd", b"a\r\nb\r\nc\r\nd\r\n"),
        (b"a\r\r\nb\n\n", b"a\r\n\r\nb\r\n\r\n"),
    ],
)
def test_line_ends_become_cr_lf(given_content: bytes, normal: bytes) -> None:
    assert normalise(given_content) == normal


def test_normal_content_is_not_copied() -> None:
    content = b"Subject: x\r\n\r\nbody\r\n"
    assert normalise(content) is content


@given(st.lists(st.sampled_from([b".", b"..", b"\r\n", b"a", b"\xff", b"\r\n."]), max_size=40), st.data())
def test_what_one_side_stuffs_the_other_reads_back(parts: list[bytes], data: st.DataObject) -> None:
    content = normalise(b"".join(parts))
    wire = stuff(content) + b"NOOP\r\n"
    cut = data.draw(st.integers(0, len(wire)))
    assert read(wire[:cut], wire[cut:]) == (content, None, b"NOOP\r\n")


@given(st.lists(st.sampled_from([b".", b"\r", b"\n", b"\0", b"a"]), max_size=60))
def test_nothing_with_a_bare_line_end_or_nul_is_taken(parts: list[bytes]) -> None:
    wire = b"".join(parts) + b"\r\n.\r\n"
    content, fault, _ = read(wire)
    body = wire[: (b"\r\n" + wire).find(b"\r\n.\r\n")]
    dirty = b"\0" in body or body.replace(b"\r\n", b"").strip(b"a.\0") != b""
    assert (fault is not None) == dirty
    if dirty:
        assert content == b""


@given(st.binary(max_size=80))
def test_normalising_is_done_once_and_for_all(content: bytes) -> None:
    once = normalise(content)
    assert normalise(once) is once
    assert once.count(b"\n") == once.count(b"\r") == once.count(b"\r\n")
