"""One scope's throttle: cut at once, hold while the cause lasts, come back step by step. Decides only.

The level is a share of the base rate. A cap lowers it to its value, a cut multiplies it, and the smallest
wins, so that the order of simultaneous signals cannot matter. When all is quiet for the cool-down, the level
climbs by ×1.5 a step up to 0.7 × where it last fell from, then by 4 % of the base or ×1.1: it never snaps
back (control.md 2.2; returning at once makes hundreds of stop-and-go reversals, see docs/evaluation.md). Each
cut after a step up doubles the cool-down until all is well, as a retry that failed doubles its wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controller.base import Base
from controller.evidence import Effect, Evidence, Signal, is_blind
from controller.hand import FREE, Hand
from controller.settings import ControllerSettings, RecoverySettings
from controller.state import REST, CapCut, ScopeState
from core.rate import Rate

_HOUR = timedelta(hours=1)
_REMEMBERED = 20


class Move(StrEnum):
    """What a look at a scope came to."""

    NONE = "nothing holds this scope"
    CUT = "cut"
    CAPPED = "held while the cause lasts"
    COOLING = "held until it has been quiet for the cool-down"
    STEPPING = "held until the next step is due"
    UNPROVEN = "held until enough deliveries prove the level"
    BLIND = "held: the source behind it cannot be seen"
    FROZEN = "held: frozen by an operator"
    PINNED = "pinned by an operator"
    RELEASED = "released by an operator"
    RAISED = "raised a step"
    RECOVERED = "back to normal"


@dataclass(frozen=True, slots=True)
class Decision:
    """The state to keep, the rate to hold (None: no limit of ours), and why.

    `next_step_at` is when the level may rise next if all stays quiet, None when nothing is planned.
    """

    state: ScopeState
    want: Rate | None
    move: Move
    rule: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    next_step_at: datetime | None = None


def decide(
    state: ScopeState,
    evidence: Evidence,
    now: datetime,
    operator_limit: Rate,
    base: Base,
    settings: ControllerSettings,
    hand: Hand = FREE,
) -> Decision:
    """What to do about one scope now."""
    state = _forget_old(state, now)
    if hand.released_at is not None:
        return _released(state, hand)
    if hand.pin is not None:
        pinned = operator_limit.strictest(hand.pin)
        return Decision(state, pinned, Move.PINNED, "pin", hand.text)
    if hand.is_frozen:
        want = _rate(state, evidence, operator_limit, base, settings) if state.is_throttled else None
        return Decision(state, want, Move.FROZEN, state.rule, hand.text, state.evidence)
    after, move = _moved(state, evidence, now, base, settings.recovery)
    want = _rate(after, evidence, operator_limit, base, settings) if after.is_throttled else None
    step = _next_step(after, evidence, settings.recovery) if after.is_throttled else None
    return Decision(
        state=after,
        want=want,
        move=move,
        rule=after.rule or state.rule,
        reason=_explain(state, after, move, base, evidence, step),
        evidence=after.evidence or state.evidence,
        next_step_at=step,
    )


def _moved(
    state: ScopeState,
    evidence: Evidence,
    now: datetime,
    base: Base,
    settings: RecoverySettings,
) -> tuple[ScopeState, Move]:
    caps = [s for s in evidence.signals if s.effect is Effect.CAP]
    ceiling = min((s.value for s in caps), default=1.0)
    live = [s for s in evidence.signals if s.effect is not Effect.CAP and _is_fresh(s, state)]
    # a stale cap lowers nothing, yet nothing rises above it while it lasts
    capped = min((s.value for s in caps if _is_fresh(s, state)), default=1.0)
    target, cuts = _lowered(state, live, capped, base.floor, now)
    alarmed = bool(live) or ceiling <= state.level < 1
    if target < state.level:
        cut = _cut(state, cuts, target, max(target, capped), now, base, settings)
        return _remember(cut, evidence.signals), Move.CUT
    if not state.is_throttled:
        return state, Move.NONE
    if alarmed:
        held = state.model_copy(update={"last_alarm_at": now})
        return _remember(held, evidence.signals), Move.CAPPED
    waits = _waits(state, evidence, now, settings)
    if waits is not None:
        return state, waits
    raised, move = _raised(state, min(ceiling, 1.0), now, settings)
    return _granted(raised, evidence.best_hour, base, settings), move


def _is_fresh(signal: Signal, state: ScopeState) -> bool:
    # dead time: one incident seen late must not cut three times (control.md 0.4)
    return state.last_cut_at is None or signal.period_end >= state.last_cut_at


def _lowered(
    state: ScopeState,
    live: Sequence[Signal],
    ceiling: float,
    floor: float,
    now: datetime,
) -> tuple[float, list[Signal]]:
    """The level that caps and cuts call for, and the cuts that took part."""
    target = min(state.level, ceiling)
    cuts = []
    for signal in live:
        # within the dwell a worse signal deepens the last cut; it does not compound with it
        dwelling = state.cut_dwell_until is not None and now < state.cut_dwell_until
        cut_to = (state.cut_from if dwelling else state.level) * signal.value
        if cut_to < state.level:
            cuts.append(signal)
            target = min(target, cut_to)
    return min(state.level, max(floor, target)), cuts


def _cut(
    state: ScopeState,
    cuts: Sequence[Signal],
    target: float,
    capped: float,
    now: datetime,
    base: Base,
    settings: RecoverySettings,
) -> ScopeState:
    changes: dict[str, object] = {
        "level": target,
        "base": base.per_hour,
        "base_text": base.text,
        "since": state.since or now,
        "last_cut_at": now,
        "last_alarm_at": now,
        "last_move_at": now,
        "raised": False,
        "relapses": state.relapses + state.raised,
        "bottom": target,
    }
    dwelling = state.cut_dwell_until is not None and now < state.cut_dwell_until
    if cuts:
        dwell = max(settings.daily_dwell if s.effect is Effect.COUNT else settings.dwell for s in cuts)
        start = state.cut_from if dwelling else state.level
        changes |= {"cut_from": start, "cut_at": now, "threshold": settings.threshold * start}
        # a deepened cut does not start its dwell anew, or a worsening hour could keep it open for ever
        changes["cut_dwell_until"] = state.cut_dwell_until if dwelling else now + dwell
    elif not state.is_throttled:
        changes["threshold"] = settings.threshold * state.level
    if capped < state.level:
        cut = CapCut(at=now, before=state.level, after=capped)
        changes |= {"cap_level": capped, "cap_cuts": (*state.cap_cuts, cut)}
    return state.model_copy(update=changes)


def _remember(state: ScopeState, signals: Sequence[Signal]) -> ScopeState:
    if not signals:
        return state
    worst = min(signals)
    known = dict.fromkeys((*state.evidence, *(s.id for s in signals)))
    return state.model_copy(
        update={
            "rule": worst.rule,
            "cause": worst.text,
            "evidence": tuple(known)[-_REMEMBERED:],
            "sources": tuple(sorted({*state.sources, *(s.source for s in signals)})),
        }
    )


def _waits(state: ScopeState, evidence: Evidence, now: datetime, settings: RecoverySettings) -> Move | None:
    """Why the level may not rise yet, None when it may."""
    if any(is_blind(source, evidence.blind) for source in state.sources):
        return Move.BLIND
    if state.last_alarm_at is not None and now - state.last_alarm_at < settings.patience(state.relapses):
        return Move.COOLING
    if state.last_move_at is not None and now - state.last_move_at < settings.step:
        return Move.STEPPING
    return None if _is_proven(state, evidence, settings) else Move.UNPROVEN


def _is_proven(state: ScopeState, evidence: Evidence, settings: RecoverySettings) -> bool:
    """Deliveries since the last move; fewer do where nothing waits, none at all only after slow signals.

    A cap ends because its source says so. A cut by replies can only be disproved by other replies.
    """
    if evidence.delivered >= settings.min_deliveries:
        return True
    return evidence.queued == 0 and (evidence.delivered > 0 or state.cut_at is None)


def _raised(
    state: ScopeState, ceiling: float, now: datetime, settings: RecoverySettings
) -> tuple[ScopeState, Move]:
    level = min(next_level(state.level, state.threshold, settings), ceiling)
    if level >= 1:
        kept = {"coupled_at": state.coupled_at, "last_cut_at": state.last_cut_at, **state.told}
        return REST.model_copy(update=kept), Move.RECOVERED
    changes = {"level": level, "last_move_at": now, "raised": True}
    return state.model_copy(update=changes), Move.RAISED


def _granted(state: ScopeState, best_hour: int | None, base: Base, settings: RecoverySettings) -> ScopeState:
    """The state that remembers what this step lets flow: a quieter day must not take it away again."""
    if not state.is_throttled or best_hour is None:
        return state
    bound = max(state.bottom, settings.doubling * best_hour / base.per_hour)
    return state.model_copy(update={"bottom": min(state.level, bound)})


def next_level(level: float, threshold: float, settings: RecoverySettings) -> float:
    """One step up: ×1.5 while that stays within the threshold, else + 4 % of the base or ×1.1; at most 1."""
    quick = level * settings.factor
    # near the floor 4 % of the base would treble the rate, where care is what is asked for
    slow = min(level + settings.increment, level * settings.slow_factor)
    raised = quick if quick <= threshold else slow
    # a level a rounding error below 1 is 1
    return 1.0 if raised > 1 - 1e-9 else raised


def _next_step(state: ScopeState, evidence: Evidence, settings: RecoverySettings) -> datetime | None:
    binding = any(s.effect is Effect.CAP and s.value <= state.level for s in evidence.signals)
    if binding or state.last_move_at is None:
        return None
    due = state.last_move_at + settings.step
    return (
        due
        if state.last_alarm_at is None
        else max(due, state.last_alarm_at + settings.patience(state.relapses))
    )


def _rate(
    state: ScopeState, evidence: Evidence, operator_limit: Rate, base: Base, settings: ControllerSettings
) -> Rate:
    per_hour = base.per_hour * state.level
    if state.raised and evidence.best_hour is not None:
        # a bound on growth alone: a step up never takes away what flowed before it
        most = max(base.per_hour * state.bottom, settings.recovery.doubling * evidence.best_hour)
        per_hour = min(per_hour, most)
    return operator_limit.strictest(Rate.from_per_hour(per_hour))


def _forget_old(state: ScopeState, now: datetime) -> ScopeState:
    recent = tuple(cut for cut in state.cap_cuts if now - cut.at < _HOUR)
    return state if recent == state.cap_cuts else state.model_copy(update={"cap_cuts": recent})


def _released(state: ScopeState, hand: Hand) -> Decision:
    move = Move.RELEASED if state.is_throttled or state.announced else Move.NONE
    rest = REST.model_copy(update={**state.told, "last_cut_at": hand.released_at})
    return Decision(rest, None, move, "release", hand.text, state.evidence)


def _explain(
    before: ScopeState,
    after: ScopeState,
    move: Move,
    base: Base,
    evidence: Evidence,
    step: datetime | None,
) -> str:
    when = f"; next step {step:%d %b %H:%M} UTC if all stays quiet" if step else ""
    if move is Move.NONE:
        return str(move)
    if move is Move.RECOVERED:
        return f"back to normal after: {before.cause}"
    level = base.share(after.level)
    if move is Move.CUT or (move is Move.CAPPED and evidence.signals):
        return f"{'; '.join(_texts(evidence.signals))}: held at {level}{when}"
    if move is Move.RAISED:
        return f"recovering from: {after.cause}; now {level}{when}"
    return f"{after.cause}; at {level}, {move}{when}"


def _texts(signals: Sequence[Signal]) -> list[str]:
    return list(dict.fromkeys(s.text for s in sorted(signals)))[:3]
