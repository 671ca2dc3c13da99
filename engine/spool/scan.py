"""Reading a segment from its beginning: which records count, and where damage or the end begins."""

import errno
import logging
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from engine.spool import records
from engine.spool.files import Files
from engine.spool.records import FRAME_SIZE, Kind, Record

log = logging.getLogger(__name__)

_WINDOW = 256 * 1024
_PAGE = 4096
_USUAL = 512  # most heads fit


class Window:
    """A file read in stretches. What the disk cannot read appears as zeros."""

    def __init__(self, files: Files, fd: int, end: int, stretch: int = _WINDOW) -> None:
        self.end = end
        self._files = files
        self._fd = fd
        self._stretch = stretch
        self._start = 0
        self._data = b""

    def at(self, offset: int, size: int) -> tuple[bytes, int]:
        """A buffer and the position in it of `offset`, with `size` bytes after it unless the file ends."""
        position = offset - self._start
        if position < 0 or position + size > len(self._data):
            near = self._start <= offset <= self._start + len(self._data) + self._stretch
            wanted = max(size, self._stretch) if near else max(size, _PAGE)
            self._data = self._read(offset, min(wanted, max(0, self.end - offset)))
            self._start = offset
            position = 0
        return self._data, position

    def cut(self, offset: int, size: int) -> bytes:
        data, position = self.at(offset, size)
        return data[position : position + size]

    def _read(self, offset: int, size: int) -> bytes:
        try:
            return self._files.pread(self._fd, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        return b"".join(
            self._page(at, min(_PAGE, offset + size - at)) for at in range(offset, offset + size, _PAGE)
        )

    def _page(self, offset: int, size: int) -> bytes:
        try:
            return self._files.pread(self._fd, size, offset)
        except OSError:
            log.exception("A page of the spool cannot be read", extra={"event": "spool.unreadable"})
            return bytes(size)


class Group(NamedTuple):
    """The messages of one commit and its BATCH, which is None where damage has eaten it."""

    messages: list[Record]
    batch: Record | None


def read_record(window: Window, marker: bytes, offset: int) -> Record | None:
    """The record at `offset`; None if there is no intact one."""
    data, position = window.at(offset, _USUAL)
    length = FRAME_SIZE + records.head_length(data, position)
    if length > _USUAL and offset + length <= window.end:
        data, position = window.at(offset, length)
    record = records.decode_record(data, position, offset, marker)
    return None if record is None or record.end > window.end else record


def body_is_intact(window: Window, record: Record) -> bool:
    """Whether the body's checksum holds."""
    crc, offset = 0, record.body_offset
    while offset < record.end:
        piece = window.cut(offset, min(_WINDOW, record.end - offset))
        if not piece:
            return False
        crc = zlib.crc32(piece, crc)
        offset += len(piece)
    return crc == record.body_crc


def next_record(window: Window, marker: bytes, offset: int) -> int:
    """Where the next intact record at or after `offset` begins; the file's end if there is none."""
    while offset < window.end:
        data, position = window.at(offset, len(marker))
        found = data.find(marker, position)
        if found < 0:
            offset += max(1, len(data) - position - len(marker) + 1)
            continue
        offset += found - position
        if read_record(window, marker, offset) is not None:
            return offset
        offset += 1
    return window.end


def proven_length(window: Window, marker: bytes) -> int:
    """How much of the segment its own records prove to have been on stable storage."""
    proven = offset = 0
    while offset < window.end:
        record = read_record(window, marker, offset)
        if record is None:
            offset = next_record(window, marker, offset + 1)
            continue
        offset = record.end
        if record.kind == Kind.BATCH:
            proven = max(proven, records.decode_durable(record.head))
    return proven


def used_length(window: Window) -> int:
    """The file's length without the zeros at its end."""
    end = window.end
    while end > 0:
        start = max(0, end - _WINDOW)
        piece = window.cut(start, end - start)[: end - start].rstrip(b"\0")
        if piece:
            return start + len(piece)
        end = start
    return 0


class SegmentScan:
    """What counts in a segment of which `proven` bytes are known to have been on stable storage.

    Iterate it once; then `length` is the end of what counts, `damage` the stretches that were lost below
    `proven`, and `torn` says whether unacknowledged records follow.
    """

    def __init__(self, window: Window, marker: bytes, proven: int) -> None:
        self.length = 0
        self.damage: list[tuple[int, int]] = []
        self.torn = False
        self._window = window
        self._marker = marker
        self._proven = proven

    def __iter__(self) -> Iterator[Group]:
        offset, held = 0, list[Record]()
        while offset < self._window.end:
            record = read_record(self._window, self._marker, offset)
            if record is None:
                if offset >= self._proven:
                    break
                after = next_record(self._window, self._marker, offset + 1)
                self.damage.append((offset, after))
                yield Group(held, None)
                held = []
                if after == self._window.end:
                    self.length = self._proven
                    break
                offset = self.length = after
                continue
            offset = record.end
            if record.kind == Kind.MESSAGE:
                held.append(record)
                continue
            if offset > self._proven and not all(body_is_intact(self._window, m) for m in held):
                break
            self.length = offset
            if record.kind == Kind.BATCH:
                yield Group(held, record)
                held = []
        if held and held[-1].end <= self._proven:
            self.length = held[-1].end
            yield Group(held, None)
            held = []
        if self.length < self._proven:
            self.damage.append((self.length, self._proven))
        self.torn = bool(held) or used_length(self._window) > self.length
