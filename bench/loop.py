"""From a burst of blocks to the lower rate, over real sockets and in real time: engine, controller, provider.

    python bench/loop.py --bursts 5

For each burst another source IP sends as fast as it may; then its provider begins to refuse it.
`loop_block_to_rate_seconds` is the median of the time from the first refusal that the provider gave to the
last moment at which it still saw more than twice the lowered rate. `loop_listing_to_rate_seconds`: from an
incident about a listing in the records to the same.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from bench.options import Form, Options
from core.clock import NANOSECONDS, SystemClock
from core.incident import IncidentKind, Rule, Severity
from core.reading import Source
from engine import service
from engine.service import Running
from lab.configuration import engine_part, merged
from lab.ledger import Entry, attempts
from lab.manners import OUTLANDISH
from lab.traffic import Stream
from lab.world import Lab, Pool, lab_source
from storage import database, incidents
from storage.incidents import NewIncident
from tidegate.config.load import Loaded, parse
from tidegate.watch import Watch

LIMIT, LOWERED = 10.0, 2.0
"""Recipients a second that the operator allows, and that are left when the provider blocks (a fifth)."""
PROVIDER = OUTLANDISH.ident
_PATIENCE = 30.0


@dataclass(slots=True)
class Loop:
    """Everything that runs, and what the provider saw."""

    lab: Lab
    run: Running
    watch: Watch
    records: Engine
    clock: SystemClock = field(default_factory=SystemClock)

    def seen(self, address: str) -> list[Entry]:
        return attempts(self.lab.ledger.entries, address=address, provider=PROVIDER)

    def lease(self, address: str) -> bool:
        return any(str(one.scope.source_ip) == address for one in self.run.engine.leases.all())

    async def until(self, address: str, *, leased: bool) -> None:
        """Wait until the address has a lease, or has sent for a while. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE):
            while not (self.lease(address) if leased else len(self.seen(address)) >= 3 * LIMIT):
                await self.clock.sleep(0.05)


def configuration(lab: Lab, folder: Path) -> Loaded:
    """The lab's engine with a limit that mail reaches, and a controller that acts; the lists are left out."""
    rate = f"{LIMIT:.0f}/s"
    over: dict[str, Any] = {
        "database": f"sqlite:///{folder}/tidegate.db",
        "engine": {
            "smtp-pattern-lists": {"none": []},  # the engine's own backoff stays out of it
            "domains": {"*": {"smtp-pattern-list": "none"}},
            "providers": {PROVIDER: {"source-ip-max-msg-rate": rate}},
        },
        "monitor": {
            "dnsbl": {"enabled": False},
            "sender-score": {"enabled": False},
            "snds": {"enabled": False},
            "notifications": {"enabled": False},
        },
        "controller": {
            "mode": "enforce",
            "engine": {"url": f"http://127.0.0.1:{lab.api_port}", "token": "lab-control-token-0001"},
        },
    }
    text = yaml.safe_dump(merged(engine_part(lab, folder), over))
    return parse(text, str(folder / "config.yaml"), {})


@asynccontextmanager
async def running(folder: Path, sources: int) -> AsyncIterator[Loop]:
    """A lab with one VirtualMTA for each source IP, the engine, and the watch process's program."""
    pools = [Pool(f"vmta{n}", (lab_source(30 + n),)) for n in range(sources)]
    async with Lab(SystemClock(), pools=pools) as lab:
        loaded = configuration(lab, folder)
        watch, stop = Watch(loaded.config, SystemClock()), asyncio.Event()
        binds = {s.address: s.bind for s in loaded.config.source_ips}
        async with service.running(loaded.config.engine, SystemClock(), binds) as run:
            task = asyncio.create_task(watch.run(stop))
            records = database.open_database(loaded.config.database)
            database.upgrade(records)
            try:
                yield Loop(lab, run, watch, records)
            finally:
                stop.set()
                await task
                records.dispose()


async def burst(loop: Loop, number: int) -> float:
    """Seconds from the first refusal to the lower rate, for one source IP."""
    address = str(lab_source(30 + number).address)

    def trouble() -> None:
        loop.lab.providers[PROVIDER].hold_in(address, 5)

    entries = await _sending(loop, number, address, trouble)
    first = next(entry for entry in entries if not entry.accepted)
    return _lower_since(entries) - first.monotonic_ns / NANOSECONDS


async def listing(loop: Loop, number: int) -> float:
    """Seconds from an incident about a listing to the lower rate, the controller told as the monitor does."""
    address = str(lab_source(30 + number).address)
    begun: list[float] = []

    def trouble() -> None:
        begun.append(loop.clock.monotonic_ns() / NANOSECONDS)
        now = loop.clock.now()
        with database.session(loop.records) as session:
            incidents.open_incident(session, _listed(address, now))

    entries = await _sending(loop, number, address, trouble, looks=True)
    return max(0.0, _lower_since(entries) - begun[0])


async def _sending(
    loop: Loop, number: int, address: str, trouble: Any, *, looks: bool = False
) -> Sequence[Entry]:
    """What the provider saw of an IP that sends all the time, through trouble until well after its lease."""
    traffic = loop.lab.traffic(f"burst{number}")
    stream = Stream(OUTLANDISH.domain, f"vmta{number}", per_hour=2 * LIMIT * 3600)
    sending = asyncio.create_task(traffic.run([stream]))
    try:
        await loop.until(address, leased=False)
        await loop.clock.sleep(2)
        trouble()
        if looks:
            await loop.watch.look_at_once()
        await loop.until(address, leased=True)
        await loop.clock.sleep(4)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await traffic.close()
    return loop.seen(address)


def _lower_since(entries: Sequence[Entry]) -> float:
    """The last moment that completes a second with more than twice the lowered rate (monotonic seconds)."""
    times = [entry.monotonic_ns / NANOSECONDS for entry in entries]
    many = int(2 * LOWERED)
    fast = (late for early, late in zip(times, times[many:], strict=False) if late - early < 1)
    return max(fast)


def _listed(address: str, now: datetime) -> NewIncident:
    return NewIncident(
        fingerprint=f"ip:{address}:dnsbl-listed:sbl.lab.test",
        kind=IncidentKind.IP,
        ip=ip_address(address),
        source=Source.DNSBL,
        metric="sbl.lab.test",
        rule=Rule.DNSBL_LISTED,
        severity=Severity.CRITICAL,
        tier=1,
        title=f"{address} is listed on sbl.lab.test",
        evidence_end=now,
        opened_at=now,
    )


async def measure(bursts: int) -> tuple[list[float], list[float]]:
    """Seconds for each burst of blocks, and for two listings."""
    with tempfile.TemporaryDirectory(prefix="tidegate-loop-") as folder:
        async with running(Path(folder), bursts + 2) as loop:
            blocks = [await burst(loop, number) for number in range(bursts)]
            lists = [await listing(loop, bursts + number) for number in range(2)]
            return blocks, lists


def run(options: Options) -> Iterable[tuple[str, float]]:
    """The figures; one burst in the short form."""
    return figures(1 if options.form is Form.SHORT else 5)


def figures(bursts: int) -> Iterable[tuple[str, float]]:
    """The medians, and the worst burst."""
    blocks, lists = asyncio.run(measure(bursts))
    yield "loop_block_to_rate_seconds", round(statistics.median(blocks), 2)
    yield "loop_block_to_rate_worst_seconds", round(max(blocks), 2)
    yield "loop_listing_to_rate_seconds", round(statistics.median(lists), 2)


def main() -> None:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    parser.add_argument("--bursts", type=int, default=5)
    for name, value in figures(parser.parse_args().bursts):
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
