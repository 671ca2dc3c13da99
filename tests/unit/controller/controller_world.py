"""A small world for the controller's tests: builders with plain defaults."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from controller import policy
from controller.base import Base
from controller.evidence import Effect, Evidence, Signal
from controller.hand import FREE, Hand
from controller.policy import Decision, Move
from controller.settings import ControllerSettings
from controller.state import REST, ScopeReport, ScopeState
from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.lease import Scope
from core.provider import EVERY
from core.rate import UNLIMITED, Rate
from core.reading import Source
from core.statistics import ScopeMinute

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IP = ip_address("203.0.113.7")
SETTINGS = ControllerSettings()
LIMIT = Rate.parse("1000/h")
BASE = Base(1000.0, "the operator's 1000/h", floor=0.02)


def scope(provider: str = "microsoft", ip: str = "203.0.113.7") -> Scope:
    return Scope(source_ip=ip_address(ip), provider=provider)


def report(provider: str = "microsoft", ip: str = "203.0.113.7", limit: str = "1000/h") -> ScopeReport:
    return ScopeReport(scope(provider, ip), Rate.parse(limit))


def incident(
    rule: Rule = Rule.DNSBL_LISTED, *, number: int = 1, ip: str = "203.0.113.7", tier: int = 1,
    severity: Severity = Severity.CRITICAL, at: datetime = NOON, metric: str = "zen.example",
    kind: IncidentKind = IncidentKind.IP,
) -> Incident:  # fmt: skip
    source = Source.DNSBL if rule in {Rule.DNSBL_LISTED, Rule.BLIND} else Source.SNDS_DATA
    if rule in {Rule.SENDER_SCORE_DROP, Rule.SENDER_SCORE_LOW}:
        source = Source.SENDER_SCORE
    return Incident(
        number=number, fingerprint=f"ip:{ip}:{rule}:{metric}", kind=kind, ip=ip_address(ip), source=source,
        metric=metric, rule=rule, severity=severity, tier=tier, state=IncidentState.OPEN,
        title=f"{rule} {ip}", evidence_end=at, opened_at=at, updated_at=at,
    )  # fmt: skip


def minute(
    at: datetime, *, provider: str = "microsoft", ip: str = "203.0.113.7", delivered: int = 0,
    reputation_deferred: int = 0, blocked: int = 0, last_reply: str = "",
) -> ScopeMinute:  # fmt: skip
    return ScopeMinute(
        source_ip=ip_address(ip), provider=provider, minute=at,
        attempted=delivered + reputation_deferred + blocked, delivered=delivered,
        deferred=reputation_deferred, bounced=blocked, reputation_deferred=reputation_deferred,
        blocked=blocked, last_reply=last_reply,
    )  # fmt: skip


def cap(level: float, at: datetime = NOON, source: str = "dnsbl:zen.example", name: str = "INC-1") -> Signal:
    return Signal(level, "dnsbl-listed", name, Effect.CAP, at, f"listed ({name})", source)


def replies(factor: float, at: datetime = NOON) -> Signal:
    return Signal(
        factor, "replies-deferred", f"replies:{at}", Effect.REPLY, at, "deferred 9 of 20", "replies"
    )


def decide(
    state: ScopeState = REST, signals: Sequence[Signal] = (), now: datetime = NOON, *,
    delivered: int = 1000, queued: int = 0, blind: Iterable[str] = (), limit: Rate = LIMIT,
    base: Base = BASE, hand: Hand = FREE, best_hour: int | None = None,
) -> Decision:  # fmt: skip
    evidence = Evidence(tuple(sorted(signals)), frozenset(blind), delivered, queued, best_hour)
    return policy.decide(state, evidence, now, limit, base, SETTINGS, hand)


def run(
    state: ScopeState, begin: datetime, end: datetime, signals: Sequence[Signal] = (), **options: object
) -> tuple[ScopeState, list[tuple[timedelta, Move, str]]]:
    """Look every 10 minutes; what moved, as (time since begin, move, rate)."""
    moves, now = [], begin
    while now <= end:
        decision = decide(state, signals, now, **options)  # type: ignore[arg-type]
        state = decision.state
        if decision.move in {Move.CUT, Move.RAISED, Move.RECOVERED}:
            moves.append((now - begin, decision.move, str(decision.want or UNLIMITED)))
        now += 10 * MINUTE
    return state, moves


EVERYWHERE = EVERY
