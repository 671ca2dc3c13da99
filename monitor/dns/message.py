"""DNS messages: names and questions to bytes, replies to values (RFC 1035 section 4). No sockets, no time.

A reply is trusted in two steps. Its header and question are read when it arrives and decide whether it is
an answer to us at all; its records are read only when somebody wants them. Whatever is wrong with them is a
`MalformedError`, never another exception, and takes time and memory in proportion to its 64 KB at most.
"""

import struct
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!HHHHHH")
_RECORD: Final = struct.Struct("!HHIH")
_IN: Final = 1
_FOREIGN: Final = 0
_ASKING: Final = struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0)
"""What follows the id of a query: recursion desired, one question."""

_KIND: Final = 0xF8
"""In the third byte: response or query, and the opcode."""

_RESPONSE: Final = 0x80
_TRUNCATED: Final = 0x02
_ONE: Final = b"\0\1"
_POINTER: Final = 0xC0
_FRONT: Final = 4
_LONGEST_NAME: Final = 255
_LONGEST_LABEL: Final = 63
_LONGEST_TTL: Final = 0x7FFFFFFF

MAX_RECORDS: Final = 64
"""Records looked at in one section; a list that answers more has lost its way."""

MAX_TEXT: Final = 4_096
"""Characters kept of all TXT strings of one reply."""


class MalformedError(ValueError):
    """Bytes that are no DNS message, or a name that cannot be asked."""


class RecordType(IntEnum):
    """The types that are understood."""

    A = 1
    CNAME = 5
    SOA = 6
    TXT = 16


_TAILS: Final = {kind: b"\0" + struct.pack("!HH", kind, _IN) for kind in RecordType}


class Rcode(IntEnum):
    """RFC 1035 section 4.1.1, those that mean something to us."""

    NOERROR = 0
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class Address(NamedTuple):
    """One A record; `ttl` in seconds."""

    host: str
    ttl: int


class Reply(NamedTuple):
    """A reply whose header and question were found right; `body` is where its records begin."""

    rcode: int
    truncated: bool
    packet: bytes
    body: int


class _Record(NamedTuple):
    owner: bytes
    kind: int
    ttl: int
    start: int
    end: int


def question(name: str, kind: RecordType) -> bytes:
    """The question section for a name in presentation form, without escapes. Raises MalformedError."""
    # a list is asked about one address after the other: what follows four labels is mostly the same
    parts = name.split(".", _FRONT)
    rest = _wire(parts.pop()) if len(parts) > _FRONT else b""
    wire = _wire(".".join(parts)) if len(parts) < _FRONT else b"".join(map(_label, parts))
    if len(wire) + len(rest) >= _LONGEST_NAME:
        raise MalformedError("a DNS name has 255 bytes at most")
    return wire + rest + _TAILS[kind]


@lru_cache(maxsize=4_096)
def _label(text: str) -> bytes:
    try:
        label = text.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedError("a DNS name must be ASCII") from None
    if not 0 < len(label) <= _LONGEST_LABEL:
        raise MalformedError("a DNS name has labels of 1 to 63 bytes")
    return bytes((len(label),)) + label


@lru_cache(maxsize=1_024)
def _wire(name: str) -> bytes:
    return b"".join(_label(label) for label in name.removesuffix(".").split("."))


def query(identity: int, asked: bytes) -> bytes:
    """A whole query: one question, recursion desired."""
    return identity.to_bytes(2) + _ASKING + asked


def identity(packet: bytes) -> int:
    """The id of a message. Raises MalformedError when the packet has no room for a header."""
    if len(packet) < HEADER.size:
        raise MalformedError("shorter than a header")
    return packet[0] << 8 | packet[1]


def reply(packet: bytes, asked: bytes) -> Reply | None:
    """The packet as a reply to a question, or None when it is not one. The id is the caller's business."""
    body = 12 + len(asked)
    if len(packet) < body or packet[2] & _KIND != _RESPONSE or packet[4:6] != _ONE:
        return None
    echoed = packet[12:body]
    # names are compared without case: some servers answer in the case that they keep (RFC 4343)
    if echoed != asked and echoed.lower() != asked.lower():
        return None
    return Reply(packet[3] & 0x0F, packet[2] & _TRUNCATED != 0, packet, body)


