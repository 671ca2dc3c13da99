from dataclasses import replace
from datetime import timedelta

import pytest
from controller_world import BASE, HOUR, MINUTE, NOON, SETTINGS, cap, decide, report, scope

from controller import reconcile
from controller.fleet import Verdict
from controller.reconcile import Delete, LeaseState, Put, ReportedLease, Why
from core.lease import Lease, Origin
from core.rate import UNLIMITED, Rate

LEASES = SETTINGS.leases
KEY = "auto:203.0.113.7:microsoft:source-ip-max-msg-rate"


def verdict(level: float = 0.1, connect: str = "unlimited") -> Verdict:
    where = scope()
    told = replace(report(), operator_connect_limit=Rate.parse(connect))
    return Verdict({where: decide(signals=[cap(level)])}, {}, {where: told}, {where: BASE})


def wanted(level: float = 0.1, epoch: int = 1, at: timedelta = timedelta(0)) -> dict[str, Lease]:
    return reconcile.wanted(verdict(level), NOON + at, epoch, LEASES)


def plan(wanted_leases: dict[str, Lease], held: list[ReportedLease], at: timedelta = timedelta(0)) -> list:
    return reconcile.plan(wanted_leases, held, NOON + at, LEASES)


def test_a_decision_becomes_a_lease_that_expires_and_says_why() -> None:
    lease = wanted()[KEY]
    assert (str(lease.value), str(lease.base), lease.rule) == ("100/h", "1000/h", "dnsbl-listed")
    assert (lease.origin, lease.epoch, lease.evidence) == (Origin.CONTROLLER, 1, ("INC-1",))
    assert lease.expires_at == NOON + 6 * HOUR


def test_a_lease_lives_three_times_the_cadence_of_its_slowest_source() -> None:
    def ttl(*sources: str) -> timedelta:
        return reconcile.time_to_live(sources, LEASES)

    assert ttl("replies", "dnsbl:zen.example") == 6 * HOUR
    assert ttl("snds", "replies") == ttl("sender-score") == 72 * HOUR


def test_what_is_missing_is_put_and_what_is_there_is_left_alone() -> None:
    (put,) = plan(wanted(), [])
    assert isinstance(put, Put)
    assert put.why is Why.NEW
    assert plan(wanted(), [ReportedLease(put.lease)]) == []


def test_a_lease_is_renewed_when_half_its_life_is_over_with_the_rate_it_has() -> None:
    held = [ReportedLease(wanted()[KEY])]
    assert plan(wanted(at=3 * HOUR), held, 3 * HOUR) == []
    (put,) = plan(wanted(0.105, at=3 * HOUR + MINUTE), held, 3 * HOUR + MINUTE)
    assert put.why is Why.RENEWED
    assert (put.lease.value, put.lease.set_at) == (held[0].lease.value, NOON)
    assert put.lease.expires_at == NOON + 9 * HOUR + MINUTE


def test_a_new_controller_takes_over_what_an_earlier_one_put_and_so_fences_it() -> None:
    held = [ReportedLease(wanted(epoch=1)[KEY])]
    (put,) = plan(wanted(epoch=2), held)
    assert (put.why, put.lease.epoch, put.lease.value) == (Why.TAKEN_OVER, 2, held[0].lease.value)
    assert plan(wanted(epoch=2), [ReportedLease(put.lease)]) == []


@pytest.mark.parametrize(("level", "why"), [(0.105, None), (0.12, Why.CHANGED), (0.08, Why.CHANGED)])
def test_small_changes_are_not_sent(level: float, why: Why | None) -> None:
    sent = plan(wanted(level), [ReportedLease(wanted()[KEY])])
    assert [action.why for action in sent] == ([why] if why else [])


def test_a_lease_that_ran_out_and_ramps_is_put_again() -> None:
    held = [ReportedLease(wanted()[KEY], LeaseState.RAMPING)]
    (put,) = plan(wanted(at=9 * HOUR), held, 9 * HOUR)
    assert put.why is Why.EXPIRED


def test_what_is_no_longer_wanted_is_deleted_but_never_an_operators_lease() -> None:
    mine = wanted()[KEY]
    theirs = mine.model_copy(update={"key": "auto:by-hand", "origin": Origin.OPERATOR})
    foreign = mine.model_copy(update={"key": "warmup:203.0.113.7"})
    held = [ReportedLease(one) for one in (mine, theirs, foreign)]
    assert plan({}, held) == [Delete(KEY)]


def test_untouched_keys_are_neither_put_nor_deleted() -> None:
    held = [ReportedLease(wanted()[KEY])]
    assert reconcile.plan({}, held, NOON, LEASES, frozenset({KEY})) == []
    assert reconcile.plan(wanted(), [], NOON, LEASES, frozenset({KEY})) == []


def test_the_connection_rate_follows_with_the_square_root_where_there_is_one() -> None:
    leases = reconcile.wanted(verdict(0.1, connect="1000/h"), NOON, 1, LEASES)
    assert sorted(str(lease.value) for lease in leases.values()) == ["100/h", "316/h"]
    assert reconcile.connect_rate(UNLIMITED, 0.1) == UNLIMITED
    assert str(reconcile.connect_rate(Rate.parse("100/h"), 0.02)) == "60/h"
    assert str(reconcile.connect_rate(Rate.parse("30/h"), 0.02)) == "30/h"


def test_planning_again_after_the_plan_was_carried_out_plans_nothing() -> None:
    leases = reconcile.wanted(verdict(0.1, connect="1000/h"), NOON, 1, LEASES)
    first = plan(leases, [])
    assert plan(leases, [ReportedLease(action.lease) for action in first]) == []
