"""The toy world: nothing appears or vanishes, one seed is one world, and the published table holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.simulation import scenarios
from lab.simulation.physics import (
    BAD,
    GOOD,
    HOURS,
    MICROSOFT,
    OPERATOR_LIMIT,
    PROVIDERS,
    STEPS_PER_DAY,
    Physics,
    Variation,
    acceptance,
    score_of,
)
from lab.simulation.providers import Providers
from lab.simulation.scenarios import Scenario
from lab.simulation.world import Rates, World, unlimited

SHARES = st.floats(0.0, 1.0)


def play(scenario: Scenario, seeds: tuple[int, ...], days: int, laws: Variation = Variation.USUAL) -> World:
    script = scenarios.write(scenario, seeds, days)
    world = World(script, laws.physics)
    for _ in range(script.steps):
        world.advance(unlimited(len(seeds)))
    return world


EVERY_SCENARIO = [(scenario, Variation.USUAL) for scenario in Scenario]
EVERY_LAW = [(Scenario.BAD_BURST, laws) for laws in Variation if laws is not Variation.USUAL]


@pytest.mark.parametrize(("scenario", "laws"), EVERY_SCENARIO + EVERY_LAW)
def test_what_came_was_delivered_or_lost_or_waits(scenario: Scenario, laws: Variation) -> None:
    world = play(scenario, (1, 2), 6, laws)
    waiting = world.queue.waiting().sum(axis=1)
    ledger = world.ledger
    np.testing.assert_allclose(ledger.arrived, ledger.delivered + ledger.lost + waiting, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(ledger.arrived, world.script.arrivals.sum(axis=(1, 2)))


@settings(max_examples=10)
@given(
    st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=8),
    st.sampled_from(list(Scenario)),
    st.integers(1, 99),
)
def test_no_way_of_sending_breaks_the_world(pace: list, scenario: Scenario, seed: int) -> None:
    """Any rates, changed at any moment: counts are never negative, scores stay in range, a block lets nothing in."""
    world = World(scenarios.write(scenario, (seed,), 4), Physics())
    for step in range(4 * STEPS_PER_DAY):
        each, whole = pace[step // 97 % len(pace)]
        blocked = world.providers.blocked_for > 0
        rates = Rates(np.full((1, len(PROVIDERS)), each * OPERATOR_LIMIT), np.array([whole * OPERATOR_LIMIT]))
        seen = world.advance(rates)
        assert seen.attempted.sum() <= whole * OPERATOR_LIMIT * HOURS * 1.02 + 1e-9
        assert (seen.attempted <= each * OPERATOR_LIMIT * HOURS * 1.02 + 1e-9).all()
        assert (seen.delivered[blocked] == 0).all()
        for counts in (seen.delivered, seen.reputation, seen.blocked, seen.queued, seen.hard_bounced):
            assert (counts >= -1e-9).all()
    assert ((world.providers.score >= 0) & (world.providers.score <= 100)).all()
    assert (world.providers.blocked_for <= Physics().block_time).all()
    ledger = world.ledger
    np.testing.assert_allclose(
        ledger.arrived,
        ledger.delivered + ledger.lost + world.queue.waiting().sum(axis=1),
        rtol=1e-9,
        atol=1e-6,
    )


def test_a_seed_is_the_same_world_alone_and_beside_others() -> None:
    beside, alone = play(Scenario.BAD_LIST, (7, 8, 9), 5), play(Scenario.BAD_LIST, (8,), 5)
    np.testing.assert_array_equal(beside.ledger.delivered[1], alone.ledger.delivered[0])
    np.testing.assert_array_equal(beside.providers.score[1], alone.providers.score[0])
    assert beside.signals[1].lists == alone.signals[0].lists


def test_other_seeds_are_other_worlds() -> None:
    world = play(Scenario.BAD_BURST, (1, 2), 4)
    assert world.ledger.arrived[0, BAD] != world.ledger.arrived[1, BAD]


def test_the_published_table_is_met_at_its_points() -> None:
    np.testing.assert_allclose(acceptance(np.array([95.5, 85.5, 75.5])), [0.915, 0.70, 0.435])
    np.testing.assert_allclose(score_of(np.array([0.005, 0.032, 0.040])), [95.5, 85.5, 75.5])


@given(st.floats(0, 100), st.floats(0, 100), SHARES, SHARES)
def test_a_better_score_delivers_no_less_and_fewer_marks_lead_no_lower(
    a: float, b: float, x: float, y: float
) -> None:
    low, high = acceptance(np.array(sorted((a, b))))
    assert low <= high
    better, worse = score_of(np.array(sorted((x, y))))
    assert better >= worse


def test_ordinary_mail_at_an_ordinary_pace_is_all_delivered() -> None:
    world = play(Scenario.QUIET, (1, 2, 3), 6)
    waiting = world.queue.waiting().sum(axis=1)
    np.testing.assert_allclose(
        world.ledger.delivered[:, GOOD] + waiting[:, GOOD], world.ledger.arrived[:, GOOD]
    )
    assert (world.providers.score > 95).all()


def test_pressing_alone_costs_wanted_mail_no_block() -> None:
    world = play(Scenario.SPIKE, (1, 2, 3), 10)
    assert (world.providers.blocked_for == 0).all()
    assert world.ledger.lost[:, GOOD].sum() == pytest.approx(0)


def test_a_burst_of_spam_ends_in_blocks_and_costs_wanted_mail() -> None:
    world = play(Scenario.BAD_BURST, (1, 2, 3), 6)
    assert (world.ledger.lost[:, GOOD] > 0.02 * world.ledger.arrived[:, GOOD]).all()
    assert (world.providers.score < 80).all()


def test_a_reputation_falls_faster_than_it_mends() -> None:
    usual = np.array([1000.0])
    provider = Providers(Physics(), usual, usual)
    provider.reset(1)
    step, none = np.full((1, 1), 1000 * HOURS), np.zeros((1, 1))
    start = provider.score.item()
    for _ in range(120):
        provider.learn(step, step * 0.05, none, none)
    fallen = provider.score.item()
    for _ in range(120):
        provider.learn(step, step * 0.004, none, none)
    assert start - fallen > 3 * (provider.score.item() - fallen) > 0


def test_mail_that_nobody_accepts_teaches_nothing() -> None:
    usual = np.array([1000.0])
    provider = Providers(Physics(pressure=0.0), usual, usual)
    provider.reset(1)
    before = provider.score.item()
    provider.learn(np.zeros((1, 1)), np.zeros((1, 1)), np.full((1, 1), 50.0), np.zeros((1, 1)))
    assert provider.score.item() == before


def test_a_block_that_is_hammered_lasts_longer_but_ends() -> None:
    def length(pressing: float) -> float:
        usual = np.array([1000.0])
        provider = Providers(Physics(), usual, usual)
        provider.reset(1)
        provider.blocked_for[:] = 24.0
        hours = 0.0
        while provider.blocked_for.item() > 1e-6:
            provider.learn(
                np.zeros((1, 1)), np.zeros((1, 1)), np.full((1, 1), pressing * 1000 * HOURS), np.zeros((1, 1))
            )
            hours += HOURS
        return hours

    assert length(0.0) == pytest.approx(24, abs=0.2)
    assert length(0.2) < length(1.0) == pytest.approx(48, abs=0.2)


def test_nobody_answers_during_an_outage_and_nothing_is_lost() -> None:
    script = scenarios.write(Scenario.OUTAGE, (1,), 5)
    world = World(script, Physics())
    down = np.flatnonzero(script.down[0, :, MICROSOFT])
    for step in range(script.steps):
        seen = world.advance(unlimited(1))
        if step in down:
            assert seen.delivered[0, MICROSOFT] == 0
            assert seen.reputation[0, MICROSOFT] + seen.blocked[0, MICROSOFT] == 0
    assert 6 <= len(down) * HOURS <= 12
    assert world.ledger.lost[0, GOOD] == 0


def test_a_limit_shrinks_with_the_score_and_is_nothing_in_a_block() -> None:
    usual = np.array([1000.0])
    provider = Providers(Physics(surprise=None), usual, usual)
    provider.reset(1)
    limits = []
    for score in (100.0, 85.5, 75.5, 40.0):
        provider.score[:] = score
        limits.append(provider.limits().item())
    assert limits == pytest.approx([10_000, 7_000, 4_350, 100])
    provider.blocked_for[:] = 1.0
    assert provider.limits().item() == 0