def addresses(answer: Reply) -> list[Address]:
    """The A records for the name that was asked, CNAMEs followed. Raises MalformedError."""
    records = _section(answer, 0)
    aliases = {r.owner: r for r in records if r.kind == RecordType.CNAME}
    owner, _ = _name(answer.packet, HEADER.size)
    for _ in range(len(aliases)):  # a loop of aliases ends here, too
        alias = aliases.pop(owner, None)
        if alias is None:
            break
        owner, _ = _name(answer.packet, alias.start)
    wanted = [r for r in records if r.kind == RecordType.A and r.owner == owner]
    if any(r.end - r.start != 4 for r in wanted):
        raise MalformedError("an address that is not four bytes long")
    return [Address(str(IPv4Address(answer.packet[r.start : r.end])), r.ttl) for r in wanted]


def texts(answer: Reply) -> tuple[str, ...]:
    """The TXT records, the strings of each joined, MAX_TEXT characters in all. Raises MalformedError."""
    found: list[str] = []
    room = MAX_TEXT
    for record in _section(answer, 0):
        if record.kind != RecordType.TXT or room <= 0:
            continue
        text = _strings(answer.packet, record, room)
        room -= len(text)
        found.append(text)
    return tuple(found)


def negative_ttl(answer: Reply) -> int | None:
    """How long "no such name" may be kept: the SOA's own TTL or its minimum, the smaller (RFC 2308 5)."""
    for record in _section(answer, 1):
        if record.kind == RecordType.SOA:
            _, after = _name(answer.packet, record.start)
            _, after = _name(answer.packet, after)
            if after + 20 != record.end:
                raise MalformedError("an SOA record of the wrong length")
            minimum = int.from_bytes(answer.packet[after + 16 : after + 20])
            return min(record.ttl, _ttl(minimum))
    return None


def _strings(packet: bytes, record: _Record, room: int) -> str:
    parts: list[bytes] = []
    place, length = record.start, 0
    while place < record.end and length < room:
        size = packet[place]
        if place + 1 + size > record.end:
            raise MalformedError("a TXT string that does not end")
        parts.append(packet[place + 1 : place + 1 + size])
        place, length = place + 1 + size, length + size
    return b"".join(parts).decode("utf-8", "replace")[:room]


def _section(answer: Reply, number: int) -> list[_Record]:
    """The records of the answer (0) or authority (1) section, MAX_RECORDS at most of each."""
    counts = HEADER.unpack_from(answer.packet)[3:]
    place = answer.body
    records: list[_Record] = []
    for section in range(number + 1):
        records = []
        if counts[section] > MAX_RECORDS and section < number:
            raise MalformedError("more records than anybody needs")
        for _ in range(min(counts[section], MAX_RECORDS)):
            record = _record(answer.packet, place)
            records.append(record)
            place = record.end
    return records


def _record(packet: bytes, place: int) -> _Record:
    owner, place = _name(packet, place)
    start = place + _RECORD.size
    if start > len(packet):
        raise MalformedError("a record that does not fit")
    kind, family, ttl, length = _RECORD.unpack_from(packet, place)
    if start + length > len(packet):
        raise MalformedError("a record that does not fit")
    return _Record(owner, kind if family == _IN else _FOREIGN, _ttl(ttl), start, start + length)


def _name(packet: bytes, place: int) -> tuple[bytes, int]:
    """The name at a place, in lower case with its lengths, and the place after it.

    A pointer must point backwards, each further than the one before: no loop is possible.
    """
    parts: list[bytes] = []
    length, after, bound = 0, -1, place
    while True:
        if place >= len(packet):
            raise MalformedError("a name that does not end")
        size = packet[place]
        if size >= _POINTER:
            if place + 1 >= len(packet):
                raise MalformedError("a name that does not end")
            after = place + 2 if after < 0 else after
            place = (size & 0x3F) << 8 | packet[place + 1]
            if place >= bound:
                raise MalformedError("a pointer that points ahead")
            bound = place
            continue
        length += size + 1
        if size > _LONGEST_LABEL or length > _LONGEST_NAME or place + 1 + size > len(packet):
            raise MalformedError("a label or a name that is too long")
        if size == 0:
            return b"".join(parts), place + 1 if after < 0 else after
        parts.append(packet[place : place + 1 + size].lower())
        place += 1 + size


def _ttl(value: int) -> int:
    # RFC 2181 section 8: with the first bit set it counts as zero
    return value if value <= _LONGEST_TTL else 0
