"""Made-up incidents for tests of the way to people: a listing, a cut, an end; in a database in memory.

No test incident ever stands beside real ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address

from pydantic import SecretStr
from sqlmodel import Session

from core.address import IpAddress
from core.incident import IncidentKind, Rule, Severity
from core.lease import Directive, Scope
from core.provider import EVERY, MICROSOFT
from core.rate import Rate
from core.reading import Reading, Source, Status
from monitor.collectors import snds_access
from monitor.collectors.snds_access import LINK_LIFE
from monitor.collectors.snds_settings import SndsAccount, SndsSettings
from monitor.detection import access
from monitor.incidents import record
from monitor.incidents.telling import Account, Mailing, Why
from storage import database, health, incidents, leases, readings, scopes
from storage.health import SourceHealth
from storage.incidents import EventKind, IncidentEvent, NewIncident
from storage.leases import LeaseChange
from storage.notices import Notice
from storage.scopes import ScopeHour

_IP = ip_address("203.0.113.7")
_ZONE = "zen.spamhaus.org"
_CAP = "a listing on a tier 1 list caps the rate until it ends"


class Scenario(StrEnum):
    """Which story is told."""

    LISTED = "listed"
    THROTTLED = "throttled"
    RESOLVED = "resolved"
    DIGEST = "digest"


_AGES = {
    Scenario.LISTED: timedelta(minutes=2),
    Scenario.THROTTLED: timedelta(minutes=2),
    Scenario.RESOLVED: timedelta(hours=8),
}


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
    over = scenario in {Scenario.RESOLVED, Scenario.DIGEST}
    opened = now - (timedelta(days=5) if scenario is Scenario.DIGEST else _AGES[scenario])
    ended = (
        (opened + timedelta(hours=20) if scenario is Scenario.DIGEST else now - timedelta(minutes=2))
        if over
        else None
    )
    _polls(session, opened, ended, now)
    _traffic(session, opened, ended, now)
    _fleet(session, now)
    incident = incidents.open_incident(session, _listing(opened))
    if scenario is not Scenario.LISTED:
        _act(session, incident.number, opened, scenario)
    if ended is not None:
        incident = incidents.resolve_incident(session, incident.number, ended, "no longer listed")
    if scenario is Scenario.DIGEST:
        _elsewhere(session, now)
    lines = tuple(incidents.events(session, incident.number))
    account = Account(incident, Notice(incident=incident.number, lead=incident.number), lines)
    return Mailing(account, (account,), Why.RESOLVED if over else Why.NEW)


def _polls(session: Session, opened: datetime, ended: datetime | None, now: datetime) -> None:
    """A list asked once an hour, and a look at SNDS and Sender Score."""
    at = opened - timedelta(hours=6)
    while at <= now:
        listed = opened <= at and (ended is None or at < ended)
        readings.record(session, _answer(_IP, at, Status.BAD if listed else Status.GOOD))
        at += timedelta(hours=1)
    readings.record(session, _yellow(_IP, now))
    readings.record(session, _of_day(_IP, now, Source.SNDS_DATA, "trap-hits", value=0.0))
    readings.record(session, _of_day(_IP, now, Source.SENDER_SCORE, "", value=91.0, detail="91"))


def _yellow(ip: IpAddress, now: datetime) -> Reading:
    seen = _of_day(ip, now, Source.SNDS_DATA, "filter-result", detail="YELLOW")
    return seen.model_copy(update={"status": Status.WARN})


def _of_day(
    ip: IpAddress, now: datetime, source: Source, metric: str, value: float | None = None, detail: str = ""
) -> Reading:
    day = now.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=2)
    return Reading(
        ip=ip, source=source, metric=metric, period_start=day, period_end=day + timedelta(days=1),
        observed_at=now, status=Status.GOOD, value=value, detail=detail,
    )  # fmt: skip


def _answer(ip: IpAddress, at: datetime, status: Status) -> Reading:
    detail = "listed: SBL [127.0.0.2]" if status is Status.BAD else "not listed"
    return Reading(
        ip=ip, source=Source.DNSBL, metric=_ZONE, period_start=at, period_end=at, observed_at=at,
        status=status, detail=detail, evidence={"zone_name": "Spamhaus ZEN"},
    )  # fmt: skip


def _traffic(session: Session, opened: datetime, ended: datetime | None, now: datetime) -> None:
    """Mail of two weeks; what it cost while the listing stood."""
    scope = Scope(source_ip=_IP, provider=MICROSOFT)
    hour = (now - timedelta(days=14)).replace(minute=0, second=0, microsecond=0)
    found = []
    while hour < now:
        hit = opened <= hour and (ended is None or hour < ended)
        attempted = 300 if hit else 900 + 40 * (hour.hour % 7)
        deferred = attempted // 9 if hit else attempted // 200
        found.append(
            ScopeHour(
                scope=scope, hour=hour, attempted=attempted, delivered=attempted - deferred,
                deferred=deferred, reputation_deferred=deferred if hit else 0, complaints=attempted // 1_100,
            )
        )  # fmt: skip
        hour += timedelta(hours=1)
    scopes.record_hours(session, found)


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


def _act(session: Session, number: int, opened: datetime, scenario: Scenario) -> None:
    """The cut, the deeper one, and for the digest the way back, a person's help in it."""
    steps: list[tuple[timedelta, str | None, str, str]] = [
        (timedelta(minutes=1), "300/h", _CAP, "controller")
    ]
    if scenario is not Scenario.THROTTLED:
        why = "deferrals because of reputation: 11 %"
        steps.append((timedelta(hours=3), "120/h", why, "controller"))
    if scenario is Scenario.DIGEST:
        steps += [
            (timedelta(hours=20 + 2 * n), rate, "two hours without trouble", "controller")
            for n, rate in enumerate(("180/h", "270/h", "405/h"), start=1)
        ]
        steps.append((timedelta(hours=27), None, "cause found: an old list", "anna"))
    before = "1200/h"
    for after_opening, after, reason, actor in steps:
        at = opened + after_opening
        leases.record_change(session, _change(f"INC-{number}", at, before, after, reason, actor))
        text = f"{_IP} to Microsoft: {before} to {after or 'no limit of ours'}"
        line = IncidentEvent(number=number, at=at, kind=EventKind.ACTION, text=text)
        incidents.append_event(session, line)
        before = after or before


