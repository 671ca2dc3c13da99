from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from sqlmodel import Session

from core.errors import ConflictError, NotFoundError
from core.incident import IncidentKind, IncidentState, Rule, Severity
from core.reading import Source
from storage import incidents, notices
from storage.incidents import EventKind, NewIncident
from storage.notices import Notice

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def new(fingerprint: str = "ip:203.0.113.7:dnsbl-listed:zen.example", at: datetime = NOON) -> NewIncident:
    return NewIncident(
        fingerprint=fingerprint, kind=IncidentKind.IP, ip=ip_address("203.0.113.7"), source=Source.DNSBL,
        metric="zen.example", rule=Rule.DNSBL_LISTED, severity=Severity.WARNING, tier=1, title="listed",
        evidence={"codes": ["127.0.0.2"]}, evidence_end=at, opened_at=at,
    )  # fmt: skip


def test_an_incident_gets_a_number_and_comes_back_as_it_was(session: Session) -> None:
    first, second = incidents.open_incident(session, new()), incidents.open_incident(session, new("other"))
    assert (first.label, second.label) == ("INC-1", "INC-2")
    assert first.state is IncidentState.OPEN
    assert incidents.find(session, 1) == first
    assert incidents.open_incidents(session) == [first, second]
    assert incidents.incident_by_fingerprint(session, "other") == second


def test_a_second_open_incident_with_one_fingerprint_is_refused_and_harms_nothing(session: Session) -> None:
    incidents.open_incident(session, new())
    with pytest.raises(ConflictError, match="open already"):
        incidents.open_incident(session, new())
    incidents.open_incident(session, new("other"))
    assert len(incidents.open_incidents(session)) == 2


def test_a_resolved_one_makes_room_for_the_next(session: Session) -> None:
    first = incidents.open_incident(session, new())
    incidents.resolve_incident(session, first.number, NOON + HOUR, "three clean polls")
    assert incidents.incident_by_fingerprint(session, first.fingerprint) is None
    assert incidents.open_incident(session, new()).number == 2
    resolved = incidents.find(session, 1)
    assert (resolved.state, resolved.resolved_at) == (IncidentState.RESOLVED, NOON + HOUR)


def test_resolving_twice_is_resolving_once(session: Session) -> None:
    first = incidents.open_incident(session, new())
    once = incidents.resolve_incident(session, first.number, NOON + HOUR, "clean")
    assert incidents.resolve_incident(session, first.number, NOON + 2 * HOUR, "clean") == once
    assert [e.kind for e in incidents.events(session, 1)] == [EventKind.OPENED, EventKind.RESOLVED]


def test_an_update_writes_what_changed_and_its_line(session: Session) -> None:
    first = incidents.open_incident(session, new())
    worse = first.model_copy(update={"severity": Severity.CRITICAL, "updated_at": NOON + HOUR})
    assert incidents.update_incident(session, worse, kind=EventKind.ESCALATED, text="XBL too") == worse
    line = incidents.events(session, 1)[-1]
    assert (line.kind, line.at, line.text) == (EventKind.ESCALATED, NOON + HOUR, "XBL too")


def test_an_unknown_number_is_not_found(session: Session) -> None:
    for call in (
        lambda: incidents.find(session, 7),
        lambda: incidents.resolve_incident(session, 7, NOON, ""),
        lambda: incidents.append_event(
            session, incidents.IncidentEvent(number=7, at=NOON, kind=EventKind.ACTION, text="")
        ),
    ):
        with pytest.raises(NotFoundError, match="INC-7"):
            call()


def test_between_finds_what_was_open_in_that_time(session: Session) -> None:
    incidents.open_incident(session, new("a", NOON - 10 * HOUR))
    incidents.resolve_incident(session, 1, NOON - 5 * HOUR, "")
    incidents.open_incident(session, new("b", NOON - 10 * HOUR))
    incidents.open_incident(session, new("c", NOON + HOUR))
    found = incidents.between(session, NOON - HOUR, NOON + HOUR)
    assert [incident.fingerprint for incident in found] == ["b"]


def test_what_was_over_long_ago_is_forgotten_with_its_timeline_and_the_newest_number_stays(
    session: Session,
) -> None:
    for name in "abcd":
        one = incidents.open_incident(session, new(name))
        notices.save(session, Notice(incident=one.number, lead=one.number, closed=name != "c"))
        if name != "b":
            incidents.resolve_incident(session, one.number, NOON + HOUR, "clean")
    assert incidents.forget(session, NOON + HOUR, 10) == 0
    assert incidents.forget(session, NOON + 2 * HOUR, 10) == 1
    assert sorted(incidents.find_all(session, [1, 2, 3, 4])) == [2, 3, 4], "open, untold, the newest"
    assert (incidents.events(session, 1), notices.find(session, 1)) == ([], None)
    assert incidents.open_incident(session, new("e")).number == 5


def test_an_incident_stays_while_another_ones_end_is_to_be_told_in_its_thread(session: Session) -> None:
    lead, other, _newest = (incidents.open_incident(session, new(name)) for name in "abc")
    notices.save(session, Notice(incident=lead.number, lead=lead.number, closed=True))
    notices.save(session, Notice(incident=other.number, lead=lead.number))
    incidents.resolve_incident(session, lead.number, NOON, "clean")
    assert incidents.forget(session, NOON + HOUR, 10) == 0
    notices.save(session, Notice(incident=other.number, lead=lead.number, closed=True))
    assert incidents.forget(session, NOON + HOUR, 10) == 1
