from dataclasses import replace
from random import Random

import pytest
from controller_world import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SETTINGS,
    decide,
    incident,
    minute,
    replies,
    report,
    scope,
)
from hypothesis import given as over
from hypothesis import strategies as st

from controller import fleet
from controller.fleet import Verdict, World
from controller.policy import Move
from controller.records import Records
from controller.state import ScopeState
from core.incident import Rule, Severity
from core.lease import Scope
from storage.orders import Order, OrderKind
from storage.scopes import ScopeHour

REPORTS = [report(p) for p in ("microsoft", "google", "yahoo", "*")]


def judge(world: World, states: dict[Scope, ScopeState] | None = None, now=NOON) -> Verdict:  # noqa: ANN001
    return fleet.judge(world, states or {}, now, SETTINGS)


def rates(verdict: Verdict) -> dict[str, str]:
    return {
        where.provider: str(decision.want) for where, decision in verdict.decisions.items() if decision.want
    }


def test_a_tier_one_listing_holds_each_provider_in_its_own_measure() -> None:
    verdict = judge(World(REPORTS, [incident()]))
    assert rates(verdict) == {"microsoft": "100/h", "google": "500/h", "yahoo": "100/h", "other": "100/h"}


def test_snds_speaks_about_microsoft_even_before_any_mail_went_there() -> None:
    assert rates(judge(World([report("google")], [incident(Rule.SNDS_RED)]))) == {"microsoft": "200/h"}


def test_an_alert_holds_the_provider_that_it_names_even_before_any_mail_went_there() -> None:
    alert = incident(Rule.ALERT).model_copy(update={"provider": "yahoo"})
    assert rates(judge(World([report("google")], [alert]))) == {"yahoo": "200/h"}


def test_a_rule_without_exceptions_holds_the_whole_ip() -> None:
    assert rates(judge(World(REPORTS, [incident(Rule.SENDER_SCORE_DROP)]))) == {"*": "700/h"}


def test_only_the_provider_that_answers_badly_is_cut() -> None:
    bad = minute(NOON - MINUTE, provider="yahoo", delivered=50, reputation_deferred=50)
    assert rates(judge(World(REPORTS, minutes=[bad]))) == {"yahoo": "400/h"}


def test_two_providers_that_cut_pull_the_others() -> None:
    bad = [
        minute(NOON - MINUTE, provider=p, delivered=50, reputation_deferred=50) for p in ("yahoo", "google")
    ]
    verdict = judge(World(REPORTS, minutes=bad))
    assert rates(verdict) == {"microsoft": "400/h", "google": "400/h", "yahoo": "400/h", "other": "400/h"}
    assert verdict.decisions[scope()].rule == "coupling"
    assert "google, yahoo cut this IP within 6 hours" in verdict.decisions[scope()].reason


def test_an_engine_that_restarted_and_met_nobody_yet_keeps_what_is_throttled() -> None:
    throttled = decide(signals=[replies(0.4)]).state
    verdict = judge(World([report("google")]), {scope("yahoo"): throttled}, NOON + HOUR)
    assert verdict.decisions[scope("yahoo")].want is not None


def given(kind: OrderKind, **fields: object) -> Order:
    """An order as the database keeps it."""
    return Order.model_validate(
        {"id": 1, "kind": kind, "author": "ann", "reason": "test", "created_at": NOON, **fields}
    )


def fleet_of(size: int, listed: int, metric: str = "zen.example") -> World:
    """IPs of equal capacity at one provider; a list names the first of them, each list one IP if `metric` has {}."""
    ips = [f"203.0.113.{n}" for n in range(size)]
    named = [incident(ip=ip, number=n, metric=metric.format(n)) for n, ip in enumerate(ips[:listed])]
    return World([report("other", ip) for ip in ips], named)


def held(verdict: Verdict) -> int:
    return len({where.source_ip for where, decision in verdict.decisions.items() if decision.want})


def test_a_zone_that_lists_everything_lowers_nothing_before_a_person_has_looked() -> None:
    verdict = judge(fleet_of(40, 40))
    assert held(verdict) == 0
    assert {name: len(ips) for name, ips in verdict.held_back.items()} == {"dnsbl:zen.example": 40}
    assert verdict.why == {"dnsbl:zen.example": "named 40 of 40 source IPs within 60 minutes"}


