"""Appends commits to the active segment. Runs in the committing thread alone; every call blocks.

Room is allocated before it is needed, and the last part of it is kept for marks: a full disk refuses new
messages while deliveries are still noted. A failed write is cut off again. After a failed fdatasync the
page cache may call lost pages clean (https://wiki.postgresql.org/wiki/Fsync_Errors), so that the
segment is closed at its last durable byte and read back from the disk, and the next commit begins another.
"""

import contextlib
import errno
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from engine.spool import records, scan
from engine.spool.commits import FULL, Batch, Closed, Commit, SpoolOptions
from engine.spool.files import Files
from engine.spool.records import Mark, SegmentHead, SettledMark, segment_name

log = logging.getLogger(__name__)

_IOV_MAX = 1024  # Linux, writev(2)


@dataclass(slots=True)
class _Active:
    sequence: int
    fd: int
    capacity: int
    end: int
    durable: int


class SegmentWriter:
    """The log's growing end. `sequence` is the first one it may use."""

    def __init__(
        self,
        files: Files,
        directory: Path,
        marker: bytes,
        options: SpoolOptions,
        *,
        sequence: int,
        predecessor: tuple[int, int] = (0, 0),
    ) -> None:
        self._files = files
        self._directory = directory
        self._marker = marker
        self._options = options
        self._sequence = sequence
        self._predecessor = predecessor
        self._active: _Active | None = None
        self._owed: list[Mark] = []
        self._unsynced: list[Mark] = []
        self._closed: list[Closed] = []

    def commit(self, batch: Batch) -> Commit:
        """Append the batch; never raises OSError."""
        self._owed += batch.marks
        try:
            done = self._append(batch)
        except OSError as error:
            done = self._marks_alone(batch) if batch.entries and self._owed else Commit(batch)
            done.error = error
        done.closed, self._closed = self._closed, []
        done.pending_sync = bool(self._unsynced or self._owed)
        return done

    def close(self) -> None:
        """Let go of the active segment, leaving room for the marks of a next start on a full disk."""
        active, self._active = self._active, None
        if active is None:
            return
        with contextlib.suppress(OSError):
            self._files.ftruncate(active.fd, min(active.capacity, active.end + self._options.mark_reserve))
        self._files.close(active.fd)

    def _marks_alone(self, batch: Batch) -> Commit:
        """The batch has failed; the marks may still fit into the room kept for them."""
        alone = Batch((), (), False, batch.next_id, batch.next_revision)
        try:
            done = self._append(alone)
        except OSError:
            return Commit(batch)
        done.batch = batch
        return done

    def _append(self, batch: Batch) -> Commit:
        done = Commit(batch, synced=batch.durable)
        if batch.entries or self._owed:
            self._write(batch, done)
        if batch.durable and self._active is not None:
            self._sync(self._active)
        return done

    def _write(self, batch: Batch, done: Commit) -> None:
        size = sum(len(entry.head) + len(entry.body) for entry in batch.entries)
        size += len(records.encode_batch(self._marker, 0, self._owed))
        active = self._room(size, batch)
        trailer = records.encode_batch(self._marker, active.durable, self._owed)
        buffers = [part for entry in batch.entries for part in (entry.head, entry.body) if part]
        self._put(active, [*buffers, trailer])
        done.sequence, done.start, done.end = active.sequence, active.end, active.end + size
        done.mark_bytes = len(trailer)
        for mark in self._owed:
            (done.settled if isinstance(mark, SettledMark) else done.postponed).add(mark.message_id)
        active.end += size
        self._unsynced += self._owed
        self._owed = []

    def _put(self, active: _Active, buffers: list[bytes]) -> None:
        offset = active.end
        try:
            for first in range(0, len(buffers), _IOV_MAX):
                part = buffers[first : first + _IOV_MAX]
                wanted = sum(map(len, part))
                if self._files.pwritev(active.fd, part, offset) != wanted:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - the usual cause
                offset += wanted
        except OSError:
            self._cut_back(active)
            raise

    def _cut_back(self, active: _Active) -> None:
        """Nothing of a failed commit may remain; the room allocated for later goes with it."""
        try:
            self._files.ftruncate(active.fd, active.end)
            self._files.fdatasync(active.fd)
        except OSError:
            self._disown(active)
            return
        try:
            self._files.allocate(active.fd, active.capacity)
        except OSError:
            active.capacity = active.end

    def _sync(self, active: _Active) -> None:
        if active.durable == active.end:
            return
        try:
            self._files.fdatasync(active.fd)
        except OSError:
            self._disown(active)
            self._verify(active)
            raise
        active.durable = active.end
        self._unsynced = []

    def _room(self, size: int, batch: Batch) -> _Active:
        """The active segment if `size` more bytes fit, else a new one."""
        active = self._active
        kept = self._options.mark_reserve if batch.entries else 0
        if active is not None and active.end + size + kept <= active.capacity:
            return active
        if active is not None:
            self._sync(active)
        wanted = size + self._options.mark_reserve + 2 * records.FRAME_SIZE + 64
        try:
            fresh = self._create(max(self._options.segment_size, wanted), batch)
        except OSError as error:
            if batch.entries or error.errno not in FULL:
                raise
            fresh = self._create(wanted, batch)  # a little room may do for marks
        if active is not None:
            self._retire(active, active.end)
        self._active = fresh
        return fresh

    def _create(self, capacity: int, batch: Batch) -> _Active:
        sequence, self._sequence = self._sequence, self._sequence + 1
        previous = (self._active.sequence, self._active.end) if self._active else self._predecessor
        head = SegmentHead(sequence, batch.next_id, batch.next_revision, *previous)
        first = records.encode_segment(self._marker, head)
        path = self._directory / segment_name(sequence, self._marker)
        fd = self._files.create(path)
        try:
            self._allocate(fd, capacity)
            if self._files.pwritev(fd, [first], 0) != len(first):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - as in _put
            self._files.fdatasync(fd)
            self._files.sync_directory(self._directory)
        except OSError:
            self._files.close(fd)
            # should the file come back all the same: one without a commit says nothing (see recovery)
            with contextlib.suppress(OSError):
                self._files.unlink(path)
            raise
        return _Active(sequence, fd, capacity, len(first), len(first))

    def _allocate(self, fd: int, capacity: int) -> None:
        try:
            self._files.allocate(fd, capacity)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise

    def _disown(self, active: _Active) -> None:
        """After a failure: only what was durable before it counts; the marks since then are owed again."""
        self._owed = self._unsynced + self._owed
        self._unsynced = []
        self._retire(active, active.durable, sync=True)

    def _retire(self, active: _Active, length: int, *, sync: bool = False) -> None:
        """Take no more into this segment; what lies beyond `length` does not count."""
        trimmed = True
        try:
            self._files.ftruncate(active.fd, length)
            if sync:
                self._files.fdatasync(active.fd)
        except OSError:
            trimmed = False
            log.exception(
                "Segment %d cannot be trimmed",
                active.sequence,
                extra={"event": "spool.trim", "segment": active.sequence},
            )
        self._closed.append(Closed(active.sequence, length, trimmed))
        self._predecessor = (active.sequence, length)
        self._active = None
        with contextlib.suppress(OSError):
            self._files.close(active.fd)

    def _verify(self, active: _Active) -> None:
        """Read back from the disk what was promised before an fdatasync failed."""
        path = self._directory / segment_name(active.sequence, self._marker)
        try:
            damage = read_back(self._files, path, self._marker, active.durable)
        except OSError as error:
            damage = [f"{error.strerror or error}"]
        if damage:
            log.critical(
                "The disk lost messages that the spool had accepted: %s",
                "; ".join(damage),
                extra={"event": "spool.lost", "segment": active.sequence},
            )


def read_back(files: Files, path: Path, marker: bytes, length: int) -> list[str]:
    """What is wrong with the first `length` bytes of a segment, as sentences. Raises OSError."""
    fd = files.open(path)
    try:
        files.forget(fd)
        window = scan.Window(files, fd, length)
        reading = scan.SegmentScan(window, marker, length)
        bad = [
            f"message {m.offset} is damaged"
            for group in reading
            for m in group.messages
            if not scan.body_is_intact(window, m)
        ]
    finally:
        files.close(fd)
    return bad + [f"bytes {first} to {last} are damaged" for first, last in reading.damage]
