"""What a run that is timed cannot show: each message arrives exactly once, and the disk is waited for.

Runs under strace, which counts the calls that make a server wait for its disk.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.relay.contender import Contender, Site
from bench.relay.errors import BenchError
from bench.relay.ids import Arrival, faults, id_sink
from bench.relay.load import RECIPIENT, SEARCH, Load, offer

_SETTLE_SECONDS = 0.3
_PATIENCE_SECONDS = 60
_SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True, slots=True)
class Checked:
    """`syncs` is how often the server waited for its disk; None where strace is absent."""

    messages: int
    syncs: int | None
    signed: int

    def __add__(self, other: "Checked") -> "Checked":
        counted = self.syncs is not None and other.syncs is not None
        syncs = (self.syncs or 0) + (other.syncs or 0) if counted else None
        return Checked(self.messages + other.messages, syncs, self.signed + other.signed)


async def check(contender: Contender, load: Load, folder: Path) -> Checked:
    """Raises BenchError when a message is missing, repeated or never was offered."""
    trace = folder / "strace"
    async with id_sink() as sink:
        async with contender.running(Site(folder, sink.port, _tracing(trace))) as relay:
            await offer(load, relay.port)
            with contextlib.suppress(TimeoutError):
                await sink.until(load.messages, _PATIENCE_SECONDS)
            await asyncio.sleep(_SETTLE_SECONDS)
        _once_each(sink.arrivals, load.messages)
        syncs = count_syncs(_written(trace)) if shutil.which("strace", path=SEARCH) else None
    return Checked(load.messages, syncs, sum(arrival.signed for arrival in sink.arrivals))


def _once_each(arrivals: list[Arrival], messages: int) -> None:
    wanted = (f"{number}{RECIPIENT}" for number in range(1, messages + 1))
    if found := faults((arrival.recipient for arrival in arrivals), wanted):
        raise BenchError("; ".join(found))


def _tracing(trace: Path) -> tuple[str, ...]:
    """strace as a grandchild in a process group of its own (-DD): what we start and stop is the server."""
    program = shutil.which("strace", path=SEARCH)
    if program is None:
        return ()
    return (program, "-DD", "-f", "-c", "-e", f"trace={','.join(_SYNCS)}", "-o", str(trace))


def count_syncs(summary: str) -> int:
    """The calls in a summary of strace -c, whose last column names them and whose fourth counts."""
    rows = [line.split() for line in summary.splitlines()]
    return sum(int(row[3]) for row in rows if row and row[-1] in _SYNCS)


def _written(trace: Path) -> str:
    return trace.read_text() if trace.exists() else ""


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """An empty folder for one server, gone afterwards."""
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
