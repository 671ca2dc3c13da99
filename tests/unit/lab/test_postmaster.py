"""Recipients judged one at a time get what the simulation gives to a flow of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.judge import Verdict
from lab.simulation import scenarios
from lab.simulation.outside import Outside
from lab.simulation.physics import BAD, GOOD, GOOGLE, HOURS, MICROSOFT, OTHER, STEPS_PER_HOUR, Physics
from lab.simulation.postmaster import CARRIED_STEPS, Postmaster
from lab.simulation.scenarios import Scenario, generator

WORTH = 10.0


def outside(physics: Physics | None = None) -> Outside:
    return Outside(scenarios.write(Scenario.BAD_BURST, (1,), 4), physics or Physics())


def postmaster(beyond: Outside, worth: float = WORTH) -> Postmaster:
    return Postmaster(beyond, worth, generator(1, 3))


def verdicts(judge: Postmaster, attempts: int, provider: int = GOOGLE) -> list[Verdict]:
    return [judge.judge(provider) for _ in range(attempts)]


def room(beyond: Outside, provider: int = GOOGLE) -> float:
    """Recipients of the sender that a provider takes in a step."""
    return float(beyond.providers.limits()[0, provider]) * HOURS / WORTH


def test_a_step_takes_what_the_flow_would_and_defers_the_rest_for_its_volume() -> None:
    beyond = outside()
    said = verdicts(postmaster(beyond), 100)
    assert said.count(Verdict.ACCEPT) == int(room(beyond))
    assert set(said[int(room(beyond)) :]) == {Verdict.VOLUME}


def test_a_poor_score_is_said_to_be_the_reason_when_it_is() -> None:
    beyond = outside(Physics(allowance=3_000.0))
    beyond.providers.score[:] = 70.0
    assert verdicts(postmaster(beyond), 100)[-1] is Verdict.DISGRACE


def test_room_that_was_not_used_is_there_for_a_quarter_of_an_hour() -> None:
    beyond = outside()
    judge = postmaster(beyond)
    for _ in range(STEPS_PER_HOUR):
        judge.end_step()
    assert verdicts(judge, 1_000).count(Verdict.ACCEPT) == pytest.approx(
        (1 + CARRIED_STEPS) * room(beyond), abs=2
    )


def test_who_blocks_refuses_everything_half_of_it_for_good() -> None:
    beyond = outside()
    beyond.providers.blocked_for[0, MICROSOFT] = 24.0
    said = verdicts(postmaster(beyond), 1_000, MICROSOFT)
    assert set(said) == {Verdict.BLOCKED, Verdict.BARRED}
    assert 400 < said.count(Verdict.BLOCKED) < 600


def test_a_listed_ip_is_refused_where_lists_are_heeded() -> None:
    beyond = outside()
    judge = postmaster(beyond)
    beyond.signals[0].lists.css.detect(0.5, 0.0, 72.0)
    for _ in range(STEPS_PER_HOUR):
        judge.end_step()
    assert Verdict.ACCEPT not in verdicts(judge, 20, OTHER)
    assert Verdict.ACCEPT in verdicts(judge, 20, GOOGLE)


def test_the_sources_are_told_of_an_hour_in_the_worlds_numbers() -> None:
    beyond = outside()
    judge = postmaster(beyond)
    for _ in range(24 * STEPS_PER_HOUR):
        for _ in range(3):
            judge.reach(MICROSOFT, GOOD)
        judge.reach(MICROSOFT, BAD, is_mailbox=False)
        judge.end_step()
    (day,) = beyond.signals[0].snds(72.0)
    assert day.messages == 3 * WORTH * 24 * STEPS_PER_HOUR


@settings(max_examples=25)
@given(st.lists(st.integers(0, 120), min_size=5, max_size=60))
def test_no_stretch_of_time_takes_more_than_its_room_and_a_quarter_of_an_hours(attempts: list[int]) -> None:
    beyond = outside(Physics(memory=1e9))  # the limit stays where it is
    judge, each = postmaster(beyond), room(beyond)
    taken = []
    for tried in attempts:
        taken.append(verdicts(judge, tried).count(Verdict.ACCEPT))
        judge.end_step()
    for start in range(len(taken)):
        for end in range(start + 1, len(taken) + 1):
            assert sum(taken[start:end]) <= (end - start + CARRIED_STEPS) * each + 1
    assert sum(taken) >= sum(min(tried, each) for tried in attempts) - 1


@pytest.mark.parametrize(("kind", "tried"), [(GOOD, 9), (GOOD, 40), (BAD, 9), (BAD, 40)])
def test_steady_mail_is_taken_as_a_flow_is_and_moves_the_score_as_far(kind: int, tried: int) -> None:
    beyond, flowing = outside(), outside()
    judge, taken, flowed = postmaster(beyond), 0, 0.0
    for step in range(12 * STEPS_PER_HOUR):
        flow = np.zeros((1, 4))
        flow[0, GOOGLE] = tried * WORTH
        answers = flowing.answer(flow, step)
        reached = np.zeros((1, 4, 2))
        reached[..., kind] = flow * answers.accepted
        flowing.take(reached, reached, flow * (answers.deferred + answers.blocked))
        flowed += reached.sum() / WORTH
        for _ in range(verdicts(judge, tried).count(Verdict.ACCEPT)):
            judge.reach(GOOGLE, kind)
            taken += 1
        judge.end_step()
    assert taken == pytest.approx(flowed, rel=0.05)
    assert beyond.providers.score[0, GOOGLE] == pytest.approx(flowing.providers.score[0, GOOGLE], abs=2)
