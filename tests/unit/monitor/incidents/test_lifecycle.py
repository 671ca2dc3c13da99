from dataclasses import replace
from datetime import timedelta

import pytest

from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.reading import Source
from monitor.detection.finding import Finding, FindingState
from monitor.incidents.lifecycle import TRANSITIONS, Move, Presence, flips_of, muted_by, transition
from tests.unit.monitor.watching import IP, OTHER_IP, START

FINDING = Finding(
    fingerprint="ip:x", kind=IncidentKind.IP, ip=IP, source=Source.DNSBL, metric="zen", rule=Rule.DNSBL_LISTED,
    severity=Severity.WARNING, title="t", summary="s", evidence_end=START, state=FindingState.ACTIVE,
)  # fmt: skip
INCIDENT = Incident(
    number=1, fingerprint="ip:x", kind=IncidentKind.IP, ip=IP, source=Source.DNSBL, metric="zen",
    rule=Rule.DNSBL_LISTED, severity=Severity.WARNING, state=IncidentState.OPEN, title="t", summary="s",
    evidence_end=START, opened_at=START, updated_at=START,
)  # fmt: skip


def test_the_table_has_every_pair() -> None:
    assert set(TRANSITIONS) == set(Presence)
    assert all(set(row) == set(FindingState) for row in TRANSITIONS.values())


@pytest.mark.parametrize(
    ("known", "state", "move"),
    [
        (False, FindingState.SUSPECT, Move.NOTHING),
        (False, FindingState.ACTIVE, Move.OPEN),
        (False, FindingState.CLEARING, Move.NOTHING),
        (False, FindingState.CLEAR, Move.NOTHING),
        (True, FindingState.SUSPECT, Move.NOTHING),
        (True, FindingState.ACTIVE, Move.NOTHING),
        (True, FindingState.CLEARING, Move.NOTHING),
        (True, FindingState.CLEAR, Move.RESOLVE),
    ],
)
def test_every_pair_of_incident_and_unchanged_finding(known: object, state: FindingState, move: Move) -> None:
    finding = replace(FINDING, state=state)
    assert transition(INCIDENT if known else None, finding, 1, 4).move is move


@pytest.mark.parametrize(
    ("change", "move"),
    [
        ({"severity": Severity.CRITICAL}, Move.ESCALATE),
        ({"severity": Severity.INFO}, Move.UPDATE),
        ({"summary": "something else"}, Move.UPDATE),
        ({"evidence_end": START + timedelta(hours=1)}, Move.REFRESH),
        ({"kind": IncidentKind.SOURCE, "summary": "other words"}, Move.NOTHING),
    ],
)
def test_what_counts_as_news_about_an_open_incident(change: dict[str, object], move: Move) -> None:
    assert transition(INCIDENT, replace(FINDING, **change), 1, 4).move is move  # type: ignore[arg-type]


def test_the_fourth_change_in_a_day_keeps_it_open() -> None:
    clear = replace(FINDING, state=FindingState.CLEAR)
    assert transition(INCIDENT, clear, 2, 4).move is Move.RESOLVE
    assert transition(INCIDENT, clear, 3, 4).move is Move.HOLD


def test_flips_count_openings_and_ends_of_the_last_day() -> None:
    old = INCIDENT.model_copy(update={"resolved_at": START + timedelta(hours=1)})
    now = START + timedelta(hours=24, minutes=30)
    assert flips_of("ip:x", [old, INCIDENT], START + timedelta(hours=2)) == 3
    assert flips_of("ip:x", [old], now) == 1
    assert flips_of("ip:y", [old], START + timedelta(hours=2)) == 0


@pytest.mark.parametrize(
    ("other", "muted"),
    [
        ({"number": 2, "severity": Severity.CRITICAL}, True),
        ({"number": 2, "severity": Severity.WARNING}, False),
        ({"number": 2, "severity": Severity.CRITICAL, "ip": OTHER_IP}, False),
        ({"number": 2, "severity": Severity.CRITICAL, "state": IncidentState.RESOLVED}, False),
        ({"number": 2, "severity": Severity.CRITICAL, "kind": IncidentKind.SOURCE, "ip": None}, False),
    ],
)
def test_only_something_worse_on_the_same_ip_mutes(other: dict[str, object], muted: object) -> None:
    assert (muted_by(INCIDENT, [INCIDENT, INCIDENT.model_copy(update=other)]) is not None) is muted