@pytest.mark.parametrize(("listed", "stopped"), [(4, False), (5, True)])
def test_a_source_is_suspect_from_a_tenth_of_the_fleet_and_five_ips_on(listed: int, stopped: bool) -> None:  # noqa: FBT001 - a row of the table
    assert bool(judge(fleet_of(40, listed)).withheld) is stopped


def test_an_ip_that_another_source_names_too_is_held_by_that_one() -> None:
    world = fleet_of(40, 10)
    other = incident(ip="203.0.113.3", number=99, metric="other.example", tier=2)
    verdict = judge(replace(world, incidents=[*world.incidents, other]))
    assert {where.source_ip for where, d in verdict.decisions.items() if d.want} == {other.ip}


def test_listings_older_than_the_window_are_no_sudden_ones() -> None:
    assert held(judge(fleet_of(40, 6), now=NOON + 2 * HOUR)) == 6


def test_what_a_person_approved_acts_beyond_the_bounds_and_what_a_person_waits_for_does_not() -> None:
    world = fleet_of(40, 40)
    approved = given(OrderKind.APPROVE, subject="dnsbl:zen.example")
    assert held(judge(replace(world, orders=[approved]))) == 40
    asked = given(OrderKind.GUARD, subject="dnsbl:zen.example")
    later = judge(replace(world, orders=[asked]), now=NOON + 2 * HOUR)
    assert (held(later), later.why) == (0, {"dnsbl:zen.example": "test"})


def test_what_was_denied_is_ignored() -> None:
    denied = given(OrderKind.OVERRIDE, subject="dnsbl:zen.example")
    verdict = judge(replace(fleet_of(40, 40), orders=[denied]))
    assert (held(verdict), verdict.withheld) == (0, frozenset())


def test_many_sources_together_are_stopped_at_a_quarter_of_the_fleet() -> None:
    verdict = judge(fleet_of(40, 40, metric="zone{}.example"))
    assert held(verdict) == 11
    assert {name: len(ips) for name, ips in verdict.held_back.items()} == {"fleet": 29}


def test_quiet_ips_count_as_capacity() -> None:
    assert held(judge(fleet_of(200, 40, metric="zone{}.example"))) == 40


def test_a_protected_ip_is_advised_about_by_slow_signals_and_cut_by_replies_alone() -> None:
    transactional = frozenset({scope().source_ip})
    listed = World(REPORTS, [incident()], protected=transactional)
    verdict = judge(listed)
    assert rates(verdict) == {}
    assert str(verdict.advice[scope()].want) == "100/h"
    bad = [minute(NOON - MINUTE, delivered=50, reputation_deferred=50)]
    assert rates(judge(replace(listed, minutes=bad))) == {"microsoft": "400/h"}


def test_other_providers_do_not_pull_a_protected_ip() -> None:
    bad = [
        minute(NOON - MINUTE, provider=p, delivered=50, reputation_deferred=50) for p in ("yahoo", "google")
    ]
    world = World(REPORTS, minutes=bad, protected=frozenset({scope().source_ip}))
    assert rates(judge(world)) == {"yahoo": "400/h", "google": "400/h"}


def test_when_nobody_watches_any_more_slow_signals_lower_nothing_and_let_nothing_rise() -> None:
    deaf = World(REPORTS, [incident()], watched_at=NOON - 2 * DAY)
    assert rates(judge(deaf)) == {}
    bad = [minute(NOON - MINUTE, delivered=50, reputation_deferred=50)]
    assert rates(judge(replace(deaf, minutes=bad))) == {"microsoft": "400/h"}
    listed = judge(World(REPORTS, [incident()]))
    states = {where: d.state for where, d in listed.decisions.items()}
    assert rates(judge(World(REPORTS, watched_at=NOON), states, NOON + 2 * DAY)) == rates(listed)


def test_a_clock_that_was_ahead_binds_nobody() -> None:
    ahead = decide(signals=[replies(0.4, NOON + 300 * DAY)], now=NOON + 300 * DAY).state
    bad = World(REPORTS, minutes=[minute(NOON + MINUTE, delivered=50, blocked=50)])
    first = judge(bad, {scope(): ahead}, NOON + 2 * MINUTE)
    assert first.decisions[scope()].state.last_cut_at == NOON + 2 * MINUTE
    later = World(REPORTS, minutes=[minute(NOON + 40 * MINUTE, delivered=50, blocked=50)])
    states = {scope(): first.decisions[scope()].state}
    assert judge(later, states, NOON + 41 * MINUTE).decisions[scope()].move is Move.CUT


