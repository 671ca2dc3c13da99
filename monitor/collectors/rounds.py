"""Plans the rounds of all lists over one fleet, and sums each up for those who keep the records."""

from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from core.address import IpAddress
from core.reading import Quality, Status
from monitor.collectors import sweep
from monitor.collectors.collected import Coverage, Doubt
from monitor.collectors.etiquette import LONGEST_KEPT, Etiquette, Tempo, kept_for
from monitor.collectors.rota import Attention, Chosen, Rota
from monitor.collectors.settings import DnsblSettings
from monitor.collectors.sweep import ZoneSweep
from monitor.collectors.zone_tests import ZoneTests
from monitor.collectors.zones import AskedZone
from monitor.health import OutcomeKind

_NOBODY: Final[frozenset[IpAddress]] = frozenset()


class Rounds:
    """Who was asked what, and when. Forgets nothing until the fleet changes."""

    def __init__(
        self, asked: Sequence[AskedZone], etiquette: Mapping[str, Etiquette], settings: DnsblSettings
    ) -> None:
        self._zones = asked
        self._etiquette = etiquette
        self._settings = settings
        self._fleet: tuple[IpAddress, ...] = ()
        self._places: dict[IpAddress, int] = {}
        self._rotas: dict[str, Rota] = {}
        self._negative_ttl: dict[str, int | None] = {}

    def hurry(self, zone: str) -> None:
        """Ask this zone in the next round, however soon that comes."""
        if zone in self._rotas:
            self._rotas[zone].hurry()

    def plan(
        self,
        fleet: Sequence[IpAddress],
        now: datetime,
        attention: Attention,
        troubled: frozenset[IpAddress],
        tests: ZoneTests,
        tempo: Tempo,
    ) -> dict[AskedZone, Chosen]:
        """Whom each zone is asked about now; zones whose turn it is not are left out."""
        self._adopt(tuple(dict.fromkeys(fleet)))
        here = frozenset(self._places[ip] for ip in troubled if ip in self._places)
        watched = Attention(attention.troubled | here, attention.busy)
        found: dict[AskedZone, Chosen] = {}
        for zone in self._zones:
            if self._etiquette[zone.name].tempo is not tempo:
                continue
            tested = tests.known(zone)
            ttl = self._negative_ttl[zone.name] = tested.negative_ttl if tested else None
            turn = self._rotas[zone.name].due(
                self._etiquette[zone.name], ttl, watched, self._settings.quiet_interval, now
            )
            if turn:
                found[zone] = Chosen(self._fleet, turn)
        return found

    def note(self, swept: ZoneSweep, now: datetime) -> frozenset[IpAddress]:
        """Remember who was answered. Returns those about whom nothing is known for the second time."""
        rota = self._rotas[swept.zone.name]
        failed = sweep.outcome(swept).kind is not OutcomeKind.ANSWERED
        if failed:
            rota.hurry()
        if swept.doubt is not None:
            return _NOBODY
        if isinstance(swept.ips, Chosen):
            rota.cleared(swept.ips.places, swept.clean, now)
        shaky = set()
        for ip in swept.answers:
            if swept.verdict(ip).status is Status.UNKNOWN:
                shaky.add(self._places[ip])
            else:
                rota.answered(self._places[ip], now, _keep(swept, ip))
        if failed:
            return _NOBODY  # it is the list, not these IPs
        return frozenset(self._fleet[place] for place in rota.persistent(frozenset(shaky), now))

    def coverage(self, swept: ZoneSweep, lasting: frozenset[IpAddress], now: datetime) -> Coverage:
        """The summary of one zone's round."""
        name, entry = swept.zone.name, swept.zone.entry
        doubt = _doubt(swept)
        unknown = {
            ip: said.detail
            for ip in swept.answers
            if (said := swept.verdict(ip)).status is Status.UNKNOWN and ip not in lasting
        }
        return Coverage(
            metric=name,
            at=now,
            families=tuple(family for family, on in ((4, entry.ipv4), (6, entry.ipv6)) if on),
            ips=swept.ips,
            clean=swept.clean,
            unknown={} if doubt else unknown,
            doubt=doubt,
            whole_at=self._rotas[name].whole_at,
            cadence=kept_for(self._etiquette[name], self._negative_ttl[name]),
        )

    def _adopt(self, fleet: tuple[IpAddress, ...]) -> None:
        if fleet == self._fleet:
            return
        self._fleet = fleet
        self._places = {ip: place for place, ip in enumerate(fleet)}
        families = {(z.entry.ipv4, z.entry.ipv6): z.entry for z in self._zones}
        covered = {
            family: array("I", (place for place, ip in enumerate(fleet) if entry.covers(ip)))
            for family, entry in families.items()
        }
        self._rotas = {z.name: Rota(len(fleet), covered[z.entry.ipv4, z.entry.ipv6]) for z in self._zones}


def _doubt(swept: ZoneSweep) -> Doubt | None:
    """Why the round tells nothing about those without answers of their own."""
    if swept.doubt is not None:
        return Doubt(swept.doubt.quality, swept.doubt.detail)
    told = sweep.outcome(swept)
    return None if told.kind is OutcomeKind.ANSWERED else Doubt(Quality.ERROR, told.reason)


def _keep(swept: ZoneSweep, ip: IpAddress) -> int:
    """Seconds for which a listing holds by its own word."""
    return min(swept.answers[ip].ttl or 0, int(LONGEST_KEPT.total_seconds()))
