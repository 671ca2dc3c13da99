"""Made-up incidents for tests of the way to people: a listing, a cut, an end; in a database in memory.

No test incident ever stands beside real ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address

from sqlmodel import Session

from core.incident import IncidentKind, Rule, Severity
from core.lease import Directive, Scope
from core.provider import EVERY, MICROSOFT
from core.rate import Rate
from core.reading import Reading, Source, Status
from monitor.incidents.telling import Account, Mailing, Why
from storage import database, incidents, leases, readings
from storage.incidents import EventKind, IncidentEvent, NewIncident
from storage.leases import LeaseChange
from storage.notices import Notice

_IP = ip_address("203.0.113.7")
_ZONE = "zen.spamhaus.org"


class Scenario(StrEnum):
    """Which story is told."""

    LISTED = "listed"
    THROTTLED = "throttled"
    RESOLVED = "resolved"
    DIGEST = "digest"


@contextmanager
def stage(scenario: Scenario, now: datetime) -> Iterator[tuple[Session, Mailing]]:
    """A database with the story in it, and the mailing that is due."""
    memory = database.open_database("sqlite://")
    try:
        database.upgrade(memory)
        with database.session(memory) as session:
            yield session, _story(session, scenario, now)
    finally:
        memory.dispose()


def _story(session: Session, scenario: Scenario, now: datetime) -> Mailing:
    opened = now - (timedelta(days=6) if scenario is Scenario.DIGEST else timedelta(hours=8))
    _answers(session, opened, now, over=scenario in {Scenario.RESOLVED, Scenario.DIGEST})
    incident = incidents.open_incident(session, _listing(opened))
    why = Why.NEW
    if scenario is not Scenario.LISTED:
        leases.record_change(session, _cut(incident.label, opened + timedelta(minutes=1)))
        text = "203.0.113.7 to Microsoft: 1200/h to 300/h"
        acted = IncidentEvent(
            number=incident.number, at=opened + timedelta(minutes=1), kind=EventKind.ACTION, text=text
        )
        incidents.append_event(session, acted)
    if scenario in {Scenario.RESOLVED, Scenario.DIGEST}:
        ended = now - timedelta(minutes=2) if scenario is Scenario.RESOLVED else opened + timedelta(hours=20)
        incident = incidents.resolve_incident(session, incident.number, ended, "no longer listed")
        why = Why.RESOLVED
    lines = tuple(incidents.events(session, incident.number))
    account = Account(incident, Notice(incident=incident.number, lead=incident.number), lines)
    return Mailing(account, (account,), why)


def _answers(session: Session, opened: datetime, now: datetime, *, over: bool) -> None:
    def answer(at: datetime, status: Status, detail: str) -> Reading:
        return Reading(
            ip=_IP, source=Source.DNSBL, metric=_ZONE, period_start=at, period_end=at, observed_at=at,
            status=status, detail=detail, evidence={"zone_name": "Spamhaus ZEN"},
        )  # fmt: skip

    readings.record(session, answer(opened - timedelta(hours=1), Status.GOOD, "not listed"))
    readings.record(session, answer(opened, Status.BAD, "listed: SBL [127.0.0.2]"))
    if over:
        readings.record(session, answer(now - timedelta(minutes=2), Status.GOOD, "not listed"))


def _listing(opened: datetime) -> NewIncident:
    return NewIncident(
        fingerprint=f"test:{_IP}:{Rule.DNSBL_LISTED}:{_ZONE}",
        kind=IncidentKind.IP,
        ip=_IP,
        source=Source.DNSBL,
        metric=_ZONE,
        rule=Rule.DNSBL_LISTED,
        severity=Severity.CRITICAL,
        tier=1,
        provider=EVERY,
        title=f"{_IP} listed on Spamhaus ZEN (SBL)",
        summary="Spamhaus ZEN (SBL) says listed: SBL [127.0.0.2]",
        evidence={
            "zone": _ZONE,
            "answer": ["127.0.0.2"],
            "codes": {"127.0.0.2": "SBL"},
            "reason": "https://check.spamhaus.org/query/ip/203.0.113.7",
            "delist_url": "https://check.spamhaus.org/",
        },
        evidence_end=opened,
        opened_at=opened,
    )


def _cut(label: str, at: datetime) -> LeaseChange:
    return LeaseChange(
        lease_key="test:203.0.113.7:microsoft",
        scope=Scope(source_ip=_IP, provider=MICROSOFT),
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        before=Rate.parse("1200/h"),
        after=Rate.parse("300/h"),
        rule="dnsbl-listed",
        reason="a listing on a tier 1 list caps the rate until it ends",
        evidence=(label,),
        actor="controller",
        at=at,
        mode="enforce",
        undo='tidegate release test:203.0.113.7:microsoft --reason "…"',
    )
