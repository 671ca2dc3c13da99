"""How messages share commits."""

import asyncio
import threading
from pathlib import Path

import pytest
from spooling import message

from engine.spool.commits import SpoolOptions
from engine.spool.files import OsFiles
from engine.spool.log import LogSpool


class Gated(OsFiles):
    """A disk whose syncs wait until they may go on, and are counted."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.begun = 0

    def fdatasync(self, fd: int) -> None:
        self.begun += 1
        self.reached.set()
        assert self.gate.wait(20)
        super().fdatasync(fd)


async def syncs_of_a_straggler(folder: Path, first: int) -> int:
    """Syncs for two messages, one that comes in during a commit of `first` and one just after it."""
    disk = Gated()
    options = SpoolOptions(commit_siblings=2, commit_delay=0.2)
    spool = await LogSpool.open(folder, options, disk)
    await spool.store(message())  # makes the segment, which takes a sync of its own
    before = disk.begun
    disk.gate.clear()
    disk.reached.clear()
    commit = [asyncio.create_task(spool.store(message())) for _ in range(first)]
    assert await asyncio.to_thread(disk.reached.wait, 20)
    during = asyncio.create_task(spool.store(message()))
    await asyncio.sleep(0)
    disk.gate.set()
    await asyncio.gather(*commit)
    await asyncio.gather(during, spool.store(message()))
    found = disk.begun - before - 1
    await spool.close()
    return found


@pytest.mark.parametrize(
    ("first", "syncs"),
    [
        pytest.param(2, 1, id="after a commit of several the next waits for company"),
        pytest.param(1, 2, id="after a commit of one it does not"),
    ],
)
async def test_the_next_commit_waits_for_company_under_load_alone(
    first: int, syncs: int, tmp_path: Path
) -> None:
    assert await syncs_of_a_straggler(tmp_path / "spool", first) == syncs
