"""One scope's story in order: evidence, rule, lease, effect, next step, what it waits for. Decides only.

It is told by deciding once more on what is known now, so that it cannot differ from what the controller does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller import evidence, fleet, hand, policy
from controller.evidence import Effect, Signal
from controller.fleet import Verdict, World
from controller.hand import FREE
from controller.policy import Decision, Move
from controller.records import Records
from controller.settings import ControllerSettings, Mode
from controller.state import REST, ScopeState
from core.lease import Scope
from core.provider import EVERY
from core.rate import Rate
from core.statistics import ScopeMinute

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Clue:
    """One piece of evidence and what it does. `ends` is when the activity behind it ended."""

    id: str
    rule: str
    text: str
    does: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """What the last hour came to, in recipients; `queued` wait now."""

    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    about_ip: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """`waits_for` is what must happen before the next step, in words; `next_rate` is what it would allow.

    `elsewhere` are the other scopes of the IP that are held.
    """

    scope: Scope
    mode: Mode
    clues: tuple[Clue, ...]
    move: Move
    rule: str
    reason: str
    level: float
    base: str
    rate: Rate | None
    advised: Rate | None
    since: datetime | None
    flow: Flow
    next_rate: Rate | None
    next_step_at: datetime | None
    waits_for: tuple[str, ...]
    orders: tuple[str, ...]
    elsewhere: tuple[str, ...]


def tell(
    world: World,
    states: Mapping[Scope, ScopeState],
    scope: Scope,
    now: datetime,
    settings: ControllerSettings,
) -> Story:
    """The story of one scope of a world that holds all scopes of its IP."""
    verdict = fleet.judge(world, states, now, settings)
    decision = verdict.decisions.get(scope, fleet.QUIET)
    ordered = hand.on(scope, world.orders)
    state = states.get(scope, REST)
    records = Records(world.minutes, world.hours, now)
    signals = _signals(world, records, scope, state, now, settings)
    base = verdict.bases.get(scope)
    advice = verdict.advice.get(scope)
    next_level = policy.next_level(decision.state.level, decision.state.threshold, settings.recovery)
    held = decision.want is not None and decision.state.is_throttled
    delivered = records.delivered_since(scope, decision.state.last_move_at or now)
    return Story(
        scope=scope,
        mode=ordered.mode or settings.mode,
        clues=tuple(_clue(s, state, scope, verdict) for s in signals),
        move=decision.move,
        rule=decision.rule,
        reason=decision.reason or str(decision.move),
        level=decision.state.level,
        base=base.text if base else "",
        rate=decision.want,
        advised=advice.want if advice else None,
        since=decision.state.since,
        flow=_flow(records, world, scope, now),
        next_rate=Rate.from_per_hour(base.per_hour * next_level) if base and held else None,
        next_step_at=decision.next_step_at,
        waits_for=tuple(_waits_for(decision, signals, delivered, world, settings)),
        orders=tuple(
            f"order {o.id}: {o.kind} by {o.author}: {o.reason}"
            for o in world.orders
            if o.concerns(scope.source_ip, scope.provider)
        ),
        elsewhere=_elsewhere(verdict, scope),
    )


def _elsewhere(verdict: fleet.Verdict, scope: Scope) -> tuple[str, ...]:
    """What holds the same IP at other providers."""
    return tuple(
        f"{other}: {found.want} ({found.rule})"
        for other, found in sorted(verdict.loud(), key=lambda pair: pair[0].provider)
        if other.source_ip == scope.source_ip and other != scope and found.want is not None
    )


def _signals(
    world: World,
    records: Records,
    scope: Scope,
    state: ScopeState,
    now: datetime,
    settings: ControllerSettings,
) -> tuple[Signal, ...]:
    """Everything that speaks about the scope, what an operator lets it ignore included."""
    counts = evidence.Counts(records.of_minutes(scope), records.of_hours(scope))
    return evidence.gather(scope, world.incidents, counts, (), state.last_cut_at, now, settings)


def _clue(signal: Signal, state: ScopeState, scope: Scope, verdict: Verdict) -> Clue:
    ordered = verdict.hands.get(scope, FREE)
    does = {
        Effect.CAP: f"holds the level at {signal.value:.0%} while it lasts",
        Effect.REPLY: f"multiplies the level by {signal.value:g}",
        Effect.COUNT: f"multiplies the level by {signal.value:g}",
    }[signal.effect]
    if ordered.ignores(signal.rule) or ordered.ignores(signal.source):
        does = "ignored, as an operator ordered"
    elif scope in verdict.advice and signal.effect is Effect.CAP:
        does = f"advised alone, the IP is protected: {does}"
    elif signal.source in verdict.held_back or scope.source_ip in verdict.held_back.get("fleet", ()):
        does = "held back by the guard until somebody decides"
    elif state.last_cut_at is not None and signal.period_end < state.last_cut_at:
        does = "older than the last cut: it lowers nothing more, and nothing rises above it"
    return Clue(signal.id, signal.rule, signal.text, does, signal.period_end)


def _flow(records: Records, world: World, scope: Scope, now: datetime) -> Flow:
    if scope.provider == EVERY:
        minutes = [m for m in world.minutes if m.source_ip == scope.source_ip]
    else:
        minutes = records.of_minutes(scope)
    recent: Sequence[ScopeMinute] = [m for m in minutes if now - _HOUR <= m.minute <= now]
    return Flow(
        attempted=sum(m.attempted for m in recent),
        delivered=sum(m.delivered for m in recent),
        deferred=sum(m.deferred for m in recent),
        bounced=sum(m.bounced for m in recent),
        about_ip=sum(m.reputation_deferred + m.blocked for m in recent),
        queued=next((r.queued for r in world.scopes if r.scope == scope), 0),
    )


def _waits_for(
    decision: Decision,
    signals: Sequence[Signal],
    delivered: int,
    world: World,
    settings: ControllerSettings,
) -> list[str]:
    state, recovery = decision.state, settings.recovery
    if decision.move in {Move.FROZEN, Move.PINNED, Move.RELEASED}:
        return [f"the end of the order: {decision.reason}"]
    if not state.is_throttled:
        return []
    blind = evidence.blind_sources(world.incidents)
    found = [f"{source} to be seen again" for source in state.sources if evidence.is_blind(source, blind)]
    found += [f"the end of {s.id}" for s in signals if s.effect is Effect.CAP and s.value <= state.level]
    hours = recovery.patience(state.relapses).total_seconds() / 3600
    found.append(f"{hours:g} h without new trouble")
    if delivered < recovery.min_deliveries:
        found.append(
            f"{recovery.min_deliveries} recipients accepted at this level ({delivered} so far), "
            "or nothing left that waits"
        )
    return found
