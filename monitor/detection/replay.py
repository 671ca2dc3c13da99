"""What would have fired: the rules over recorded history, moment by moment, as if it were told again.

Decides only: whoever asks brings readings and hours, under whatever settings. Incidents, silences and mail
come after this and are not in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.reading import Reading, Source, Status
from monitor.detection.counts import Cohort, Count, Tally, cohorts, judge
from monitor.detection.detect import HISTORY, detect
from monitor.detection.finding import Finding, FindingState
from monitor.detection.settings import DetectionSettings
from storage.scopes import ScopeHour

_HOUR: Final = timedelta(hours=1)
_HITS: Final = frozenset({Status.WARN, Status.BAD})


class Turn(StrEnum):
    """What a finding did at a moment."""

    FIRED = "fired"
    WORSENED = "got worse"
    CLEARED = "was over"


@dataclass(frozen=True, slots=True)
class Firing:
    """One turn of one problem. `at` is when the reading behind it came in, or its hour was over."""

    at: datetime
    turn: Turn
    finding: Finding


def replay(
    readings: Iterable[Reading], hours: Iterable[ScopeHour], rules: DetectionSettings, fleet: int = 1
) -> list[Firing]:
    """Every turn in order of time; the order and repetition of what comes in do not matter."""
    found = [f for series in _series(readings) for f in _turns(_of_series(series, rules))]
    for scope_hours in _scopes(hours):
        for count in Count:
            found += _turns(_of_count(scope_hours, count, rules, fleet))
    return sorted(found, key=lambda f: (f.at, f.finding.fingerprint))


def _series(readings: Iterable[Reading]) -> list[list[Reading]]:
    grouped: dict[tuple[str, Source, str], list[Reading]] = {}
    for reading in readings:
        if reading.source is not Source.REPLIES:  # their hours say it exactly
            grouped.setdefault(reading.series, []).append(reading)
    return [grouped[series] for series in sorted(grouped)]


def _of_series(series: list[Reading], rules: DetectionSettings) -> Iterator[tuple[datetime, Finding]]:
    """What detection said after each reading, as it came in."""
    if series[0].source is Source.DNSBL and not any(r.status in _HITS for r in series):
        return  # a fleet has a million clean answers a week
    told = sorted(series, key=lambda r: (r.observed_at, r.period_end, str(r.status)))
    for place, reading in enumerate(told):
        for finding in detect(told[max(0, place + 1 - 2 * HISTORY) : place + 1], rules):
            yield reading.observed_at, finding


def _scopes(hours: Iterable[ScopeHour]) -> list[list[ScopeHour]]:
    grouped: dict[tuple[str, str], list[ScopeHour]] = {}
    for hour in hours:
        grouped.setdefault((str(hour.scope.source_ip), hour.scope.provider), []).append(hour)
    return [sorted(grouped[scope], key=lambda h: h.hour) for scope in sorted(grouped)]


def _of_count(
    hours: list[ScopeHour], count: Count, rules: DetectionSettings, fleet: int
) -> Iterator[tuple[datetime, Finding]]:
    """What detection said after each hour, with the hours that it remembered then."""
    scope = hours[0].scope
    tally = Tally(scope.source_ip, scope.provider, count)
    known: list[Cohort] = cohorts(hours, count)
    begin = 0
    for place, cohort in enumerate(known):
        while known[begin].hour < cohort.hour - rules.counts.memory:
            begin += 1
        for finding in judge(known[begin : place + 1], tally, rules.counts, fleet):
            yield cohort.hour + _HOUR, finding


def _turns(said: Iterable[tuple[datetime, Finding]]) -> Iterator[Firing]:
    """Of all that was said about a series the beginnings, worsenings and ends."""
    standing: dict[str, Finding] = {}
    for at, finding in said:
        known = standing.get(finding.fingerprint)
        if finding.state is FindingState.ACTIVE:
            if known is None or finding.severity.rank > known.severity.rank:
                yield Firing(at, Turn.FIRED if known is None else Turn.WORSENED, finding)
            standing[finding.fingerprint] = finding
        elif finding.state is FindingState.CLEAR and known is not None:
            del standing[finding.fingerprint]
            yield Firing(at, Turn.CLEARED, finding)
