"""How politely each list is asked: how often, how many questions at once and a day, how long an answer holds.

Decides only (reference: signals.md 3.7).
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import inf
from typing import Final

from monitor.catalogue import TOLD_ONLY, Zone
from monitor.collectors.settings import DnsblSettings, ZoneManners

LONGEST_KEPT: Final = timedelta(hours=24)
"""A zone's own TTLs are obeyed up to here: beyond, news would be missed for too long."""

_DAY: Final = timedelta(days=1)
_PACED_SHARE: Final = 0.5
"""How much of the time between two rounds a list that wants pauses may take up."""


class Tempo(StrEnum):
    """Lists that want pauses go round by themselves, so that the others do not wait for them."""

    FREE = "as fast as they answer"
    PACED = "with a pause after each question"


@dataclass(frozen=True, slots=True)
class Etiquette:
    """`gap` is real seconds between two questions of one lane; `per_day` None: no limit is known."""

    interval: timedelta
    concurrency: int
    gap: float = 0.0
    per_day: int | None = None

    @property
    def tempo(self) -> Tempo:
        return Tempo.PACED if self.gap else Tempo.FREE

    def allowance(self, interval: timedelta) -> float:
        """How many questions one round may ask, when rounds come every `interval`."""
        daily = inf if self.per_day is None else self.per_day * (interval / _DAY)
        paced = inf if not self.gap else self.concurrency * interval.total_seconds() * _PACED_SHARE / self.gap
        return max(1.0, min(daily, paced))


def of(zone: Zone, settings: DnsblSettings) -> Etiquette:
    """The operator's word first, then the catalogue's, then what the list's weight suggests."""
    said = settings.manners.get(zone.zone, ZoneManners())
    told_only = all(zone.tier_of(code) >= TOLD_ONLY for code in zone.codes)
    usual = max(settings.interval, settings.minor_interval) if told_only else settings.interval
    return Etiquette(
        interval=said.interval or usual,
        concurrency=said.concurrency or zone.concurrency or settings.zone_concurrency,
        gap=(zone.gap_ms if said.gap_ms is None else said.gap_ms) / 1_000,
        per_day=said.per_day or zone.per_day,
    )


def kept_for(etiquette: Etiquette, negative_ttl: int | None) -> timedelta:
    """How long nobody asks a zone again: its interval, or as long as "not listed" holds there (RFC 2308)."""
    return max(etiquette.interval, min(timedelta(seconds=negative_ttl or 0), LONGEST_KEPT))
