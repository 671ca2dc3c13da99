"""Rounds of the DNS lists with everything behind them: collector, records, detection; on a clock that is told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from scripted_dns import ScriptedDns
from sqlalchemy import Engine
from sqlmodel import select

from core.address import IpAddress
from core.clock import ManualClock
from core.incident import Incident
from core.reading import Reading, Source
from monitor.catalogue import shipped
from monitor.collectors.collected import Collected
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.settings import DnsblSettings, ResolverSettings
from monitor.settings import MonitorSettings
from monitor.watcher import Watcher, WatchResult
from storage import coverage, database, incidents, readings
from storage.coverage import Coverage
from storage.tables import ReadingRun
from tidegate.patrols import Patrols


@dataclass
class Patrolling:
    """A collector on its rounds; `asked` is what a round asked, `brought` what it handed on."""

    dns: ScriptedDns
    fleet: Sequence[IpAddress]
    engine: Engine
    clock: ManualClock
    lists: DnsblCollector
    watcher: Watcher
    brought: list[Collected] = field(default_factory=list)
    results: list[WatchResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patrols = Patrols(
            self.lists, self.engine, self.clock, self.fleet, 100, self._at_desk, self._take_in
        )
        self.patrols.begin()

    async def _at_desk(self, work: Any) -> Any:
        return work()

    async def _take_in(self, collected: Collected) -> None:
        self.brought.append(collected)
        self.results.append(self.watcher.take(collected))

    async def round(self, hours: float = 1) -> list[str]:
        """Let time pass and go round once. Returns the names that were asked for."""
        self.clock.advance(timedelta(hours=hours).total_seconds())
        self.dns.asked.clear()
        self.brought.clear()
        await self.patrols.one_round()
        return list(self.dns.asked)

    async def look_again(self, ip: IpAddress, zone: str, seconds: float) -> None:
        self.clock.advance(seconds)
        reading = await self.lists.look_again(ip, zone, self.clock.now())
        self.watcher.take(Collected("dnsbl", [reading]))

    def rows(self) -> list[ReadingRun]:
        with database.reading(self.engine) as session:
            found = list(session.exec(select(ReadingRun).order_by(ReadingRun.id)))  # type: ignore[arg-type]
            session.expunge_all()
            return found

    def history(self, ip: IpAddress, zone: str) -> list[Reading]:
        with database.reading(self.engine) as session:
            return readings.history(session, ip, Source.DNSBL, zone)

    def latest_for(self, ip: IpAddress) -> list[Reading]:
        with database.reading(self.engine) as session:
            return readings.latest_for(session, ip)

    def covered(self, zone: str) -> Coverage:
        with database.reading(self.engine) as session:
            return coverage.load(session)[Source.DNSBL, zone]

    def open_incidents(self) -> list[Incident]:
        with database.reading(self.engine) as session:
            return incidents.open_incidents(session)


@asynccontextmanager
async def patrolling(
    dns: ScriptedDns,
    fleet: Sequence[IpAddress],
    *zones: str,
    engine: Engine | None = None,
    clock: ManualClock | None = None,
    **more: Any,
) -> AsyncIterator[Patrolling]:
    """Everything, on a database in memory unless one is given to go on with."""
    own = engine is None
    kept = engine or database.open_database("sqlite://")
    if own:
        database.upgrade(kept)
    resolver = ResolverSettings(nameservers=[f"127.0.0.1:{dns.port}"], timeout=timedelta(seconds=3), tries=2)
    settings = MonitorSettings(resolver=resolver, dnsbl=DnsblSettings(zones=list(zones), **more))
    when = clock or ManualClock()
    lists = DnsblCollector(settings.dnsbl, resolver, shipped())
    try:
        yield Patrolling(dns, fleet, kept, when, lists, Watcher(kept, when, settings))
    finally:
        await lists.aclose()
        if own:
            kept.dispose()
