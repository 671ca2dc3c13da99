"""Going on after an absence, from where the engine has got to."""

from datetime import datetime, timedelta

from controller_world import BASE, DAY, HOUR, NOON, SETTINGS, cap, decide, replies, report, scope
from hypothesis import given
from hypothesis import strategies as st

from controller import reconcile
from controller.absence import caught_up
from controller.fleet import Verdict
from controller.reconcile import LeaseState, ReportedLease
from controller.state import REST, ScopeState
from engine.shaping.leases import standing

LEASES = SETTINGS.leases
CUT = decide(signals=[replies(0.2)]).state


def lease(state: ScopeState) -> reconcile.Lease:
    """The lease that stands behind a state, put at noon."""
    decision = decide(state, now=NOON)
    verdict = Verdict({scope(): decision}, {}, {scope(): report()}, {scope(): BASE})
    (put,) = reconcile.wanted(verdict, NOON, 1, LEASES).values()
    return put


def later(
    gap: timedelta,
    state: ScopeState = CUT,
    held: list[ReportedLease] | None = None,
    *,
    last_look: datetime | None = NOON,
    enforced: bool = True,
) -> ScopeState:
    states = {scope(): state}
    return caught_up(states, held or [], last_look, NOON + gap, LEASES, lambda _scope: enforced)[scope()]


def test_a_lease_that_ramps_in_the_engine_takes_the_level_along() -> None:
    ramping = [ReportedLease(lease(CUT), LeaseState.RAMPING)]
    assert later(7 * HOUR, held=ramping).level == CUT.level * 1.5
    assert later(9 * HOUR, held=ramping).level == CUT.level * 1.5**2


def test_a_lease_that_is_over_leaves_the_scope_free() -> None:
    risen = later(DAY)
    assert not risen.is_throttled
    assert risen.last_cut_at == CUT.last_cut_at


def test_a_lease_that_is_gone_before_its_time_was_lost_and_the_level_stands() -> None:
    assert later(2 * HOUR) == CUT
    assert later(DAY, last_look=None) == CUT
    assert later(DAY, held=[ReportedLease(lease(CUT))]) == CUT


def test_what_was_only_advised_did_not_run_out() -> None:
    assert later(DAY, enforced=False) == CUT


def test_a_cap_that_let_go_may_lower_again_on_the_same_evidence() -> None:
    capped = decide(signals=[cap(0.1)]).state
    free = later(2 * DAY, capped)
    again = decide(free, [cap(0.1, NOON - HOUR)], NOON + 2 * DAY)
    assert (free.is_throttled, str(again.want)) == (False, "100/h")


def test_old_replies_never_cut_again_after_an_absence() -> None:
    free = later(DAY)
    assert decide(free, [replies(0.2, NOON - HOUR)], NOON + DAY).state.level == 1


def test_a_scope_at_rest_stays_at_rest() -> None:
    assert later(DAY, REST) == REST


@given(st.integers(0, 40))
def test_the_controller_is_never_stricter_than_the_engine_has_become(hours: int) -> None:
    """Of any absence: what the level allows is at least what the engine allows by then."""
    at, put = NOON + hours * HOUR, lease(CUT)
    engine = standing(put, at)
    held = [ReportedLease(put, LeaseState.RAMPING)] if engine.state == LeaseState.RAMPING else []
    if engine.state == LeaseState.ACTIVE:
        held = [ReportedLease(put)]
    level = later(hours * HOUR, held=held).level
    assert min(1000.0, engine.rate.per_hour) <= level * 1000 + 1e-6
