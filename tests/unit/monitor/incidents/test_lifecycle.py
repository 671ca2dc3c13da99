from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.reading import Source
from monitor.detection import blind
from monitor.detection.finding import Finding, FindingState
from monitor.incidents.lifecycle import (
    FLAPPING,
    TRANSITIONS,
    Action,
    Move,
    Mutes,
    Past,
    Presence,
    flips_of,
    transition,
)
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


FLAPPING_INCIDENT = INCIDENT.model_copy(update={"evidence": {FLAPPING: True}})
PRESENCES = {Presence.ABSENT: None, Presence.OPEN: INCIDENT, Presence.FLAPPING: FLAPPING_INCIDENT}
SOON = START + timedelta(hours=1)
_A, _O, _F = Presence
_SUSPECT, _ACTIVE, _CLEARING, _CLEAR = FindingState


def moved(
    incident: Incident | None, finding: Finding, past: Past | None = None, now: datetime = SOON
) -> Move:
    return transition(incident, finding, past or Past(flips=1 if incident else 0), 3, now).move


@pytest.mark.parametrize(
    ("presence", "state", "move"),
    [
        (_A, _SUSPECT, Move.NOTHING), (_A, _ACTIVE, Move.OPEN), (_A, _CLEARING, Move.NOTHING), (_A, _CLEAR, Move.NOTHING),
        (_O, _SUSPECT, Move.NOTHING), (_O, _ACTIVE, Move.NOTHING), (_O, _CLEARING, Move.NOTHING), (_O, _CLEAR, Move.RESOLVE),
        (_F, _SUSPECT, Move.NOTHING), (_F, _ACTIVE, Move.NOTHING), (_F, _CLEARING, Move.NOTHING), (_F, _CLEAR, Move.NOTHING),
    ],
)  # fmt: skip
def test_every_pair_of_incident_and_unchanged_finding(
    presence: Presence, state: FindingState, move: Move
) -> None:
    assert moved(PRESENCES[presence], replace(FINDING, state=state)) is move


@pytest.mark.parametrize(
    ("change", "move", "while_flapping"),
    [
        ({"severity": Severity.CRITICAL}, Move.ESCALATE, Move.ESCALATE),
        ({"severity": Severity.INFO}, Move.UPDATE, Move.NOTE),
        ({"summary": "something else"}, Move.UPDATE, Move.NOTE),
        ({"evidence_end": START + timedelta(hours=1)}, Move.REFRESH, Move.REFRESH),
        ({"kind": IncidentKind.SOURCE, "summary": "other words"}, Move.NOTHING, Move.NOTHING),
    ],
)
def test_what_counts_as_news_about_an_open_incident(
    change: dict[str, object], move: Move, while_flapping: Move
) -> None:
    assert moved(INCIDENT, replace(FINDING, **change)) is move  # type: ignore[arg-type]
    assert moved(FLAPPING_INCIDENT, replace(FINDING, **change)) is while_flapping  # type: ignore[arg-type]


def test_what_was_told_in_the_last_day_is_not_told_again() -> None:
    worse = replace(FINDING, severity=Severity.CRITICAL)
    told = Past(1, ("warning became critical: the day before yesterday's words", "something else"))
    assert moved(INCIDENT, worse, told) is Move.NOTE
    assert moved(INCIDENT, replace(FINDING, summary="something else"), told) is Move.NOTE
    assert moved(INCIDENT, replace(FINDING, severity=Severity.INFO), told) is Move.UPDATE


def test_the_third_change_in_a_day_is_flapping() -> None:
    clear = replace(FINDING, state=FindingState.CLEAR)
    assert moved(None, FINDING, Past(1)) is Move.OPEN
    assert moved(None, FINDING, Past(2)) is Move.REOPEN
    assert moved(INCIDENT, clear, Past(1)) is Move.RESOLVE
    assert moved(INCIDENT, clear, Past(2)) is Move.HOLD


