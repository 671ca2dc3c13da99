"""The bytes on disk: what is written is read, and nothing else is believed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.spool import records
from engine.spool.base import Envelope, Settled, format_id, parse_id
from engine.spool.records import FRAME_SIZE, Kind, PostponedMark, SegmentHead, SettledMark

MARKER = b"\x89tide\r\n\x1a"
WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
IDS = st.integers(1, (1 << 64) - 1)
INDICES = st.integers(0, (1 << 32) - 1)
ENVELOPES = st.builds(
    Envelope,
    sender=WORD,
    recipients=st.lists(WORD, min_size=1, max_size=9).map(tuple),
    vmta=WORD,
    job=WORD,
    received_at=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    peer=WORD,
    wishes=WORD,
    eight_bit=st.booleans(),
    smtp_utf8=st.booleans(),
)
MARKS = st.one_of(
    st.builds(SettledMark, IDS, INDICES, st.sampled_from(Settled)),
    st.builds(
        PostponedMark,
        IDS,
        INDICES,
        IDS,
        st.integers(0, (1 << 32) - 1),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.binary(max_size=300),
    ),
)


def decode(data: bytes) -> records.Record | None:
    return records.decode_record(data, 0, 0, MARKER)


@given(message_id=IDS, envelope=ENVELOPES, body=st.binary(max_size=200), trailing=st.binary(max_size=50))
def test_a_message_is_read_as_it_was_written(
    message_id: int, envelope: Envelope, body: bytes, trailing: bytes
) -> None:
    head = records.encode_message(message_id, envelope)
    record = records.encode_record(MARKER, Kind.MESSAGE, head, body)
    found = decode(record + body + trailing)
    assert found is not None
    assert (found.kind, found.head, found.body_offset) == (Kind.MESSAGE, head, len(record))
    assert found.end == len(record) + len(body)
    assert records.decode_envelope(found.head) == envelope
    assert records.decode_pending(found.head) == (message_id, len(envelope.recipients), None)


@given(envelope=ENVELOPES, first=st.integers(1, 511), second=st.integers(1, 511))
def test_a_copy_tells_who_is_pending_and_keeps_the_envelope(
    envelope: Envelope, first: int, second: int
) -> None:
    head = records.with_mask(records.with_mask(records.encode_message(7, envelope), first), second)
    assert records.decode_pending(head) == (7, len(envelope.recipients), second)
    assert records.decode_envelope(head) == envelope


@given(durable=st.integers(0, 1 << 40), marks=st.lists(MARKS, max_size=20))
def test_a_batch_is_read_as_it_was_written(durable: int, marks: list[records.Mark]) -> None:
    found = decode(records.encode_batch(MARKER, durable, marks))
    assert found is not None
    assert records.decode_durable(found.head) == durable
    assert list(records.decode_marks(found.head)) == marks


def test_a_segment_head_is_read_as_it_was_written_and_another_version_is_refused() -> None:
    head = SegmentHead(7, 8, 9, 6, 1234)
    found = decode(records.encode_segment(MARKER, head))
    assert found is not None
    assert records.decode_segment(found.head) == head
    with pytest.raises(ValueError, match="format 2,"):
        records.decode_segment(b"\x02" + found.head[1:])


@given(marks=st.lists(MARKS, max_size=3), place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(marks: list[records.Mark], place: int, bit: int) -> None:
    data = bytearray(records.encode_batch(MARKER, 5, marks))
    data[place % len(data)] ^= 1 << bit
    assert decode(bytes(data)) is None


@given(marks=st.lists(MARKS, max_size=3), cut=st.integers(0, 10_000))
def test_no_shortened_record_is_believed(marks: list[records.Mark], cut: int) -> None:
    data = records.encode_batch(MARKER, 5, marks)
    assert decode(data[: cut % len(data)]) is None


def test_zeros_and_another_marker_are_no_record() -> None:
    assert decode(bytes(FRAME_SIZE + 100)) is None
    assert decode(records.encode_batch(b"another!", 5, [])) is None


def test_an_address_with_a_nul_is_refused() -> None:
    envelope = Envelope(sender="a\0b@c", recipients=("d@e",), vmta="v", received_at=datetime.now(UTC))
    with pytest.raises(ValueError, match="NUL"):
        records.encode_message(1, envelope)


def test_a_message_without_recipients_is_refused() -> None:
    with pytest.raises(ValueError, match="recipient"):
        Envelope(sender="a@b", recipients=(), vmta="v", received_at=datetime.now(UTC))


@given(IDS)
def test_the_short_form_of_an_id_reads_back_in_either_case(message_id: int) -> None:
    assert parse_id(format_id(message_id)) == message_id
    assert parse_id(f" {format_id(message_id).lower()} ") == message_id
    assert len(format_id(message_id)) >= 6


@pytest.mark.parametrize("text", ["", "  ", "U", "1-2", "Z" * 14])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_id(text)