def _change(label: str, at: datetime, before: str, after: str | None, reason: str, actor: str) -> LeaseChange:
    return LeaseChange(
        lease_key="test:203.0.113.7:microsoft",
        scope=Scope(source_ip=_IP, provider=MICROSOFT),
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        before=Rate.parse(before),
        after=Rate.parse(after) if after else None,
        rule="dnsbl-listed",
        reason=reason,
        evidence=(label,),
        actor=actor,
        at=at,
        mode="enforce",
        undo='tidegate release test:203.0.113.7:microsoft --reason "…"' if after else "",
        expires_at=at + timedelta(hours=6) if after else None,
    )


def _fleet(session: Session, now: datetime) -> None:
    """Eleven other IPs, all clean."""
    for place in range(1, 12):
        readings.record(session, _answer(_IP + place, now - timedelta(hours=1), Status.GOOD))


def _elsewhere(session: Session, now: datetime) -> None:
    """One more IP that is in trouble, a source that does not answer, and links that will not."""
    other = _IP + 4
    incidents.open_incident(
        session,
        _listing(now - timedelta(hours=31)).model_copy(
            update={
                "ip": other,
                "fingerprint": f"test:{other}:{Rule.SNDS_NON_GREEN}",
                "source": Source.SNDS_DATA,
                "metric": "filter-result",
                "rule": Rule.SNDS_NON_GREEN,
                "severity": Severity.WARNING,
                "provider": MICROSOFT,
                "title": f"{other} not green at Microsoft SNDS in 2 of 3 days",
            }
        ),
    )
    readings.record(session, _yellow(other, now))
    incidents.open_incident(session, _closing(now))
    health.save(
        session,
        SourceHealth(
            name="sender-score", state="failing", last_success_at=now - timedelta(hours=40),
            last_attempt_at=now, last_error="the resolver is refused", consecutive_failures=9,
        ),
    )  # fmt: skip


def _closing(now: datetime) -> NewIncident:
    """Links into SNDS that stop working in three days, as the monitor finds it."""
    account = SndsAccount(name="main", data_link=SecretStr("https://snds.example/"),
                          links_issued=(now + timedelta(days=3)).date() - LINK_LIFE)  # fmt: skip
    [finding] = access.findings(snds_access.of_account(account, SndsSettings(), now), now)
    return record.new_incident(finding, now - timedelta(days=4))
