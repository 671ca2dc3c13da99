"""Which incidents a stretch of recorded readings would have made, and when: detection once more, purely."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from core.incident import Incident, IncidentState
from core.reading import Reading, Status
from monitor.detection import detect
from monitor.detection.finding import Finding
from monitor.detection.settings import DetectionSettings
from monitor.incidents.lifecycle import Move, Past, transition
from monitor.incidents.record import new_incident

_NEVER_FLAPS = 10**9


@dataclass(frozen=True, slots=True)
class Turn:
    """From `at` on an incident stands like this; None: it is over."""

    at: datetime
    fingerprint: str
    incident: Incident | None


def turns(series: Iterable[Sequence[Reading]], rules: DetectionSettings) -> list[Turn]:
    """Every turn of every incident, by time. Each series is judged as its readings were observed."""
    numbers = count(1)
    found = [turn for readings in series for turn in _of_one(readings, rules, numbers)]
    return sorted(found, key=lambda turn: turn.at)


def _of_one(readings: Sequence[Reading], rules: DetectionSettings, numbers: Iterator[int]) -> Iterator[Turn]:
    known: list[Reading] = []
    standing: dict[str, Incident] = {}
    for reading in sorted(readings, key=lambda one: one.observed_at):
        dull = reading.status is Status.GOOD and bool(known) and known[-1].status is Status.GOOD
        known.append(reading)
        if dull and not standing:
            continue
        for finding in detect.detect(known, rules):
            turn = _turn(standing.get(finding.fingerprint), finding, reading.observed_at, numbers)
            if turn is None:
                continue
            if turn.incident is None:
                del standing[turn.fingerprint]
            else:
                standing[turn.fingerprint] = turn.incident
            yield turn


def _turn(known: Incident | None, finding: Finding, at: datetime, numbers: Iterator[int]) -> Turn | None:
    move = transition(known, finding, Past(), _NEVER_FLAPS, at).move
    if move is Move.NOTHING:
        return None
    if move is Move.RESOLVE:
        return Turn(at, finding.fingerprint, None)
    if known is None:
        return Turn(at, finding.fingerprint, _incident(finding, at, next(numbers)))
    changed = known.model_copy(
        update={
            "severity": finding.severity,
            "tier": finding.tier,
            "provider": finding.provider,
            "evidence_end": max(finding.evidence_end, known.evidence_end),
            "updated_at": at,
        }
    )
    return Turn(at, finding.fingerprint, changed)


def _incident(finding: Finding, at: datetime, number: int) -> Incident:
    opened = dict(new_incident(finding, at))
    return Incident(**opened, number=number, state=IncidentState.OPEN, updated_at=at)
