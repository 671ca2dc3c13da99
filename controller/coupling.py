"""Two providers that cut the same IP within hours know something: the others follow once, to the median.

Once and then the ramp: a level that is held and let go makes new reversals (control.md 2.4). Decides only.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from statistics import median

from controller.base import Base
from controller.settings import ControllerSettings
from controller.state import ScopeState
from core.address import IpAddress
from core.lease import Scope
from core.provider import EVERY

RULE = "coupling"


def couple(
    states: Mapping[Scope, ScopeState],
    bases: Mapping[Scope, Base],
    now: datetime,
    settings: ControllerSettings,
) -> dict[Scope, ScopeState]:
    """The scopes that follow, with their new states; those that were cut themselves do not."""
    by_ip: dict[IpAddress, dict[Scope, ScopeState]] = defaultdict(dict)
    for scope, state in states.items():
        if scope.provider != EVERY:
            by_ip[scope.source_ip][scope] = state
    followed = {}
    for scopes in by_ip.values():
        cut = {scope: s for scope, s in scopes.items() if _was_cut(s, now, settings)}
        if len(cut) < settings.coupling.providers:
            continue
        agreed_at = sorted(s.cut_at for s in cut.values() if s.cut_at)[settings.coupling.providers - 1]
        level = median(s.level for s in cut.values())
        names = ", ".join(sorted(scope.provider for scope in cut))
        for scope, state in scopes.items():
            if scope in cut or _has_followed(state, agreed_at, now, settings):
                continue
            target = max(level, bases[scope].floor)
            followed[scope] = _follow(state, target, names, bases[scope], now, settings)
    return followed


def _was_cut(state: ScopeState, now: datetime, settings: ControllerSettings) -> bool:
    return state.is_throttled and state.cut_at is not None and now - state.cut_at <= settings.coupling.window


def _has_followed(
    state: ScopeState, agreed_at: datetime, now: datetime, settings: ControllerSettings
) -> bool:
    last = state.coupled_at
    return last is not None and (last >= agreed_at or now - last <= settings.coupling.window)


def _follow(
    state: ScopeState, target: float, names: str, base: Base, now: datetime, settings: ControllerSettings
) -> ScopeState:
    noted = state.model_copy(update={"coupled_at": now})
    if target >= state.level:
        return noted
    hours = settings.coupling.window.total_seconds() / 3600
    return noted.model_copy(
        update={
            "level": target,
            "threshold": settings.recovery.threshold * state.level,
            "base": base.per_hour,
            "base_text": base.text,
            "since": state.since or now,
            "last_cut_at": now,
            "last_alarm_at": now,
            "last_move_at": now,
            "raised": False,
            "bottom": target,
            "rule": RULE,
            "cause": f"{names} cut this IP within {hours:.0f} hours",
            "evidence": (*state.evidence, f"coupling:{now:%Y-%m-%dT%H:%MZ}")[-20:],
            "sources": tuple(sorted({*state.sources, RULE})),
        }
    )
