"""The bytes of the spool's log. This is the format's documentation; all integers are little-endian.

A spool is a directory of segments `<sequence>-<marker>.segment`: sequence ten decimal digits, marker the
spool's own eight random bytes in hex. A segment is a row of records, perhaps followed by zeros (room
allocated beforehand). A record is

    marker 8 | crc 4 | head length 4 | body length 4 | body crc 4 | type 1 | head | body

`crc` is the CRC-32 of everything between itself and the body, `body crc` that of the body, so that
a start reads envelopes without contents. The marker lets a reader find the next record after damage; being
random, it cannot be forged inside a mail.

type     head                                                                      body
SEGMENT  version 2, sequence 8, next id 8, next revision 8, predecessor 8, its length 8   -
MESSAGE  id 8, received 8 (us since 1970), flags 1, recipients 4, mask length 4,   content
         mask (which recipients are pending; empty = all), UTF-8 text with NUL
         between: sender, vmta, job, peer, DSN wishes, recipients...
BATCH    durable 8, marks...                                                       -
  mark   settled:   code 1, id 8, recipient 4
         postponed: 0 1, id 8, recipient 4, revision 8, attempts 4, when 8, length 2, UTF-8 error

A commit writes its MESSAGE records and then one BATCH; messages without their BATCH were never
acknowledged. `durable` is how much of this segment was on stable storage before the commit: a bad record
below the largest `durable` is damage, above it is a torn tail. The first record of a segment says in the
same way how much of its predecessor counts. Of two copies of a message the later counts; of two
postponements the higher revision.
"""

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from engine.spool.base import Envelope, Settled

VERSION = 1
MARKER_SIZE = 8

_PREFIX = struct.Struct("<8sI")
_FIXED = struct.Struct("<IIIB")
FRAME_SIZE = _PREFIX.size + _FIXED.size
_SEGMENT = struct.Struct("<HQQQQQ")
_MESSAGE = struct.Struct("<QqBII")
_DURABLE = struct.Struct("<Q")
_SETTLED = struct.Struct("<BQI")
_POSTPONED = struct.Struct("<BQIQIqH")
_POSTPONED_CODE = 0
_EIGHT_BIT, _SMTP_UTF8 = 1, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_CODES = {
    Settled.DELIVERED: 1,
    Settled.BOUNCED: 2,
    Settled.EXPIRED: 3,
    Settled.DELETED: 4,
    Settled.DISCARDED: 5,
    Settled.ABANDONED: 6,
}
_OUTCOMES = {code: outcome for outcome, code in _CODES.items()}


class Kind(IntEnum):
    """The type byte."""

    SEGMENT = 1
    MESSAGE = 2
    BATCH = 3


class Record(NamedTuple):
    """A record whose head is intact; of its body only the place and the checksum are known."""

    offset: int
    kind: int
    head: bytes
    body_offset: int
    end: int
    body_crc: int

    @property
    def size(self) -> int:
        return self.end - self.offset


class SegmentHead(NamedTuple):
    """The first record of a segment."""

    sequence: int
    next_id: int
    next_revision: int
    predecessor: int
    predecessor_length: int


class SettledMark(NamedTuple):
    """This recipient needs no further attempt."""

    message_id: int
    recipient: int
    outcome: Settled


class PostponedMark(NamedTuple):
    """This recipient is to be tried again at `when` (us since 1970)."""

    message_id: int
    recipient: int
    revision: int
    attempts: int
    when: int
    error: bytes


Mark = SettledMark | PostponedMark


def segment_name(sequence: int, marker: bytes) -> str:
    return f"{sequence:010d}-{marker.hex()}.segment"


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The aware UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def encode_record(marker: bytes, kind: Kind, head: bytes, body: bytes = b"") -> bytes:
    """Everything but the body, which is written beside it to spare a copy."""
    checked = _FIXED.pack(len(head), len(body), zlib.crc32(body), kind) + head
    return _PREFIX.pack(marker, zlib.crc32(checked)) + checked


def head_length(data: bytes, position: int) -> int:
    """How long a record's head says it is; 0 if not even that is in the buffer."""
    return int.from_bytes(data[position + _PREFIX.size : position + _PREFIX.size + 4], "little")


