"""From the judged sweeps to readings; the reason (TXT) is asked for when a listing is new."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from core.address import IpAddress, reversed_labels
from core.reading import Reading
from core.secret import Redactor
from monitor.collectors import listing, pool
from monitor.collectors.answers import Verdict
from monitor.collectors.settings import DnsblSettings, ResolverSettings
from monitor.collectors.sweep import ZoneSweep
from monitor.dns.opening import open_resolver
from monitor.resolver import Answer, AnswerKind, Resolver

PIECE: Final = 1_000
"""So many readings are held at a time, however many there are."""

_NO_ANSWER: Final = Answer(AnswerKind.OTHER)

Said = tuple[ZoneSweep, IpAddress, Verdict]


class Reports:
    """Writes readings. Remembers the reasons of standing listings, so that each is asked for once."""

    def __init__(self, settings: DnsblSettings, resolver: ResolverSettings) -> None:
        self._settings = settings
        self._resolver = resolver
        self._redact = Redactor(settings.keys.values())
        self._reasons: dict[tuple[str, IpAddress], tuple[tuple[str, ...], tuple[str, ...]]] = {}

    async def everybody(self, judged: Sequence[ZoneSweep], now: datetime) -> list[Reading]:
        """A reading for each zone and IP, in the order of the IPs."""
        readings = [r async for piece in self._pieces(_everything(judged), now) for r in piece]
        order = {ip: place for place, ip in enumerate(dict.fromkeys(ip for s in judged for ip in s.ips))}
        return sorted(readings, key=lambda r: order[r.ip])

    def news(
        self, judged: Sequence[ZoneSweep], lasting: Mapping[str, frozenset[IpAddress]], now: datetime
    ) -> AsyncIterator[list[Reading]]:
        """Readings of the listings, and of those whom a list says nothing about twice in a row."""
        return self._pieces(_news(judged, lasting), now)

    async def _pieces(self, said: Iterator[Said], now: datetime) -> AsyncIterator[list[Reading]]:
        resolver = open_resolver(self._resolver)
        try:
            while piece := list(islice(said, PIECE)):
                await pool.run([one for one in piece if one[2].is_listing], self._asking(resolver), 32)
                yield [self._reading(one, now) for one in piece]
        finally:
            await resolver.aclose()

    def _asking(self, resolver: Resolver) -> pool.Do[Said]:
        async def ask(one: Said) -> None:
            swept, ip, verdict = one
            codes, _ = self._reasons.get((swept.zone.name, ip), ((), ()))
            if codes != verdict.codes:
                texts = await resolver.texts(f"{reversed_labels(ip)}.{swept.zone.host}")
                self._reasons[swept.zone.name, ip] = (verdict.codes, texts)

        return ask

    def _reading(self, one: Said, now: datetime) -> Reading:
        swept, ip, verdict = one
        place = (swept.zone.name, ip)
        texts: tuple[str, ...] = ()
        if verdict.is_listing:
            texts = self._reasons[place][1]
        else:
            self._reasons.pop(place, None)
        answer = swept.answers.get(ip, _NO_ANSWER)
        facts = listing.evidence(swept.zone.entry, verdict, answer, texts, self._redact)
        return listing.reading(ip, swept.zone.entry, verdict, now, facts)


def _everything(judged: Sequence[ZoneSweep]) -> Iterator[Said]:
    return ((swept, ip, verdict) for swept in judged for ip, verdict in swept.each())


def _news(judged: Sequence[ZoneSweep], lasting: Mapping[str, frozenset[IpAddress]]) -> Iterator[Said]:
    for swept in judged:
        if swept.doubt is not None:
            continue
        for ip in swept.answers:
            verdict = swept.verdict(ip)
            if verdict.is_listing or ip in lasting[swept.zone.name]:
                yield swept, ip, verdict
