"""A disk that can be filled, broken and unplugged: the shipped fake of Files.

What was written is in the page cache until fdatasync; a power cut keeps what was synced and any part of
the rest. After a failed fdatasync the cache calls lost pages clean, as Linux does.
"""

import contextlib
import errno
import os
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SECTOR = 512


@dataclass(slots=True)
class _Inode:
    cache: bytearray = field(default_factory=bytearray)
    disk: bytearray = field(default_factory=bytearray)
    dirty: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes not yet synced: an offset and bytes, or None for a truncation to the offset."""


def _apply(data: bytearray, offset: int, piece: bytes | None) -> None:
    if piece is None:
        del data[offset:]
        data.extend(bytes(offset - len(data)))
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(piece)] = piece


class Unplugged(OSError):  # noqa: N818 - reads as what happened
    """The machine has lost power: nothing works any more."""


class SimulatedDisk:
    """Implements Files in memory. `capacity` in bytes; None has room for ever.

    `calls` counts the calls that change something. `faults` maps such a number, from 1, to the errno it
    fails with, to its negative if it fails only after it was done, or to 0 for a short write; `permanent`
    fails a call by name; `failed` tells which did. After `cut_after` calls the power is off.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.calls = 0
        self.faults: dict[int, int] = {}
        self.permanent: dict[str, int] = {}
        self.cut_after: int | None = None
        self.failed: list[str] = []
        self.bad_reads: set[tuple[str, int]] = set()
        self._names: dict[str, _Inode] = {}
        self._durable_names: dict[str, _Inode] = {}
        self._open: dict[int, tuple[str, _Inode]] = {}
        self._locks: dict[str, int] = {}
        self._next_fd = 1000
        self._unplugged = False
        self._mutex = threading.RLock()

    # what tests do to it

    def power_cut(self, rng: random.Random) -> "SimulatedDisk":
        """Another disk as found after the power is back; this one is dead."""
        with self._mutex:
            self._unplugged = True
            after = SimulatedDisk(self.capacity)
            names = dict(self._durable_names)
            for name in sorted({*self._names, *names}):
                if rng.random() < 0.5:  # any change of the directory may have reached the disk or not
                    now = self._names.get(name)
                    names.pop(name, None)
                    if now is not None:
                        names[name] = now
            for name, inode in names.items():
                survived = _Inode(disk=bytearray(inode.disk))
                for offset, piece in inode.dirty:
                    _write_some(survived.disk, offset, piece, rng)
                survived.cache[:] = survived.disk
                after._names[name] = after._durable_names[name] = survived
            return after

    def killed(self) -> "SimulatedDisk":
        """Another disk as found by the next process: the page cache survives a kill -9."""
        with self._mutex:
            self._unplugged = True
            after = SimulatedDisk(self.capacity)
            after._names = dict(self._names)
            after._durable_names = dict(self._durable_names)
            return after

    def spoil(self, name: str, offset: int, piece: bytes) -> None:
        """Bit rot: other bytes than were written."""
        inode = self._names[name]
        _apply(inode.cache, offset, piece)
        _apply(inode.disk, offset, piece)

    def bytes_of(self, name: str) -> bytes:
        return bytes(self._names[name].cache)

    def used(self) -> int:
        return sum(len(inode.cache) for inode in self._names.values())

    # Files

    def make_directory(self, path: Path) -> None:
        """There is only one directory, and it exists."""

    def names(self, directory: Path) -> list[str]:  # noqa: ARG002
        return list(self._names)

    def create(self, path: Path) -> int:
        with self._changing("create"):
            if path.name in self._names:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path.name)
            self._names[path.name] = _Inode()
            return self._descriptor(path.name)

    def open(self, path: Path) -> int:
        with self._mutex:
            if path.name not in self._names:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return self._descriptor(path.name)

    def close(self, fd: int) -> None:
        with self._mutex:
            name, _ = self._open.pop(fd)
            if self._locks.get(name) == fd:
                del self._locks[name]

    def size(self, fd: int) -> int:
        return len(self._open[fd][1].cache)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        with self._mutex:
            name, inode = self._open[fd]
            for bad_name, at in self.bad_reads:
                if bad_name == name and offset <= at < offset + size:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            return bytes(inode.cache[offset : offset + size])

    def pwritev(self, fd: int, buffers: Sequence[bytes], offset: int) -> int:
        with self._changing("pwritev") as short:
            inode, data = self._open[fd][1], b"".join(buffers)
            data = data[: len(data) // 2] if short else data
            self._grow(inode, offset + len(data))
            _apply(inode.cache, offset, data)
            inode.dirty.append((offset, data))
            return len(data)

    def allocate(self, fd: int, length: int) -> None:
        with self._changing("allocate"):
            inode = self._open[fd][1]
            self._grow(inode, length)
            if length > len(inode.cache):
                _apply(inode.cache, length, None)
                inode.dirty.append((length, None))

    def fdatasync(self, fd: int) -> None:
        inode = self._open[fd][1]
        try:
            with self._changing("fdatasync"):
                for offset, piece in inode.dirty:
                    _apply(inode.disk, offset, piece)
        finally:
            if not self._unplugged:
                inode.dirty.clear()  # after a failure too: Linux marks the pages clean

    def ftruncate(self, fd: int, length: int) -> None:
        with self._changing("ftruncate"):
            inode = self._open[fd][1]
            _apply(inode.cache, length, None)
            inode.dirty.append((length, None))

    def sync_directory(self, directory: Path) -> None:  # noqa: ARG002
        with self._changing("sync_directory"):
            self._durable_names = dict(self._names)

    def unlink(self, path: Path) -> None:
        with self._changing("unlink"):
            self._names.pop(path.name, None)

    def forget(self, fd: int) -> None:
        inode = self._open[fd][1]
        inode.cache[:] = inode.disk
        for offset, piece in inode.dirty:
            _apply(inode.cache, offset, piece)

    def lock(self, path: Path) -> int:
        with self._mutex:
            if path.name in self._locks:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            inode = self._names.setdefault(path.name, _Inode())
            self._durable_names.setdefault(path.name, inode)
            self._locks[path.name] = fd = self._descriptor(path.name)
            return fd

    # how

    @contextlib.contextmanager
    def _changing(self, call: str) -> Iterator[bool]:
        """Count a call and let it fail if it is its turn; yields whether to write too little."""
        with self._mutex:
            if self._unplugged or self.calls == self.cut_after:
                self._unplugged = True
                raise Unplugged(errno.EIO, "unplugged")
            self.calls += 1
            code = self.faults.pop(self.calls, self.permanent.get(call))
            if code is not None:
                self.failed.append(call)
            if code is not None and code > 0:
                raise OSError(code, os.strerror(code))
            yield code == 0
            if code is not None and code < 0:
                raise OSError(-code, os.strerror(-code))

    def _descriptor(self, name: str) -> int:
        self._next_fd += 1
        self._open[self._next_fd] = (name, self._names[name])
        return self._next_fd

    def _grow(self, inode: _Inode, length: int) -> None:
        growth = max(0, length - len(inode.cache))
        if self.capacity is not None and self.used() + growth > self.capacity:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _write_some(data: bytearray, offset: int, piece: bytes | None, rng: random.Random) -> None:
    """Any sectors of an unsynced write may have reached the disk, in any order."""
    if piece is None:
        if rng.random() < 0.5:
            _apply(data, offset, None)
        return
    for start in range(0, len(piece), _SECTOR):
        if rng.random() < 0.5:
            _apply(data, offset + start, piece[start : start + _SECTOR])
