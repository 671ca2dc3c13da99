"""Kills the engine with SIGKILL again and again in the middle of its work; counts what was lost or repeated.

    python bench/torture.py --kills 1000

Every message that got 250 must arrive. One may arrive twice only if it was being delivered when a kill came:
the receiving side had it, but the engine had not read the reply yet, or not written down that it had. So a
kill must lie between each repetition and the arrival before it: `unexplained` counts those without and must
be 0. `duplicate_gap_*` tell how long before that kill the arrival was, as the receiving side saw both: were
something repeated that had long been written down, it would show here.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from core.clock import SystemClock
from lab import ledger
from lab.judge import Stage
from lab.manners import PROVIDERS
from lab.traffic import Interrupted, Stream, Traffic
from lab.world import Lab

_SOCKET_LAG = timedelta(milliseconds=250)
"""So much later than the kill may the receiver, in a busy process, note what the dead engine had sent."""


@dataclass(slots=True)
class Toll:
    """What the kills cost so far."""

    kills: list[datetime] = field(default_factory=list)
    promised: set[tuple[str, str]] = field(default_factory=set)


def configuration(lab: Lab, folder: Path) -> Path:
    """An engine for the lab, with everything on."""
    sources = [{"address": str(s.address), "bind": str(s.bind)} for s in lab.sources]
    written = {
        "ip-lists": {"lab": sources},
        "engine": {
            "hostname": "mta.lab.test",
            "listen": [f"127.0.0.1:{lab.engine_port}"],
            "spool": str(folder / "spool"),
            "smtp-port": lab.smtp_port,
            "resolver": {"nameservers": [f"{lab.dns.host}:{lab.dns.port}"]},
            "control-api": {"listen": f"unix:{folder}/control.sock"},
            "default-virtual-mta": "marketing",
            "virtual-mtas": {p.name: {"source-ips": [str(s.address) for s in p.sources]} for p in lab.pools},
        },
        "logging": {"level": "error"},
    }
    path = folder / "tidegate.yaml"
    path.write_text(yaml.safe_dump(written))
    return path


@contextlib.asynccontextmanager
async def engine(config: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tidegate engine` as a process, listening; killed when the context ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate", "engine", "--config", str(config), cwd=config.parent
    )
    try:
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def offer(traffic: Traffic, count: int) -> None:
    streams = [Stream(who.domain, "marketing", padding=2_000) for who in PROVIDERS]
    with contextlib.suppress(OSError, Interrupted, ExceptionGroup):
        while True:
            for stream in streams:
                await traffic.send(stream, count)


async def one_kill(lab: Lab, config: Path, toll: Toll, dice: random.Random) -> None:
    traffic = lab.traffic(run=f"kill{len(toll.kills)}", connections=8)
    async with engine(config, lab.engine_port) as process:
        offering = asyncio.create_task(offer(traffic, 50))
        await asyncio.sleep(dice.uniform(0.05, 0.6))
        toll.kills.append(SystemClock().now())
        process.kill()
    offering.cancel()
    await asyncio.gather(offering, return_exceptions=True)
    await traffic.close()
    toll.promised |= traffic.outcome.promised


async def settle(lab: Lab, config: Path, toll: Toll) -> set[tuple[str, str]]:
    """Let the engine deliver what is left; returns what never arrives."""
    async with engine(config, lab.engine_port):
        still, quiet = ledger.missing(lab.ledger.entries, toll.promised), 0
        while still and quiet < 100:
            await asyncio.sleep(0.2)
            now = ledger.missing(lab.ledger.entries, toll.promised)
            quiet = quiet + 1 if len(now) == len(still) else 0
            still = now
    return still


def gaps(arrivals: list[datetime], kills: list[datetime]) -> list[float | None]:
    """For each repetition, how many ms before a kill the arrival before it was; None if no kill explains it.

    0 where the receiver found the message in its socket after the sender was dead.
    """
    found: list[float | None] = []
    for first, again in itertools.pairwise(sorted(arrivals)):
        between = [kill for kill in kills if first - _SOCKET_LAG <= kill < again]
        found.append(max(0.0, (between[0] - first).total_seconds() * 1000) if between else None)
    return found


def arrivals(lab: Lab, repeated: set[tuple[str, str]]) -> dict[tuple[str, str], list[datetime]]:
    """When each of the messages was taken."""
    found: dict[tuple[str, str], list[datetime]] = {}
    for entry in lab.ledger.entries:
        key = (entry.message, entry.recipient)
        if entry.stage is Stage.DATA and entry.accepted and key in repeated:
            found.setdefault(key, []).append(entry.at)
    return found


async def torture(kills: int, seed: int) -> int:
    toll, dice = Toll(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        async with Lab(SystemClock()) as lab:
            config = configuration(lab, Path(name))
            for number in range(1, kills + 1):
                await one_kill(lab, config, toll, dice)
                if number % 100 == 0:
                    print(f"# {number} kills, {len(toll.promised)} accepted", flush=True)
            lost = await settle(lab, config, toll)
            repeated = ledger.duplicated(lab.ledger.entries)
            times = arrivals(lab, set(repeated))
    repetitions = [gap for each in times.values() for gap in gaps(each, toll.kills)]
    late = sorted(gap for gap in repetitions if gap is not None)
    unexplained = len(repetitions) - len(late)
    print(f"kills: {kills}")
    print(f"accepted: {len(toll.promised)}")
    print(f"lost: {len(lost)}")
    print(f"duplicated: {len(repeated)}")
    print(f"unexplained: {unexplained}")
    print(f"duplicate_gap_p50_ms: {_at(late, 0.5):.0f}")
    print(f"duplicate_gap_p99_ms: {_at(late, 0.99):.0f}")
    print(f"duplicate_gap_ms: {_at(late, 1.0):.0f}")
    return 1 if lost or unexplained else 0


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    sys.exit(asyncio.run(torture(chosen.kills, chosen.seed)))