def test_a_flapping_problem_ends_when_it_has_held_still_for_a_day() -> None:
    clear = replace(FINDING, state=FindingState.CLEAR)
    assert moved(FLAPPING_INCIDENT, clear, now=START + timedelta(hours=23)) is Move.NOTHING
    assert moved(FLAPPING_INCIDENT, clear, now=START + timedelta(hours=24)) is Move.RESOLVE
    again = FLAPPING_INCIDENT.model_copy(update={"evidence_end": START + timedelta(hours=20)})
    assert moved(again, clear, now=START + timedelta(hours=24)) is Move.NOTHING


def test_flips_count_openings_and_ends_of_the_last_day() -> None:
    old = INCIDENT.model_copy(update={"resolved_at": START + timedelta(hours=1)})
    assert flips_of([old, INCIDENT], START + timedelta(hours=2)) == 3
    assert flips_of([old], START + timedelta(hours=24, minutes=30)) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(FindingState), st.sampled_from(Severity), st.integers(1, 240)), max_size=60
    )
)
def test_whatever_happens_in_a_day_a_problem_opens_twice_at_most_and_ends_once(
    steps: list[tuple[FindingState, Severity, int]],
) -> None:
    now, incident, past, told = START, None, Past(), []
    for state, severity, minutes in steps:
        now += timedelta(minutes=minutes)
        if now >= START + timedelta(hours=24):
            break
        finding = replace(FINDING, state=state, severity=severity, evidence_end=now, summary=f"{severity}")
        action = transition(incident, finding, past, 3, now)
        told.append(action.move)
        incident, past = _after(incident, finding, action, past, now)
    loud = {Move.OPEN, Move.REOPEN, Move.UPDATE, Move.ESCALATE, Move.HOLD, Move.RESOLVE}
    assert sum(move in {Move.OPEN, Move.REOPEN} for move in told) <= 2
    assert sum(move is Move.RESOLVE for move in told) <= 1
    # openings, ends and each of the six turns of severity, once in each of the two incidents
    assert sum(move in loud for move in told) <= 3 + 2 * 6


def _after(
    incident: Incident | None, finding: Finding, action: Action, past: Past, now: datetime
) -> tuple[Incident | None, Past]:
    """What the doer would have written."""
    match action.move:
        case Move.OPEN | Move.REOPEN:
            evidence = {FLAPPING: True} if action.move is Move.REOPEN else {}
            fields = {"severity": finding.severity, "summary": finding.summary, "opened_at": now}
            opened = INCIDENT.model_copy(update={**fields, "evidence": evidence, "evidence_end": now})
            return opened, Past(past.flips + 1)
        case Move.RESOLVE:
            return None, Past(past.flips + 1)
        case Move.UPDATE | Move.ESCALATE | Move.NOTE | Move.REFRESH if incident:
            fields = {"severity": finding.severity, "summary": finding.summary, "evidence_end": now}
            lines = past.lines if action.move is Move.REFRESH else (*past.lines, action.reason)
            return incident.model_copy(update=fields), Past(past.flips, lines)
        case Move.HOLD if incident:
            return incident.model_copy(update={"evidence": {FLAPPING: True}}), past
        case _:
            return incident, past


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
    mutes = Mutes([INCIDENT, INCIDENT.model_copy(update=other)])
    assert (mutes.muted_by(INCIDENT) is not None) is muted


def test_the_resolver_speaks_for_the_single_lists_and_not_for_itself() -> None:
    about = {"kind": IncidentKind.SOURCE, "ip": None}
    one = INCIDENT.model_copy(update={**about, "number": 2, "metric": "zen"})
    resolver = INCIDENT.model_copy(update={**about, "number": 3, "metric": blind.RESOLVER})
    mutes = Mutes([one, resolver])
    assert mutes.muted_by(one) == resolver
    assert mutes.muted_by(resolver) is None
