"""Replies: tolerant to read, strict to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp.reply import Garbled, Reply, ReplyParser, Speaker, encode, local


def parse(data: bytes) -> list[Reply | Garbled]:
    return ReplyParser().feed(data)


def test_a_single_line_keeps_code_enhanced_code_and_text() -> None:
    assert parse(b"550 5.7.1 Blocked by list\r\n") == [Reply(550, "5.7.1", ("Blocked by list",))]


def test_a_multi_line_reply_reads_as_one_sentence_with_its_enhanced_code_once() -> None:
    (reply,) = parse(b"421-4.7.0 unusual rate of\r\n421-4.7.0 mail from you.\r\n421 4.7.0 See x\r\n")
    assert isinstance(reply, Reply)
    assert reply.text == "421 4.7.0 unusual rate of mail from you. See x"
    assert reply.lines == ("unusual rate of", "mail from you.", "See x")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"250\r\n", "250"),
        (b"250 \r\n", "250"),
        (b"250 2.0.0\r\n", "250 2.0.0"),
        (b"571 go away\r\n", "571 go away"),
        (b"459 odd\n", "459 odd"),
        (b"550 5.7.1x no code\r\n", "550 5.7.1x no code"),
        (b"550 4.7.1 contradicts itself\r\n", "550 4.7.1 contradicts itself"),
        (b"554 caf\xc3\xa9\r\n", "554 café"),
        (b"554 caf\xe9\r\n", "554 caf\ufffd"),
        (b"250-first\r\n451 last\r\n", "451 first last"),
    ],
)
def test_odd_replies_are_understood(line: bytes, text: str) -> None:
    (reply,) = parse(line)
    assert isinstance(reply, Reply)
    assert reply.text == text


@pytest.mark.parametrize("code", range(100, 700, 7))
def test_the_first_digit_alone_judges(code: int) -> None:
    reply = Reply(code, "5.0.0", ())
    judged = (reply.is_positive, reply.is_intermediate, reply.is_transient, reply.is_permanent)
    assert judged == tuple(code // 100 == digit for digit in (2, 3, 4, 5))


@pytest.mark.parametrize("data", [b"hello\r\n", b"25 x\r\n", b"250_x\r\n", b"\r\n", b"250-a\r\nnonsense\r\n"])
def test_what_is_no_reply_is_garbled_and_ends_the_stream(data: bytes) -> None:
    parser = ReplyParser()
    assert isinstance(parser.feed(data + b"250 ok\r\n")[-1], Garbled)
    assert parser.feed(b"250 ok\r\n") == []


def test_an_endless_line_is_garbled() -> None:
    assert isinstance(parse(b"250 " + b"x" * 9_000)[0], Garbled)


def test_an_endless_multi_line_reply_is_garbled() -> None:
    assert isinstance(parse(b"250-spam and more spam\r\n" * 10_000)[0], Garbled)


def test_our_own_replies_are_marked() -> None:
    assert local(451, "4.4.2", "connection lost").speaker is Speaker.OURSELVES
    assert parse(b"451 x\r\n")[0] == Reply(451, None, ("x",), Speaker.PEER)


def test_a_line_break_inside_a_text_cannot_make_a_second_reply() -> None:
    assert encode(Reply(550, None, ("no\r\n250 yes",))) == b"550 no 250 yes\r\n"


TEXTS = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=30)
REPLIES = st.builds(
    Reply,
    st.integers(200, 599),
    st.sampled_from([None, "2.0.0", "4.7.1", "5.1.10"]),
    st.lists(TEXTS, min_size=1, max_size=4).map(tuple),
)


@given(REPLIES)
def test_what_is_written_is_read_again(reply: Reply) -> None:
    (again,) = parse(encode(reply))
    assert isinstance(again, Reply)
    assert again.text == reply.text


@given(st.lists(REPLIES, max_size=4), st.data())
def test_the_split_of_the_bytes_does_not_matter(replies: list[Reply], data: st.DataObject) -> None:
    stream = b"".join(map(encode, replies))
    cut = data.draw(st.integers(0, len(stream)))
    parser = ReplyParser()
    assert parser.feed(stream[:cut]) + parser.feed(stream[cut:]) == parse(stream)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_raise(data: bytes) -> None:
    parse(data)
