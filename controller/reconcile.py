"""Wanted leases against reported ones: what to put, renew or delete. Decides only, and may be repeated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt

from controller.base import Base
from controller.evidence import SNDS
from controller.fleet import Verdict
from controller.policy import Decision
from controller.settings import LeaseSettings
from controller.state import ScopeReport
from core.lease import Directive, Lease, Origin, Scope, automatic_key
from core.rate import UNLIMITED, Rate

ACTOR = "controller"
PREFIX = "auto:"


class LeaseState(StrEnum):
    """Where a lease stands in the engine."""

    ACTIVE = "active"
    RAMPING = "ramping"


@dataclass(frozen=True, slots=True)
class ReportedLease:
    """A lease as the engine reports it, with the value that was put; a ramping one allows more by now."""

    lease: Lease
    state: LeaseState = LeaseState.ACTIVE


class Why(StrEnum):
    """Why something is sent."""

    NEW = "not held by the engine yet"
    CHANGED = "the rate changed"
    RENEWED = "half of its life is over"
    TAKEN_OVER = "an earlier controller put it: from now on its epoch is over"
    EXPIRED = "it ran out and ramps by itself"
    ENDED = "no longer wanted"


_SAME_RATE = frozenset({Why.RENEWED, Why.TAKEN_OVER})


@dataclass(frozen=True, slots=True)
class Put:
    """Send this lease."""

    lease: Lease
    why: Why


@dataclass(frozen=True, slots=True)
class Delete:
    """Take this lease away."""

    key: str
    why: Why = Why.ENDED


Action = Put | Delete


def wanted(verdict: Verdict, now: datetime, epoch: int, settings: LeaseSettings) -> dict[str, Lease]:
    """The leases that the decisions call for, by key."""
    leases = {}
    for scope, decision in verdict.loud():
        for term in terms(decision, verdict.reports[scope], verdict.bases[scope]):
            lease = _lease(scope, term, decision, now, epoch, settings)
            leases[lease.key] = lease
    return leases


@dataclass(frozen=True, slots=True)
class Term:
    """One directive's rate, and the rate it is a share of."""

    directive: Directive
    value: Rate
    base: Rate


def terms(decision: Decision, report: ScopeReport, base: Base) -> Iterable[Term]:
    """What a decision means in directives: the message rate, and the connection rate where there is one."""
    if decision.want is None:
        return
    limit = report.operator_limit
    full = Rate.from_per_hour(base.per_hour) if limit.is_unlimited else limit
    yield Term(Directive.SOURCE_IP_MAX_MSG_RATE, decision.want, full)
    connections = connect_rate(report.operator_connect_limit, decision.state.level)
    if not connections.is_unlimited and decision.state.is_throttled:
        yield Term(Directive.SOURCE_IP_MAX_CONNECT_RATE, connections, report.operator_connect_limit)


def connect_rate(operator_limit: Rate, level: float) -> Rate:
    """The operator's connection rate × √level, one a minute at least (control.md 2.2); unlimited stays so."""
    if operator_limit.is_unlimited:
        return UNLIMITED
    scaled = Rate.from_per_hour(max(60.0, operator_limit.per_hour * sqrt(level)))
    return operator_limit.strictest(scaled)


def _lease(
    scope: Scope,
    term: Term,
    decision: Decision,
    now: datetime,
    epoch: int,
    settings: LeaseSettings,
) -> Lease:
    return Lease(
        key=automatic_key(scope, term.directive),
        scope=scope,
        directive=term.directive,
        value=term.value,
        origin=Origin.CONTROLLER,
        rule=decision.rule,
        reason=decision.reason or str(decision.move),
        evidence=decision.evidence,
        set_by=ACTOR,
        set_at=now,
        expires_at=now + time_to_live(decision.state.sources, settings),
        base=term.base,
        epoch=epoch,
    )


def time_to_live(sources: Iterable[str], settings: LeaseSettings) -> timedelta:
    """max(6 h, 3 × the cadence of the slowest source behind the lease)."""
    cadences = [_cadence(source, settings) for source in sources]
    return max([settings.min_ttl, *(settings.cadences * cadence for cadence in cadences)])


def _cadence(source: str, settings: LeaseSettings) -> timedelta:
    if source == SNDS or source.startswith("sender-score"):
        return settings.daily_cadence
    return settings.dnsbl_cadence if source.startswith("dnsbl") else timedelta(0)


def differs(before: Rate | None, after: Rate | None, hysteresis: float) -> bool:
    """Whether a change is worth making: more than the hysteresis, or a limit coming or going."""
    if before is None or after is None or before.is_unlimited or after.is_unlimited:
        return before != after
    return abs(after.per_hour - before.per_hour) > hysteresis * before.per_hour


def plan(
    wanted_leases: Mapping[str, Lease],
    reported: Iterable[ReportedLease],
    now: datetime,
    settings: LeaseSettings,
    untouched: frozenset[str] = frozenset(),
) -> list[Action]:
    """What to send so that the engine holds what is wanted; deletions last.

    Only leases of the controller are ever touched, and none whose key is `untouched` (another mode there).
    """
    held = {r.lease.key: r for r in reported if r.lease.origin is Origin.CONTROLLER}
    actions: list[Action] = []
    for key, lease in sorted(wanted_leases.items()):
        why = None if key in untouched else _why(lease, held.get(key), now, settings)
        if why is not None:
            actions.append(Put(_kept(lease, held[key].lease) if why in _SAME_RATE else lease, why))
    gone = sorted(held.keys() - wanted_leases.keys() - untouched)
    return [*actions, *(Delete(key) for key in gone if key.startswith(PREFIX))]


@dataclass(frozen=True, slots=True)
class Batch:
    """What may be sent now, and how many changes wait for the next minute."""

    now: list[Action]
    later: int = 0

    @property
    def changes(self) -> int:
        """How much of the budget this takes."""
        return sum(is_change(action) for action in self.now)


def within_budget(actions: Iterable[Action], left: int) -> Batch:
    """The actions of which at most `left` change a limit: what replies cut first, deletions last.

    Renewals change nothing that mail feels, and a lease that runs out would: they are not counted.
    """
    kept: list[Action] = []
    later = 0
    for action in sorted(actions, key=_precedence):
        if is_change(action):
            if left <= 0:
                later += 1
                continue
            left -= 1
        kept.append(action)
    return Batch(kept, later)


def is_change(action: Action) -> bool:
    """Whether mail flows otherwise after this action."""
    return isinstance(action, Delete) or action.why not in _SAME_RATE


def _precedence(action: Action) -> int:
    if isinstance(action, Delete):
        return 3
    if action.why in _SAME_RATE:
        return 0
    return 1 if action.lease.rule.startswith("replies") else 2


def _why(lease: Lease, held: ReportedLease | None, now: datetime, settings: LeaseSettings) -> Why | None:
    if held is None:
        return Why.NEW
    if held.state is LeaseState.RAMPING:
        return Why.EXPIRED
    if differs(held.lease.value, lease.value, settings.hysteresis):
        return Why.CHANGED
    if held.lease.epoch < lease.epoch:
        return Why.TAKEN_OVER
    life = (lease.expires_at or now) - now
    left = (held.lease.expires_at or now) - now
    return Why.RENEWED if left < life / 2 else None


def _kept(lease: Lease, held: Lease) -> Lease:
    """A renewal moves the end alone: value and beginning stay as they were."""
    return lease.model_copy(update={"value": held.value, "set_at": held.set_at})
