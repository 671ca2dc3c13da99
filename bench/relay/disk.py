"""Where the spools lie: a fresh journaled file system where that can be had, so that all start alike.

File systems age, and ext4 without a journal slows down servers that make a file for each message.
"""

import asyncio
import contextlib
import ctypes
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.relay.errors import Unavailable
from bench.relay.packages import said

_CLONE_NEWNS = 0x00020000  # linux/sched.h
_IMAGE_BYTES = 6 * 2**30


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that every server's own user may enter, and what kind of file system it is on."""

    folder: Path
    kind: str


@contextlib.asynccontextmanager
async def image() -> AsyncIterator[Place]:
    """A new ext4 in a file, mounted for this process and its children alone: it ends with them."""
    with _public_folder("/var/tmp") as folder:  # /tmp may be memory
        file, mounted = folder / "disk.img", folder / "disk"
        mounted.mkdir()
        with file.open("wb") as new:
            new.truncate(_IMAGE_BYTES)
        await said("mkfs.ext4", "-q", "-F", str(file))
        _own_mounts()
        await said("mount", "--make-rprivate", "/")
        await said("mount", "-o", "loop", str(file), str(mounted))
        device = await said("findmnt", "-no", "SOURCE", str(mounted))
        with contextlib.suppress(Unavailable):  # otherwise twice through the page cache
            await said("losetup", "--direct-io=on", device)
        try:
            yield Place(mounted, "ext4 with a journal, new, in a file of 6 GiB (loop device)")
        finally:
            await _unmounted(mounted)


@contextlib.asynccontextmanager
async def plain() -> AsyncIterator[Place]:
    """A folder as it comes."""
    with _public_folder(None) as folder:
        found = await said("findmnt", "-no", "FSTYPE", "-T", str(folder))
        yield Place(folder, f"{found}, as found")


@contextlib.contextmanager
def _public_folder(where: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-", dir=where) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _own_mounts() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise Unavailable(os.strerror(ctypes.get_errno()))


async def _unmounted(folder: Path) -> None:
    """Processes that have just ended may keep it busy for a moment."""
    for _ in range(50):
        with contextlib.suppress(Unavailable):
            await said("umount", str(folder))
            return
        await asyncio.sleep(0.1)
