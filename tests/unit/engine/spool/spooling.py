"""What the spool's tests share."""

from datetime import UTC, datetime
from pathlib import Path

from engine.spool.base import NewMessage, StoredMessage
from engine.spool.commits import SpoolOptions
from engine.spool.log import LogSpool
from engine.spool.simulated import SimulatedDisk

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SMALL = SpoolOptions(segment_size=8 << 10, mark_reserve=1 << 10, cache_size=4 << 10, sync_after=60)
HERE = Path("spool")


def message(content: bytes = b"hello", recipients: int = 1) -> NewMessage:
    return NewMessage(
        sender="sender@example.com",
        recipients=tuple(f"r{n}@example.org" for n in range(recipients)),
        vmta="marketing",
        received_at=NOON,
        content=content,
    )


async def opened(disk: SimulatedDisk, options: SpoolOptions = SMALL) -> LogSpool:
    return await LogSpool.open(HERE, options, disk)


async def kill(spool: LogSpool) -> None:
    """Let go of a spool as a kill -9 does: nothing more is written, nobody is told."""
    committer = spool._committer
    if committer._timer is not None:
        committer._timer.cancel()
    task, spool._reclaimer._closing = spool._reclaimer._task, True
    if task is not None:
        task.cancel()
    committer._batches.put(None)
    committer._thread.join()


async def recovered(disk: SimulatedDisk) -> dict[int, StoredMessage]:
    """What a start finds on the disk, which stays usable."""
    spool = await opened(disk)
    found = {each.id: each for each in spool.recover()}
    for each in found.values():
        assert len(spool.content(each.id)) == each.size
    await spool.close()
    return found


def segments(disk: SimulatedDisk) -> list[str]:
    return sorted(name for name in disk.names(HERE) if name.endswith(".segment"))
