"""The few operating-system calls the spool lives by, as a seam where tests make them fail."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_MODE = 0o600  # mail is nobody else's business


class Files(Protocol):
    """What the spool asks of the operating system. Every method raises OSError."""

    def make_directory(self, path: Path) -> None: ...
    def names(self, directory: Path) -> list[str]: ...
    def create(self, path: Path) -> int: ...
    def open(self, path: Path) -> int: ...
    def close(self, fd: int) -> None: ...
    def size(self, fd: int) -> int: ...
    def pread(self, fd: int, size: int, offset: int) -> bytes: ...
    def pwritev(self, fd: int, buffers: Sequence[bytes], offset: int) -> int: ...
    def allocate(self, fd: int, length: int) -> None: ...
    def fdatasync(self, fd: int) -> None: ...
    def ftruncate(self, fd: int, length: int) -> None: ...
    def sync_directory(self, directory: Path) -> None: ...
    def unlink(self, path: Path) -> None: ...
    def forget(self, fd: int) -> None: ...
    def lock(self, path: Path) -> int: ...


class OsFiles:
    """The real thing."""

    def make_directory(self, path: Path) -> None:
        """With its parents; new directories are for the owner alone."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self, directory: Path) -> list[str]:
        return os.listdir(directory)  # noqa: PTH208 - names are all we want

    def create(self, path: Path) -> int:
        """A new file to read and write; FileExistsError if there is one."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        os.close(fd)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return os.pread(fd, size, offset)

    def pwritev(self, fd: int, buffers: Sequence[bytes], offset: int) -> int:
        return os.pwritev(fd, buffers, offset)

    def allocate(self, fd: int, length: int) -> None:
        """Make the file `length` long and its room certain."""
        os.posix_fallocate(fd, 0, length)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def ftruncate(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    def sync_directory(self, directory: Path) -> None:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def forget(self, fd: int) -> None:
        """Drop the page cache, so that the next read asks the disk."""
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def lock(self, path: Path) -> int:
        """Hold `path` until the descriptor is closed; BlockingIOError while another process does."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        return fd
