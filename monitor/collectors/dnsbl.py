"""Sweeps the DNS lists: tests each zone, asks it about every IP, and doubts it before believing bad news."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.address import IpAddress, reversed_labels
from core.errors import NotFoundError
from core.reading import Quality, Reading, Source, Status
from core.secret import Redactor
from monitor import catalogue as catalogues
from monitor.collectors import fleet_guard, listing, pool, self_test, sweep, zones
from monitor.collectors.answers import Verdict, unknown
from monitor.collectors.checker import DnsblChecker
from monitor.collectors.collected import Collected
from monitor.collectors.patience import Patience
from monitor.collectors.settings import DnsblSettings, ResolverSettings
from monitor.collectors.sweep import ZoneSweep
from monitor.collectors.zone_tests import ZoneTests
from monitor.collectors.zones import AskedZone
from monitor.dns.opening import open_resolver
from monitor.resolver import Answer, AnswerKind

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
        self._redact = Redactor(settings.keys.values())
        self._tests = ZoneTests(lambda: open_resolver(resolver), settings.concurrency)
        self._listed: dict[str, frozenset[IpAddress]] = {}
        self._suspects: dict[str, str] = {}
        self._approved: set[str] = set()
        self._checker: DnsblChecker | None = None
        self._one_sweep = asyncio.Lock()

    @property
    def zones(self) -> Mapping[str, AskedZone]:
        """The zones that are asked, by the name that people see."""
        return self._zones

    def remember(self, latest: Iterable[Reading]) -> None:
        """Take over what was known before a restart, so that old listings are not news to the fleet guard."""
        for reading in latest:
            if reading.source is Source.DNSBL and reading.status in {Status.BAD, Status.WARN}:
                known = self._listed.get(reading.metric, frozenset())
                self._listed[reading.metric] = known | {reading.ip}

    def approve(self, zone: str) -> None:
        """An operator vouches for a zone that the fleet guard stopped: its next sweep is believed."""
        self._find(zone)
        self._approved.add(zone)

    async def collect(self, ips: Sequence[IpAddress], now: datetime) -> Collected:
        """One sweep. Bounded in real time: who does not answer is soon not asked any more."""
        async with self._one_sweep:
            fleet = list(dict.fromkeys(ips))
            asked = [z for z in self._zones.values() if any(z.entry.covers(ip) for ip in fleet)]
            patience = Patience()
            await self._test_due(asked, now, patience)
            swept = await self._sweep(asked, fleet, patience)
            await self._test_again(swept, now, patience)
            judged = [self._judge(s) for s in swept]
            readings = await self._readings(judged, fleet, now)
            outcomes = [sweep.outcome(s, (ip for ip in fleet if s.zone.entry.covers(ip))) for s in judged]
            if outcomes:
                outcomes.append(sweep.resolver_outcome(outcomes))
            return Collected(self.name, readings, outcomes)

    async def look_again(self, ip: IpAddress, zone: str, now: datetime) -> Reading:
        """A second look at one listing, past our caches and over the second resolver, if any.

        Raises NotFoundError when the zone is not asked at all.
        """
        asked = self._find(zone)
        swept = ZoneSweep(asked, doubt=self._doubt(asked))
        if swept.doubt is None:
            resolver = open_resolver(self._resolver, second=True)
            try:
                answer = await resolver.addresses(f"{reversed_labels(ip)}.{asked.host}")
            finally:
                await resolver.aclose()
            swept = replace(swept, answers={ip: answer})
        return (await self._readings([swept], [ip], now))[0]

    async def aclose(self) -> None:
        if self._checker is not None:
            await self._checker.aclose()
            self._checker = None

    def _find(self, zone: str) -> AskedZone:
        if zone not in self._zones:
            raise NotFoundError(f"no DNS list {zone} is asked")
        return self._zones[zone]

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

    async def _sweep(
        self, asked: list[AskedZone], fleet: list[IpAddress], patience: Patience
    ) -> list[ZoneSweep]:
        checker = await self._ready_checker()
        doubts = {z.name: sweep.doubt_after(self._tests.known(z)) for z in asked}
        answers: dict[str, dict[IpAddress, Answer]] = {z.name: {} for z in asked}

        async def ask(job: tuple[IpAddress, AskedZone]) -> None:
            ip, zone = job
            if patience.is_worth_asking(zone.name):
                answer = await checker.ask(str(ip), zone)
                patience.note(zone.name, answer.kind)
            else:
                answer = Answer(AnswerKind.TIMEOUT)
            answers[zone.name][ip] = answer

        believed = [z for z in asked if doubts[z.name] is None]
        jobs = ((ip, z) for ip in fleet for z in believed if z.entry.covers(ip))
        await pool.run(jobs, ask, self._settings.concurrency)
        return [ZoneSweep(z, answers[z.name], doubts[z.name]) for z in asked]

    async def _ready_checker(self) -> DnsblChecker:
        if self._checker is None:
            self._checker = DnsblChecker(self._resolver, self._settings.concurrency)
        await self._checker.renew()
        return self._checker

    def _judge(self, swept: ZoneSweep) -> ZoneSweep:
        """Self-test first, then the fleet guard; a believed sweep is what the next is held against."""
        name = swept.zone.name
        before = self._listed.get(name, frozenset())
        verdict = fleet_guard.judge(
            swept.listed(),
            before,
            len(swept.answers),
            share=self._settings.fleet_share,
            minimum=self._settings.fleet_minimum,
        )
        if verdict.guard is fleet_guard.Guard.SUSPECT and name not in self._approved:
            if name not in self._suspects:
                log.warning(
                    "The DNS list %s is not believed any more",
                    name,
                    extra={"event": "dnsbl.zone.suspect", "zone": name, "reason": verdict.reason},
                )
            self._suspects[name] = verdict.reason
        else:
            self._suspects.pop(name, None)
        judged = replace(swept, doubt=swept.doubt or self._doubt(swept.zone))
        if judged.doubt is None:
            self._approved.discard(name)
            self._listed[name] = judged.still_listed(before)
        return judged

    def _doubt(self, zone: AskedZone) -> Verdict | None:
        suspicion = self._suspects.get(zone.name)
        if suspicion:
            return unknown(f"the list {suspicion}", Quality.INVALID_SOURCE)
        return sweep.doubt_after(self._tests.known(zone))

    async def _readings(self, swept: list[ZoneSweep], fleet: list[IpAddress], now: datetime) -> list[Reading]:
        resolver = open_resolver(self._resolver)
        readings: list[Reading] = []

        async def read(job: tuple[IpAddress, ZoneSweep]) -> None:
            ip, s = job
            verdict = s.verdict(ip)
            texts: tuple[str, ...] = ()
            if verdict.is_listing:
                texts = await resolver.texts(f"{reversed_labels(ip)}.{s.zone.host}")
            answer = s.answers.get(ip, Answer(AnswerKind.OTHER))
            facts = listing.evidence(s.zone.entry, verdict, answer, texts, self._redact)
            readings.append(listing.reading(ip, s.zone.entry, verdict, now, facts))

        jobs = ((ip, s) for ip in fleet for s in swept if s.zone.entry.covers(ip))
        try:
            await pool.run(jobs, read, self._settings.concurrency)
        finally:
            await resolver.aclose()
        return readings
