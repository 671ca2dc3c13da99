"""Thirty days of one harbour's records: what a monitor and a controller would have written down by now."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address
from typing import Any

from sqlmodel import Session

from core.incident import IncidentKind, Rule, Severity
from core.lease import Directive, Scope, automatic_key
from core.rate import Rate
from core.reading import Quality, Reading, Source, Status
from monitor.health import SourceState
from storage import audit, coverage, health, incidents, leases, orders, readings, scopes
from storage.audit import AuditEntry
from storage.coverage import Coverage
from storage.health import SourceHealth
from storage.incidents import EventKind, IncidentEvent, NewIncident
from storage.leases import LeaseChange
from storage.orders import NewOrder, OrderKind
from storage.scopes import ScopeHour

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LISTED, RED, FALLEN, CALM = (ip_address(f"203.0.113.{n}") for n in (7, 16, 17, 8))
FLEET = tuple(ip_address(f"203.0.113.{n}") for n in (7, 8, 9, 10, 16, 17, 18, 24, 25))
LISTS = ("sbl.lab.test", "bl.lab.test", "css.lab.test", "spamtrap.lab.test")
PROVIDERS = {"microsoft": 420, "google": 300, "yahoo": 260}
SHARES = {"microsoft": 0.1, "google": 0.5, "yahoo": 0.1}
"""What a listing of the first tier leaves of the operator's limit (the controller's own caps)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident as it went: opened and resolved so many days ago."""

    ip: IPv4Address
    title: str
    summary: str
    rule: Rule
    severity: Severity
    source: Source
    metric: str
    opened: float
    resolved: float | None = None
    provider: str = "*"
    evidence: dict[str, Any] = field(default_factory=dict)
    lines: tuple[tuple[float, EventKind, str], ...] = ()


TROUBLES = (
    Trouble(FLEET[2], "203.0.113.9 is YELLOW at Microsoft SNDS", "Complaint rate 0.4 % on 3 days.", Rule.SNDS_NON_GREEN,
            Severity.WARNING, Source.SNDS_DATA, "filter-result", 24.2, 21.6, "microsoft"),
    Trouble(FLEET[5], "Sender Score of 203.0.113.17 fell from 96 to 84", "12 below the median of 14 days.",
            Rule.SENDER_SCORE_DROP, Severity.INFO, Source.SENDER_SCORE, "", 13.1, 8.4),
    Trouble(CALM, "203.0.113.8 is listed on css.lab.test", "Listed for 27 h.", Rule.DNSBL_LISTED, Severity.WARNING,
            Source.DNSBL, "css.lab.test", 6.3, 5.1),
    Trouble(RED, "203.0.113.16 is RED at Microsoft SNDS", "RED for the activity of yesterday: complaint rate 1.2 %.",
            Rule.SNDS_RED, Severity.WARNING, Source.SNDS_DATA, "filter-result", 1.1, None, "microsoft",
            {"filter-result": "RED", "complaint-rate": "1.2 %", "trap-hits": 0},
            ((0.9, EventKind.NOTIFIED, "mailed to ops@harbour.test"),)),
    Trouble(LISTED, "203.0.113.7 is listed on sbl.lab.test", "Listed since 5 h: SBL, confirmed twice. All mail is concerned.",
            Rule.DNSBL_LISTED, Severity.CRITICAL, Source.DNSBL, "sbl.lab.test", 0.21, None, "*",
            {"answer": "127.0.0.2", "txt": "https://sbl.lab.test/query/203.0.113.7", "first seen": "5 h ago"},
            ((0.208, EventKind.ACTION, "held back at 3 providers (dnsbl-listed)"),
             (0.207, EventKind.NOTIFIED, "mailed to ops@harbour.test"))),
)  # fmt: skip


def write(session: Session, now: datetime) -> None:
    """Everything."""
    _sources(session, now)
    _readings(session, now)
    _hours(session, now)
    _incidents(session, now)
    _changes(session, now)
    _acts(session, now)


def _incidents(session: Session, now: datetime) -> None:
    for one in TROUBLES:
        opened = now - one.opened * DAY
        new = NewIncident(
            fingerprint=f"ip:{one.ip}:{one.rule}:{one.metric}", kind=IncidentKind.IP, ip=one.ip, source=one.source,
            metric=one.metric, rule=one.rule, severity=one.severity, tier=1, provider=one.provider, title=one.title,
            summary=one.summary, evidence=one.evidence, evidence_end=opened, opened_at=opened,
        )  # fmt: skip
        number = incidents.open_incident(session, new).number
        for ago, kind, text in one.lines:
            event = IncidentEvent(number=number, at=now - ago * DAY, kind=kind, text=text)
            incidents.append_event(session, event)
        if one.resolved is not None:
            incidents.resolve_incident(
                session, number, now - one.resolved * DAY, "gone for three clean looks"
            )


def _changes(session: Session, now: datetime) -> None:
    for provider, base in (("microsoft", 500), ("google", 400), ("yahoo", 3000)):
        after = round(base * SHARES[provider])
        _change(
            session,
            LISTED,
            provider,
            now - 0.208 * DAY,
            None,
            after,
            "dnsbl-listed",
            "INC-5 listed on sbl.lab.test",
        )
    for ago, before, after in ((1.05, None, 125), (0.75, 125, 188), (0.6, 188, 125)):
        why = "INC-4 RED at Microsoft SNDS" if after == 125 else "four clean hours"
        rule = "snds-red" if after == 125 else "recovery"
        _change(session, RED, "microsoft", now - ago * DAY, before, after, rule, why)


def _change(
    session: Session,
    ip: IPv4Address,
    provider: str,
    at: datetime,
    before: int | None,
    after: int,
    rule: str,
    why: str,
) -> None:
    scope = Scope(source_ip=ip, provider=provider)
    change = LeaseChange(
        lease_key=automatic_key(scope, Directive.SOURCE_IP_MAX_MSG_RATE), scope=scope,
        directive=Directive.SOURCE_IP_MAX_MSG_RATE, before=Rate(before, 3600) if before else None,
        after=Rate(after, 3600), rule=rule, reason=why, actor="controller", at=at, mode="enforce",
        expires_at=at + 6 * HOUR,
    )  # fmt: skip
    leases.record_change(session, change)


def _acts(session: Session, now: datetime) -> None:
    given = now - 3 * HOUR
    order = NewOrder(
        kind=OrderKind.OVERRIDE, source_ip=FALLEN, provider="*", subject="sender-score-low", author="ada",
        reason="new IP, the score is still warming up", created_at=given, expires_at=now + 2 * DAY,
    )  # fmt: skip
    orders.give(session, order)
    entry = AuditEntry(
        at=given, actor="ada", action="order.override", subject="203.0.113.17 × all providers",
        after="sender-score-low", reason=order.reason,
    )  # fmt: skip
    audit.append(session, entry)


def _hours(session: Session, now: datetime) -> None:
    start = now.replace(minute=0, second=0, microsecond=0)
    found = []
    for back in range(21 * 24):
        hour = start - back * HOUR
        for number, ip in enumerate(FLEET):
            found += [_hour(ip, number, provider, most, hour, back) for provider, most in PROVIDERS.items()]
    scopes.record_hours(session, found)


def _hour(ip: IPv4Address, number: int, provider: str, most: int, hour: datetime, back: int) -> ScopeHour:
    day = 0.55 + 0.45 * math.sin((hour.hour - 7) / 24 * 2 * math.pi)
    wobble = 1 + 0.09 * math.sin(back * 1.7 + number * 2.3 + most)
    attempted = round(most * day * wobble * (0.45 + 0.11 * (number % 5)))
    held = ip == LISTED and back < 5
    attempted = round(attempted * 0.28) if held else attempted
    share = 0.34 if ip == LISTED and 5 <= back < 7 else 0.09 if held else 0.012 + 0.004 * (back % 3)
    deferred, bounced = round(attempted * share), round(attempted * 0.004)
    return ScopeHour(
        Scope(source_ip=ip, provider=provider), hour, attempted, attempted - deferred - bounced, deferred, bounced,
        reputation_deferred=deferred // 2, blocked=0, hard_bounced=bounced, complaints=0,
    )  # fmt: skip


def _readings(session: Session, now: datetime) -> None:
    coverage.watch(session, FLEET, now - 29 * DAY)
    for zone in LISTS:
        row = Coverage(
            source=Source.DNSBL, metric=zone, families=(4,), first_at=now - 29 * DAY, last_at=now - 5 * HOUR / 60,
            whole_at=now - 5 * HOUR / 60, rounds=700, cadence=HOUR,
        )  # fmt: skip
        coverage.save(session, row)
    for number, ip in enumerate(FLEET):
        for reading in _of_ip(ip, number, now):
            readings.record(session, reading)


def _of_ip(ip: IPv4Address, number: int, now: datetime) -> Iterable[Reading]:
    for back in reversed(range(29)):
        at = now - back * DAY - HOUR
        score = 97 - number + round(2 * math.sin(back)) - (14 if ip == FALLEN and back < 13 else 0)
        yield _reading(ip, Source.SENDER_SCORE, "", at, Status.GOOD, float(score), str(score))
        colour = (
            "RED" if ip == RED and back < 2 else "YELLOW" if ip == FLEET[2] and 21 <= back < 25 else "GREEN"
        )
        status = {"RED": Status.BAD, "YELLOW": Status.WARN, "GREEN": Status.GOOD}[colour]
        yield _reading(ip, Source.SNDS_DATA, "filter-result", at, status, None, colour)
    if ip == LISTED:
        for hours in range(5):
            at = now - hours * HOUR
            yield _reading(
                ip, Source.DNSBL, LISTS[0], at, Status.BAD, None, "listed: 127.0.0.2, seen in a spam trap"
            )
    if ip == CALM:
        for hours, status in ((150, Status.WARN), (130, Status.WARN), (120, Status.GOOD), (30, Status.GOOD)):
            said = "listed: 127.0.0.3" if status is Status.WARN else "not listed"
            yield _reading(ip, Source.DNSBL, "css.lab.test", now - hours * HOUR, status, None, said)


def _reading(
    ip: IPv4Address,
    source: Source,
    metric: str,
    at: datetime,
    status: Status,
    value: float | None,
    detail: str,
) -> Reading:
    return Reading(
        ip=ip, source=source, metric=metric, period_start=at, period_end=at, observed_at=at, status=status,
        quality=Quality.OK, value=value, detail=detail,
    )  # fmt: skip


def _sources(session: Session, now: datetime) -> None:
    well = [*(f"dnsbl:{zone}" for zone in LISTS), "sender-score", "snds:main"]
    for name in well:
        last = now - timedelta(minutes=4)
        health.save(session, _health(name, SourceState.HEALTHY, now - 29 * DAY, last, last, recent="+" * 50))
    blind = _health(
        "dnsbl:dead.lab.test", SourceState.BLIND, now - 2 * DAY, now - 2 * DAY, now - HOUR / 4,
        last_error="no answer within 1 s, three times", recent="+" * 30 + "-" * 20,
    )  # fmt: skip
    health.save(session, blind)
    refused = _health(
        "dnsbl:refusing.lab.test", SourceState.QUARANTINED, now - 9 * DAY, None, now - HOUR / 4,
        detail="it answers 127.255.255.254: it refuses this resolver", recent="x" * 50,
    )  # fmt: skip
    health.save(session, refused)


def _health(
    name: str, state: SourceState, since: datetime, success: datetime | None, attempt: datetime, **more: Any
) -> SourceHealth:
    return SourceHealth(
        name=name, state=str(state), since=since, last_success_at=success, last_attempt_at=attempt, **more
    )
