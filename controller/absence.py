"""What happened while the controller was away: its leases ran out, and the engine let the rates rise.

A controller that slept for a day must not cut anew what has been free for hours, without new evidence. It
goes on from where the engine has got to. Decides only.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from controller import reconcile
from controller.reconcile import LeaseState, ReportedLease
from controller.settings import LeaseSettings
from controller.state import REST, ScopeState
from core.lease import RAMP_FACTOR, RAMP_STEP, Directive, Scope

Enforced = Callable[[Scope], bool]
"""Whether the controller holds leases on a scope; what it only advised did not run out."""


def caught_up(
    states: Mapping[Scope, ScopeState],
    reported: Iterable[ReportedLease],
    last_look: datetime | None,
    now: datetime,
    settings: LeaseSettings,
    enforced: Enforced,
) -> dict[Scope, ScopeState]:
    """The states as of now. A lease that is gone before its time was lost by the engine: it is put again."""
    held = {
        one.lease.scope: one
        for one in reported
        if one.lease.directive is Directive.SOURCE_IP_MAX_MSG_RATE
        and one.lease.key.startswith(reconcile.PREFIX)
    }
    found = dict(states)
    for scope, state in states.items():
        if not state.is_throttled or not enforced(scope):
            continue
        ended = _ended_at(state, held.get(scope), last_look, settings)
        if ended is not None and ended <= now:
            found[scope] = _risen(state, 1 + (now - ended) // RAMP_STEP, now)
    return found


def _ended_at(
    state: ScopeState, held: ReportedLease | None, last_look: datetime | None, settings: LeaseSettings
) -> datetime | None:
    """When the lease on a scope ran out, None where it did not."""
    if held is not None:
        return held.lease.expires_at if held.state is LeaseState.RAMPING else None
    life = reconcile.time_to_live(state.sources, settings)
    return None if last_look is None else last_look + life


def _risen(state: ScopeState, steps: int, now: datetime) -> ScopeState:
    level = state.level * RAMP_FACTOR**steps
    # a cap that let go and still has its reason may lower again, however old that is
    last_cut_at = state.last_cut_at if state.cap_level == 1 else None
    if level >= 1:
        return REST.model_copy(update={"last_cut_at": last_cut_at, **state.told})
    # what the engine allows already is where recovery starts from now
    risen = {"level": level, "bottom": level, "last_cut_at": last_cut_at, "last_move_at": now}
    return state.model_copy(update=risen)
