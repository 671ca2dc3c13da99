"""Sweeps the DNS lists: tests each zone, asks it about every IP, and doubts it before believing bad news.

`collect` asks everybody and says so about each; `patrol` is for a fleet that is watched for months: it asks
whose turn it is, hands out what is news piece by piece, and sums up the many who are simply not listed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.address import IpAddress, reversed_labels
from core.errors import NotFoundError
from core.reading import Quality, Reading, Source, Status
from monitor import catalogue as catalogues
from monitor.collectors import fleet_guard, self_test, sweep, zones
from monitor.collectors.answers import Verdict, unknown
from monitor.collectors.checker import DnsblChecker
from monitor.collectors.collected import Collected
from monitor.collectors.etiquette import Tempo
from monitor.collectors.etiquette import of as etiquette_of
from monitor.collectors.patience import Patience
from monitor.collectors.reports import Reports
from monitor.collectors.rota import Attention
from monitor.collectors.rounds import Rounds
from monitor.collectors.settings import DnsblSettings, ResolverSettings
from monitor.collectors.sweep import ZoneSweep
from monitor.collectors.sweeper import Sweeper, Task
from monitor.collectors.zone_tests import ZoneTests
from monitor.collectors.zones import AskedZone
from monitor.dns.opening import open_resolver
from monitor.health import SourceOutcome

log = logging.getLogger(__name__)


class DnsblCollector:
    """Asks every chosen zone about every IP. Use it from one event loop, and close it there."""

    name = "dnsbl"

    def __init__(
        self,
        settings: DnsblSettings,
        resolver: ResolverSettings,
        catalogue: catalogues.Catalogue | None = None,
    ) -> None:
        """Raises ConfigError when a chosen zone does not exist, is dead, or lacks its key."""
        self._settings = settings
        self._resolver = resolver
        self._zones = {z.name: z for z in zones.choose(settings, catalogue or catalogues.shipped())}
        self._etiquette = {z.name: etiquette_of(z.entry, settings) for z in self._zones.values()}
        self._tests = ZoneTests(lambda: open_resolver(resolver), settings.concurrency)
        self._reports = Reports(settings, resolver)
        self._rounds = Rounds(list(self._zones.values()), self._etiquette, settings)
        self._listed: dict[str, frozenset[IpAddress]] = {}
        self._suspects: dict[str, str] = {}
        self._approved: set[str] = set()
        self._one_round = {tempo: asyncio.Lock() for tempo in Tempo}

    @property
    def zones(self) -> Mapping[str, AskedZone]:
        """The zones that are asked, by the name that people see."""
        return self._zones

    @property
    def cadence(self) -> timedelta:
        """How often a round is due at all: as often as the most important list wants it."""
        return min((e.interval for e in self._etiquette.values()), default=self._settings.interval)

    @property
    def tempos(self) -> set[Tempo]:
        """The kinds of rounds that are needed."""
        return {e.tempo for e in self._etiquette.values()}

    @property
    def suspects(self) -> Mapping[str, str]:
        """The zones that the fleet guard stopped, each with the reason."""
        return self._suspects

    def remember(self, latest: Iterable[Reading]) -> None:
        """Take over what was known before a restart, so that old listings are not news to the fleet guard."""
        for reading in latest:
            if reading.source is Source.DNSBL and reading.status in {Status.BAD, Status.WARN}:
                known = self._listed.get(reading.metric, frozenset())
                self._listed[reading.metric] = known | {reading.ip}

    def approve(self, zone: str) -> None:
        """An operator vouches for a zone that the fleet guard stopped: its next sweep is believed.

        Raises NotFoundError.
        """
        self._find(zone)
        self._approved.add(zone)
        self._rounds.hurry(zone)

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        """One sweep over everybody, with a reading for each zone and IP."""
        fleet = list(dict.fromkeys(ips))
        plan = {z: [ip for ip in fleet if z.entry.covers(ip)] for z in self._zones.values()}
        judged, outcomes = await self._sweep({z: asked for z, asked in plan.items() if asked}, now)
        if outcomes:
            outcomes.append(sweep.resolver_outcome(outcomes))
        return Collected(self.name, await self._reports.everybody(judged, now), outcomes)

    async def patrol(
        self, ips: Sequence[IpAddress], now: datetime, attention: Attention, tempo: Tempo = Tempo.FREE
    ) -> AsyncGenerator[Collected, None]:
        """One round for those whose turn it is, in pieces of bounded size; the last one sums up.

        `attention` names places in `ips`; whom this collector knows to be listed is troubled as well.
        """
        async with self._one_round[tempo]:
            troubled = frozenset[IpAddress]().union(*self._listed.values())
            plan = self._rounds.plan(ips, now, attention, troubled, self._tests, tempo)
            judged, outcomes = await self._sweep(plan, now)
            if 2 * len(outcomes) > len(self._zones):  # a few lists say nothing about the resolver
                outcomes.append(sweep.resolver_outcome(outcomes))
            lasting = {s.zone.name: self._rounds.note(s, now) for s in judged}
            async for readings in self._reports.news(judged, lasting, now):
                yield Collected(self.name, readings)
            coverage = [self._rounds.coverage(s, lasting[s.zone.name], now) for s in judged]
            yield Collected(self.name, [], outcomes, coverage=coverage, fleet=ips)

    async def look_again(self, ip: IpAddress, zone: str, now: datetime) -> Reading:
        """A second look at one listing, past our caches and over the second resolver, if any.

        Raises NotFoundError when the zone is not asked at all.
        """
        asked = self._find(zone)
        swept = ZoneSweep(asked, [ip], bytes(1), doubt=self._doubt(asked))
        if swept.doubt is None:
            resolver = open_resolver(self._resolver, second=True)
            try:
                answer = await resolver.addresses(f"{reversed_labels(ip)}.{asked.host}")
            finally:
                await resolver.aclose()
            swept = replace(swept, answers={ip: answer})
        return (await self._reports.everybody([swept], now))[0]

    async def aclose(self) -> None:
        """Nothing is held between rounds."""

    def _find(self, zone: str) -> AskedZone:
        if zone not in self._zones:
            raise NotFoundError(f"no DNS list {zone} is asked")
        return self._zones[zone]

    async def _sweep(
        self, plan: Mapping[AskedZone, Sequence[IpAddress]], now: datetime
    ) -> tuple[list[ZoneSweep], list[SourceOutcome]]:
        patience = Patience()
        await self._test_due(list(plan), now, patience)
        swept = await self._ask(plan, patience)
        await self._test_again(swept, now, patience)
        judged = [self._judge(s) for s in swept]
        return judged, [sweep.outcome(s) for s in judged]

    async def _test_due(self, asked: list[AskedZone], now: datetime, patience: Patience) -> None:
        interval = self._settings.self_test_interval.total_seconds()
        due = [z for z in asked if self_test.needed(self._tests.known(z), now, interval)]
        await self._tests.run(due, now, patience)

    async def _test_again(self, swept: list[ZoneSweep], now: datetime, patience: Patience) -> None:
        """A zone with news is tested once more before it is believed: it may have broken meanwhile."""
        news = []
        for s in swept:
            tested = self._tests.known(s.zone)
            stale = tested is not None and tested.at != now
            if stale and s.doubt is None and s.listed() - self._listed.get(s.zone.name, frozenset()):
                news.append(s.zone)
        await self._tests.run(news, now, patience)

    async def _ask(
        self, plan: Mapping[AskedZone, Sequence[IpAddress]], patience: Patience
    ) -> list[ZoneSweep]:
        """Ask the zones that passed their tests; the others are in doubt about everybody."""
        doubts = {z: sweep.doubt_after(self._tests.known(z)) for z in plan}
        tasks = [self._task(z, ips) for z, ips in plan.items() if doubts[z] is None]
        checker = await DnsblChecker.opened(self._resolver)
        try:
            answered = {s.zone: s for s in await Sweeper(checker, self._settings, patience).run(tasks)}
        finally:
            await checker.aclose()
        return [answered.get(z) or ZoneSweep(z, ips, doubt=doubts[z]) for z, ips in plan.items()]

    def _task(self, zone: AskedZone, ips: Sequence[IpAddress]) -> Task:
        before = self._listed.get(zone.name, frozenset())
        return Task(zone, ips, self._etiquette[zone.name], before, vouched=zone.name in self._approved)

    def _judge(self, swept: ZoneSweep) -> ZoneSweep:
        """Self-test first, then the fleet guard; a believed sweep is what the next is held against."""
        name = swept.zone.name
        before = self._listed.get(name, frozenset())
        verdict = fleet_guard.judge(
            swept.listed(),
            before,
            len(swept.ips),
            share=self._settings.fleet_share,
            minimum=self._settings.fleet_minimum,
        )
        if verdict.guard is fleet_guard.Guard.SUSPECT and name not in self._approved:
            self._suspect(name, verdict.reason)
        else:
            self._suspects.pop(name, None)
        judged = replace(swept, doubt=swept.doubt or self._doubt(swept.zone))
        if judged.doubt is None:
            self._approved.discard(name)
            self._listed[name] = judged.still_listed(before)
        return judged

    def _suspect(self, name: str, reason: str) -> None:
        if name not in self._suspects:
            log.warning(
                "The DNS list %s is not believed any more",
                name,
                extra={"event": "dnsbl.zone.suspect", "zone": name, "reason": reason},
            )
        self._suspects[name] = reason

    def _doubt(self, zone: AskedZone) -> Verdict | None:
        suspicion = self._suspects.get(zone.name)
        if suspicion:
            return unknown(f"the list {suspicion}", Quality.INVALID_SOURCE)
        return sweep.doubt_after(self._tests.known(zone))