def decode_record(data: bytes, position: int, offset: int, marker: bytes) -> Record | None:
    """The record at `position` of a buffer and `offset` of the file; None if its head is not intact."""
    if len(data) - position < FRAME_SIZE:
        return None
    found, crc = _PREFIX.unpack_from(data, position)
    if found != marker:
        return None
    start = position + _PREFIX.size
    length, body_length, body_crc, kind = _FIXED.unpack_from(data, start)
    checked = data[start : position + FRAME_SIZE + length]
    if zlib.crc32(checked) != crc or len(checked) != _FIXED.size + length:
        return None
    body_offset = offset + FRAME_SIZE + length
    return Record(offset, kind, checked[_FIXED.size :], body_offset, body_offset + body_length, body_crc)


def encode_segment(marker: bytes, head: SegmentHead) -> bytes:
    return encode_record(marker, Kind.SEGMENT, _SEGMENT.pack(VERSION, *head))


def decode_segment(head: bytes) -> SegmentHead:
    """Raises ValueError for a format that this version cannot read."""
    version, *rest = _SEGMENT.unpack(head)
    if version != VERSION:
        raise ValueError(f"format {version}, but this version reads {VERSION}")
    return SegmentHead(*rest)


def encode_message(message_id: int, envelope: Envelope) -> bytes:
    """The head of a MESSAGE record. Raises ValueError when a text contains NUL."""
    words = (envelope.sender, envelope.vmta, envelope.job, envelope.peer, envelope.wishes)
    text = "\0".join(words + envelope.recipients).encode("utf-8", "surrogateescape")
    count = len(envelope.recipients)
    if text.count(0) != len(words) + count - 1:
        raise ValueError("an envelope must not contain NUL")
    flags = _EIGHT_BIT * envelope.eight_bit | _SMTP_UTF8 * envelope.smtp_utf8
    return _MESSAGE.pack(message_id, microseconds(envelope.received_at), flags, count, 0) + text


def with_mask(head: bytes, mask: int) -> bytes:
    """The same MESSAGE head, saying which recipients (bit n = recipient n) are pending."""
    message_id, received, flags, count, old = _MESSAGE.unpack_from(head)
    packed = mask.to_bytes((mask.bit_length() + 7) // 8, "little")
    text = head[_MESSAGE.size + old :]
    return _MESSAGE.pack(message_id, received, flags, count, len(packed)) + packed + text


def decode_pending(head: bytes) -> tuple[int, int, int | None]:
    """Of a MESSAGE head: id, number of recipients, and in a copy the mask of those pending, else None."""
    message_id, _, _, count, size = _MESSAGE.unpack_from(head)
    if not size:
        return message_id, count, None
    return message_id, count, int.from_bytes(head[_MESSAGE.size : _MESSAGE.size + size], "little")


def decode_envelope(head: bytes) -> Envelope:
    """Of a MESSAGE head: the envelope."""
    _, received, flags, _, size = _MESSAGE.unpack_from(head)
    words = head[_MESSAGE.size + size :].decode("utf-8", "surrogateescape").split("\0")
    sender, vmta, job, peer, wishes, *recipients = words
    return Envelope(
        sender=sender,
        recipients=tuple(recipients),
        vmta=vmta,
        job=job,
        received_at=moment(received),
        peer=peer,
        wishes=wishes,
        eight_bit=bool(flags & _EIGHT_BIT),
        smtp_utf8=bool(flags & _SMTP_UTF8),
    )


def encode_batch(marker: bytes, durable: int, marks: list[Mark]) -> bytes:
    """A BATCH record: `durable` bytes of the segment were on stable storage before."""
    return encode_record(marker, Kind.BATCH, _DURABLE.pack(durable) + b"".join(map(_encode_mark, marks)))


def _encode_mark(mark: Mark) -> bytes:
    if isinstance(mark, SettledMark):
        return _SETTLED.pack(_CODES[mark.outcome], mark.message_id, mark.recipient)
    return _POSTPONED.pack(_POSTPONED_CODE, *mark[:5], len(mark.error)) + mark.error


def decode_durable(head: bytes) -> int:
    """Of a BATCH head: how much of the segment was durable before it."""
    durable: int = _DURABLE.unpack_from(head)[0]
    return durable


def decode_marks(head: bytes) -> Iterator[Mark]:
    """Of a BATCH head: its marks, in order."""
    position, end = _DURABLE.size, len(head)
    while position < end:
        if head[position] != _POSTPONED_CODE:
            code, message_id, recipient = _SETTLED.unpack_from(head, position)
            position += _SETTLED.size
            yield SettledMark(message_id, recipient, _OUTCOMES.get(code, Settled.DISCARDED))
        else:
            _, message_id, recipient, revision, attempts, when, size = _POSTPONED.unpack_from(head, position)
            position += _POSTPONED.size + size
            error = head[position - size : position]
            yield PostponedMark(message_id, recipient, revision, attempts, when, error)
