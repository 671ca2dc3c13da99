"""At start: from the segments on the disk to the index in memory. Reads heads, not contents.

What the log's rules mean is decided here: which successor to believe, what is torn and what is damage.
"""

import logging
import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SpoolError
from engine.spool import records, scan
from engine.spool.base import PendingRecipient
from engine.spool.files import Files
from engine.spool.index import Index, Segment
from engine.spool.places import Place
from engine.spool.records import Kind, PostponedMark, SegmentHead, SettledMark
from engine.spool.scan import Group, SegmentScan, Window

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{10,})-([0-9a-f]{16})\.segment\Z")
_NO_HEAD = SegmentHead(0, 1, 1, 0, 0)
_RETRY = struct.Struct("<QIqI")


class Retries:
    """The retry state of postponed recipients, packed: about 140 bytes each until it is taken."""

    def __init__(self) -> None:
        self._packed: dict[int, bytes] = {}
        self._errors: dict[bytes, int] = {}
        self._texts: list[str] = []

    def add(self, mark: PostponedMark) -> None:
        """Keep the mark unless a newer one is known."""
        key = mark.message_id << 32 | mark.recipient
        known = self._packed.get(key)
        if known is not None and _RETRY.unpack(known)[0] > mark.revision:
            return
        number = self._errors.setdefault(mark.error, len(self._texts))
        if number == len(self._texts):
            self._texts.append(mark.error.decode("utf-8", "replace"))
        self._packed[key] = _RETRY.pack(mark.revision, mark.attempts, mark.when, number)

    def discard(self, message_id: int, recipient: int) -> None:
        self._packed.pop(message_id << 32 | recipient, None)

    def take(self, message_id: int, recipient: int) -> PendingRecipient:
        packed = self._packed.pop(message_id << 32 | recipient, None)
        if packed is None:
            return PendingRecipient(recipient)
        _, attempts, when, number = _RETRY.unpack(packed)
        return PendingRecipient(recipient, attempts, records.moment(when), self._texts[number])


@dataclass(slots=True)
class Recovered:
    """What a start found. `predecessor` is the last segment and how much of it counts."""

    marker: bytes
    index: Index = field(default_factory=Index)
    retries: Retries = field(default_factory=Retries)
    next_id: int = 1
    next_revision: int = 1
    next_sequence: int = 1
    predecessor: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _File:
    """A segment as found: `filled` if anything follows its first record."""

    sequence: int
    path: Path
    size: int
    head: SegmentHead
    filled: bool


def recover(files: Files, directory: Path) -> Recovered:
    """Read the whole log. Raises OSError, SpoolError."""
    names, marker = _segments(files.names(directory))
    found = Recovered(marker)
    all_files = [_examine(files, directory / names[sequence], sequence, marker) for sequence in sorted(names)]
    last = max((file.sequence for file in all_files if file.filled), default=0)
    for file in all_files:
        fd = files.open(file.path)
        try:
            _read(files, fd, file, all_files, last, found)
        finally:
            files.close(fd)
    return found


def _segments(names: list[str]) -> tuple[dict[int, str], bytes]:
    """Names by sequence, and the newest one's marker, which is the spool's."""
    matches = sorted((int(m[1]), m[2], m[0]) for m in map(_NAME.match, names) if m)
    if not matches:
        return {}, os.urandom(records.MARKER_SIZE)
    marker = matches[-1][1]
    strangers = [name for _, other, name in matches if other != marker]
    if strangers:
        raise SpoolError(f"The spool holds another spool's segments; move them away: {', '.join(strangers)}")
    return {sequence: name for sequence, _, name in matches}, bytes.fromhex(marker)


def _examine(files: Files, path: Path, sequence: int, marker: bytes) -> _File:
    fd = files.open(path)
    try:
        size = files.size(fd)
        window = Window(files, fd, size)
        first = scan.read_record(window, marker, 0)
        if first is None or first.kind != Kind.SEGMENT:
            return _File(sequence, path, size, _NO_HEAD, scan.next_record(window, marker, 1) < size)
        filled = scan.read_record(window, marker, first.end) is not None
        return _File(sequence, path, size, records.decode_segment(first.head), filled)
    except ValueError as error:
        raise SpoolError(f"{path}: {error}") from error
    finally:
        files.close(fd)


def _read(files: Files, fd: int, file: _File, others: list[_File], last: int, found: Recovered) -> None:
    claim = next((f.head.predecessor_length for f in reversed(others) if f.filled and _names(f, file)), None)
    window = Window(files, fd, file.size if claim is None else min(file.size, claim))
    if claim is not None:
        proven = claim
    elif file.sequence < last:
        proven = scan.used_length(window)
    else:
        # a successor without a commit vouches for what it names, but the log may have gone on without it
        hints = [f.head.predecessor_length for f in others if _names(f, file)]
        proven = max([scan.proven_length(window, found.marker), *hints])
    found.next_id = max(found.next_id, file.head.next_id)
    found.next_revision = max(found.next_revision, file.head.next_revision)
    reading = SegmentScan(window, found.marker, proven)
    segment = found.index.segment(file.sequence)
    for group in reading:
        _apply(group, segment, found)
    segment.length, segment.closed = reading.length, True
    _report(file, reading)
    if file.size > segment.length or file.sequence >= last:
        segment.trimmed = _trim(files, fd, file, segment.length)
    found.next_sequence = file.sequence + 1
    found.predecessor = (file.sequence, segment.length)


def _names(successor: _File, file: _File) -> bool:
    return successor.head.predecessor == file.sequence


def _apply(group: Group, segment: Segment, found: Recovered) -> None:
    sequence, put, newest = segment.sequence, found.index.put, found.next_id - 1
    for offset, _, head, _, end, _ in group.messages:
        message_id, recipients, mask = records.decode_pending(head)
        if mask is None:
            segment.originals.add(message_id)
        else:
            segment.copies.add(message_id)
        newest = max(newest, message_id)
        put(message_id, Place(sequence, offset, end - offset), recipients, mask)
    found.next_id = newest + 1
    if group.batch is None:
        return
    segment.mark_bytes += len(group.batch.head)
    for mark in records.decode_marks(group.batch.head):
        if isinstance(mark, PostponedMark):
            segment.postponed.add(mark.message_id)
            found.next_revision = max(found.next_revision, mark.revision + 1)
            found.retries.add(mark)
        else:
            segment.settled.add(mark.message_id)
            _settle(mark, found)


def _settle(mark: SettledMark, found: Recovered) -> None:
    found.retries.discard(mark.message_id, mark.recipient)
    if found.index.pending(mark.message_id) >> mark.recipient & 1:
        found.index.settle(mark.message_id, mark.recipient)


def _report(file: _File, reading: SegmentScan) -> None:
    for first, after in reading.damage:
        log.error(
            "%s is damaged from byte %d to %d; what was there is lost, the rest is kept",
            file.path,
            first,
            after,
            extra={"event": "spool.damaged", "segment": file.sequence},
        )
    if reading.torn:
        log.warning(
            "%s ends in a commit that was never acknowledged; cut off at byte %d",
            file.path,
            reading.length,
            extra={"event": "spool.torn", "segment": file.sequence},
        )


def _trim(files: Files, fd: int, file: _File, length: int) -> bool:
    """Cut off what does not count, and make durable what a killed process left in the page cache."""
    try:
        if file.size > length:
            files.ftruncate(fd, length)
        files.fdatasync(fd)
    except OSError:
        log.exception("%s cannot be trimmed", file.path, extra={"event": "spool.trim"})
        return False
    return True
