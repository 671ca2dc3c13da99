"""Who sweeps. Each runs in a process of its own, so that CPU time and memory are its own, and prints JSON."""

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiodns
import pydnsbl
import uvloop
from pydnsbl.providers import Provider
from sqlalchemy import func
from sqlmodel import select

from bench.sweep import lists
from core.clock import ManualClock
from monitor.collectors.collected import Collected
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.settings import DnsblSettings, ResolverSettings, ZoneManners
from monitor.settings import MonitorSettings
from monitor.watcher import Watcher
from storage import database
from storage.tables import ReadingRun
from tidegate import process
from tidegate.patrols import Patrols, Result


async def _at_desk(work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work)


async def tidegate(port: int, size: int) -> dict[str, Any]:
    """Two rounds as the watch process makes them, self-tests, reasons, detection and records included."""
    with tempfile.TemporaryDirectory() as folder:
        engine = database.open_database(f"sqlite:///{folder}/bench.db")
        database.upgrade(engine)
        resolver = ResolverSettings(nameservers=[f"127.0.0.1:{port}"])
        settings = MonitorSettings(
            resolver=resolver,
            dnsbl=DnsblSettings(zones=[z.zone for z in lists.zones()], manners=_unhurried()),
        )
        clock = ManualClock()
        collector = DnsblCollector(settings.dnsbl, resolver)
        watcher = Watcher(engine, clock, settings)

        async def take_in(piece: Collected) -> None:
            await asyncio.to_thread(watcher.take, piece)

        patrols = Patrols(collector, engine, clock, lists.fleet(size), 100, _at_desk, take_in)
        patrols.begin()
        first = await _timed(patrols)
        rows = _rows(engine)
        clock.advance(timedelta(days=1).total_seconds())
        second = await _timed(patrols)
        answered = all(not problem for problem in collector.suspects.values())
        await collector.aclose()
        after = _rows(engine)
        engine.dispose()
    lookups = size * len(lists.zones())
    return {"lookups": lookups, "first": first, "second": second, "rows": rows, "rows_after": after,
            "believed": answered}  # fmt: skip


def _unhurried() -> dict[str, ZoneManners]:
    """The limits that some lists ask for are lifted: here it is the client that is measured."""
    return {z.zone: ZoneManners(gap_ms=0, per_day=10**9, concurrency=32) for z in lists.zones()}


async def _timed(patrols: Patrols) -> float:
    begun = time.perf_counter()
    await patrols.one_round()
    return time.perf_counter() - begun


def _rows(engine: Any) -> int:
    with database.reading(engine) as session:
        return session.exec(select(func.count()).select_from(ReadingRun)).one()


def plain_pydnsbl(port: int, size: int) -> dict[str, Any]:
    """bulk_check as its documentation shows it; only the name server is put underneath."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # bulk_check gathers outside of it
    checker = pydnsbl.DNSBLIpChecker([Provider(zone.zone) for zone in lists.zones()], loop=loop)
    underneath = checker._resolver  # noqa: SLF001 - there is no setting for the name server
    checker._resolver = aiodns.DNSResolver(  # noqa: SLF001
        nameservers=["127.0.0.1"], udp_port=port, tcp_port=port, timeout=5, tries=2, loop=loop
    )
    loop.run_until_complete(underneath.close())
    begun = time.perf_counter()
    found = checker.bulk_check([str(ip) for ip in lists.fleet(size)])
    took = time.perf_counter() - begun
    failed = sum(len(result.failed_providers) for result in found)
    loop.run_until_complete(checker._resolver.close())  # noqa: SLF001
    loop.close()
    return {"lookups": size * len(lists.zones()), "first": took, "failed": failed}


def main(name: str, port: int, size: int) -> None:
    if name == "tidegate":
        process.spare_the_collector()  # as the watch process does
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(tidegate(port, size))
    else:
        found = plain_pydnsbl(port, size)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found |= {"cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