def test_deliveries_since_the_last_move_let_a_scope_rise() -> None:
    cut_at = NOON - 3 * HOUR
    state = decide(signals=[replies(0.4, cut_at)], now=cut_at).state
    waiting = report()
    waiting = type(waiting)(waiting.scope, waiting.operator_limit, queued=100)
    few = World([waiting], minutes=[minute(NOON - HOUR, delivered=9)])
    enough = World([waiting], minutes=[minute(NOON - HOUR, delivered=10)])
    assert judge(few, {scope(): state}).decisions[scope()].move is Move.UNPROVEN
    assert judge(enough, {scope(): state}).decisions[scope()].move is Move.RAISED


def test_deliveries_before_the_minutes_begin_come_from_the_hours_and_none_counts_twice() -> None:
    hours = [ScopeHour(scope=scope(), hour=NOON - n * HOUR, delivered=10) for n in range(4)]
    twice = [minute(NOON + 5 * MINUTE, delivered=3)] * 2
    records = Records(twice, hours, NOON + HOUR)
    assert records.delivered_since(scope(), NOON - 2 * HOUR) == 23
    assert records.delivered_since(scope("*"), NOON - 2 * HOUR) == 23


def test_hard_bounces_at_any_provider_hold_the_whole_ip() -> None:
    hours = [
        ScopeHour(scope=scope(p), hour=NOON - n * HOUR, delivered=50, hard_bounced=15)
        for n in range(1, 4)
        for p in ("google", "yahoo")
    ]
    assert rates(judge(World(REPORTS, hours=hours))) == {"*": "700/h"}


def test_an_operators_release_lets_go_of_one_scope_alone() -> None:
    listed = World(REPORTS, [incident()])
    states = {where: d.state for where, d in judge(listed).decisions.items()}
    order = Order(
        id=1, kind=OrderKind.RELEASE, source_ip=scope().source_ip, provider="yahoo", author="ann",
        reason="delisted by hand", created_at=NOON + HOUR,
    )  # fmt: skip
    verdict = judge(World(REPORTS, [incident()], orders=[order]), states, NOON + HOUR)
    assert set(rates(verdict)) == {"microsoft", "google", "other"}


incident_sets = st.lists(
    st.builds(
        incident,
        st.sampled_from(list(Rule)),
        number=st.integers(1, 9),
        tier=st.integers(1, 3),
        severity=st.sampled_from(Severity),
        ip=st.sampled_from(["203.0.113.7", "203.0.113.8"]),
        at=st.sampled_from([NOON, NOON - HOUR, NOON - DAY]),
    ),
    max_size=6,
)
minute_sets = st.lists(
    st.builds(
        minute,
        st.integers(0, 90).map(lambda n: NOON - n * MINUTE),
        provider=st.sampled_from(["microsoft", "google", "yahoo"]),
        delivered=st.integers(0, 50),
        reputation_deferred=st.integers(0, 50),
        blocked=st.integers(0, 10),
    ),
    max_size=6,
    unique_by=lambda m: (m.provider, m.minute),
)


@over(incident_sets, minute_sets, st.randoms(use_true_random=False))
def test_order_and_duplicates_of_what_comes_in_do_not_matter(
    incidents: list, minutes: list, chance: Random
) -> None:
    reports = [*REPORTS, report("microsoft", "203.0.113.8")]
    one = judge(World(reports, incidents, minutes))
    shuffled = [reports[:], incidents * 2, minutes * 2]
    for part in shuffled:
        chance.shuffle(part)
    other = judge(World(*shuffled))
    assert one.decisions == other.decisions
    assert one.withheld == other.withheld


@over(incident_sets, minute_sets)
def test_deciding_again_at_the_same_moment_changes_no_rate(incidents: list, minutes: list) -> None:
    world = World(REPORTS, incidents, minutes)
    once = judge(world)
    again = judge(world, {where: d.state for where, d in once.decisions.items()})
    assert rates(again) == rates(once)


@over(incident_sets, minute_sets, incident_sets)
def test_more_incidents_never_raise_a_rate(incidents: list, minutes: list, more: list) -> None:
    without = judge(World(REPORTS, incidents, minutes))
    with_more = judge(World(REPORTS, [*incidents, *more], minutes))
    for where, decision in without.decisions.items():
        assert with_more.decisions[where].state.level <= decision.state.level
