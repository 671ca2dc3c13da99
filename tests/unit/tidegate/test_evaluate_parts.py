"""What the evaluation is made of: rivals, counters, scores, the register of incidents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incident import IncidentKind, Rule, Severity
from core.reading import Source
from lab.simulation import scenarios
from lab.simulation.physics import OPERATOR_LIMIT, PROVIDERS, STEPS_PER_DAY, STEPS_PER_HOUR, Physics
from lab.simulation.scenarios import Scenario
from lab.simulation.signals import Complaints
from lab.simulation.world import Rates, Seen, World
from monitor.detection.finding import Finding, FindingState
from monitor.incidents.lifecycle import FLAPPING
from tidegate.evaluate import calendar, rivals
from tidegate.evaluate.counters import NAMES, Counters
from tidegate.evaluate.register import Register
from tidegate.evaluate.score import Moves
from tidegate.evaluate.watching import IP

NOTHING = np.zeros((1, len(PROVIDERS)))


def world() -> World:
    return World(scenarios.write(Scenario.QUIET, (1,), 4), Physics())


def seen(delivered: float = 100.0, refused: float = 0.0) -> Seen:
    at_first = np.array([[1.0, 0, 0, 0]])
    return Seen(delivered * at_first, refused * at_first, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


def play(policy: rivals.Reaction | rivals.Sweep | rivals.Human, refusals: list[float]) -> list[float]:
    """The rates at the first provider after each step."""
    around, rates = world(), []
    for refused in refusals:
        around.step += 1
        policy.watch(around, seen(refused=refused))
        rates.append(policy.rates().provider[0, 0].item())
        assert (policy.rates().provider[0, 1:] == OPERATOR_LIMIT).all()
    return rates


def test_backoff_is_an_hour_at_5_percent_and_then_back_at_once() -> None:
    rates = play(rivals.backoff(1), [0, 1, *[0] * 14])
    assert rates == [OPERATOR_LIMIT, *[500] * STEPS_PER_HOUR, *[OPERATOR_LIMIT] * 3]


def test_suspension_waits_for_five_replies_and_lasts_two_hours() -> None:
    rates = play(rivals.suspend(1), [4, 1, *[0] * 30])
    assert rates[0] == OPERATOR_LIMIT
    assert rates[1:25] == [0.0] * 24
    assert rates[25:] == [OPERATOR_LIMIT] * 7


def test_set_config_is_one_a_minute_for_90_minutes() -> None:
    rates = play(rivals.set_config(1), [9, *[0] * 20])
    assert rates[:18] == [60.0] * 18
    assert rates[18:] == [OPERATOR_LIMIT] * 3


def test_the_sweep_halves_at_3_percent_suspends_at_10_and_climbs_by_a_quarter() -> None:
    hour = STEPS_PER_HOUR
    rates = play(rivals.Sweep(1), [5.0] * hour + [0.0] * hour + [50.0] * hour + [0.0] * 6 * hour)
    at_hours = rates[hour - 1 :: hour]
    assert at_hours[:3] == [5_000, 6_250, 0]
    assert at_hours[3:6] == [0, 0, 0]
    assert at_hours[6:] == [3_125, 3_906.25, 4_882.8125]


def test_a_human_looks_at_nine_and_comes_back_after_three_days() -> None:
    nine = 9 * STEPS_PER_HOUR
    rates = play(rivals.Human(1), [50.0] * nine + [0.0] * 4 * STEPS_PER_DAY)
    assert rates[nine - 2] == OPERATOR_LIMIT
    assert rates[nine - 1] == pytest.approx(3_000 * 0.30 / 4)
    assert rates[nine + 3 * STEPS_PER_DAY - 2] == rates[nine]
    assert rates[nine + 3 * STEPS_PER_DAY - 1] == OPERATOR_LIMIT


def rates(each: float) -> Rates:
    return Rates(np.full((1, len(PROVIDERS)), each), np.array([OPERATOR_LIMIT]))


def test_a_reversal_is_a_cut_after_a_raise_at_one_scope() -> None:
    moves = Moves(scenarios.write(Scenario.QUIET, (1,), 4))
    for step, each in enumerate((1000, 500, 300, 400, 450, 200, 200, 300)):
        moves.follow(rates(each), step)
    assert moves.reversals.item() == len(PROVIDERS)
    assert moves.cuts.item() == moves.false_cuts.item() == 3 * len(PROVIDERS)


def test_a_cut_after_the_bad_mail_began_is_no_false_one() -> None:
    script = scenarios.write(Scenario.BAD_LIST, (1,), 4)
    begun = script.bad_from.item()
    moves = Moves(script)
    for step, each in ((begun - 1, 1000), (begun, 1000), (begun + 6, 500)):
        moves.follow(rates(each), step)
    assert moves.false_cuts.item() == 0
    assert moves.first_cut.item() == begun + 6


def test_a_creep_of_small_changes_is_a_move_in_the_end() -> None:
    moves = Moves(scenarios.write(Scenario.QUIET, (1,), 4))
    for step in range(20):
        moves.follow(rates(1000 * 0.995**step), step)
    assert moves.cuts.item() > 0


@given(st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_whole_recipients_are_never_more_nor_much_less_than_flowed(flow: list[float]) -> None:
    counters = Counters()
    for step, amount in enumerate(flow):
        counters.count(np.full((len(NAMES), len(PROVIDERS)), amount), calendar.moment(step / 12))
    for provider in PROVIDERS:
        counted = sum(h.delivered for h in counters.hours if h.scope.provider == provider)
        assert counted == sum(m.delivered for m in counters.minutes if m.provider == provider)
        assert sum(flow) - 1 < counted + 1e-6 <= sum(flow) + 1e-3


def test_a_complaint_is_booked_to_the_hour_of_sending() -> None:
    counters = Counters()
    counters.count(np.full((len(NAMES), len(PROVIDERS)), 10.0), calendar.moment(0))
    counters.label(calendar.moment(0))
    counters.label(calendar.moment(1))
    counters.complain([Complaints(provider=0, sent=0, count=2)])
    (hour,) = [h for h in counters.hours if h.complaints]
    assert (hour.scope.source_ip, hour.scope.provider, hour.hour) == (IP, PROVIDERS[0], calendar.moment(0))
    assert (hour.complaints, hour.delivered) == (2, 10)


def test_counters_forget_what_no_decision_looks_at() -> None:
    counters = Counters()
    for hour in range(100):
        counters.count(np.ones((len(NAMES), len(PROVIDERS))), calendar.moment(hour))
    counters.forget(calendar.moment(100))
    assert min(h.hour for h in counters.hours) == calendar.moment(100 - 73)
    assert min(m.minute for m in counters.minutes) == calendar.moment(98)


def finding(state: FindingState, at: float) -> Finding:
    return Finding(
        fingerprint="ip:203.0.113.7:dnsbl-listed:zen.spamhaus.org",
        kind=IncidentKind.IP,
        ip=IP,
        source=Source.DNSBL,
        metric="zen.spamhaus.org",
        rule=Rule.DNSBL_LISTED,
        severity=Severity.CRITICAL,
        title="listed",
        summary="listed",
        evidence_end=calendar.moment(at),
        state=state,
        tier=1,
    )


def test_the_register_opens_once_and_resolves_as_the_lifecycle_says() -> None:
    register = Register()
    assert not register.take([finding(FindingState.SUSPECT, 0)], calendar.moment(0))
    assert register.take([finding(FindingState.ACTIVE, 1)], calendar.moment(1))
    (opened,) = register.open
    assert register.is_open(IP, Source.DNSBL, "zen.spamhaus.org")
    register.take([finding(FindingState.ACTIVE, 2)], calendar.moment(2))
    assert [i.number for i in register.open] == [opened.number]
    assert register.open[0].evidence_end == calendar.moment(2)
    assert register.take([finding(FindingState.CLEAR, 9)], calendar.moment(9))
    assert register.open == []


def test_the_register_holds_what_flaps() -> None:
    register = Register()
    for hour in range(6):
        state = FindingState.CLEAR if hour % 2 else FindingState.ACTIVE
        register.take([finding(state, hour)], calendar.moment(hour))
    (held,) = register.open
    assert held.evidence[FLAPPING]
    assert not register.take([finding(FindingState.CLEAR, 6)], calendar.moment(6))
    assert register.take([finding(FindingState.CLEAR, 30)], calendar.moment(30))
    assert register.open == []
