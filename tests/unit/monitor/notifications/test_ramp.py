"""The timetable of a recovery: what the controller will do, if nothing goes wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy import next_level
from controller.settings import RecoverySettings
from core.rate import UNLIMITED, Rate
from monitor.notifications.ramp import Ramp, climb, timetable

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE = Rate(10_000, 3_600)


@given(
    level=st.floats(0.02, 0.99),
    factor=st.floats(1.1, 3),
    threshold=st.floats(0.05, 1),
    increment=st.floats(0.02, 0.5),
    slow_factor=st.floats(1.03, 3),
)
def test_it_is_the_controllers_own_way_back(
    level: float, factor: float, threshold: float, increment: float, slow_factor: float
) -> None:
    settings = RecoverySettings(factor=factor, increment=increment, slow_factor=slow_factor)
    ramp = Ramp(factor=factor, threshold=threshold, increment=increment, slow_factor=slow_factor)
    start = Rate.from_per_hour(level * BASE.per_hour)
    expected, now = [], start.per_hour / BASE.per_hour
    while now < 1:
        now = next_level(now, threshold, settings)
        expected.append(now * BASE.per_hour)
    assert [rate.per_hour for rate in climb(start, BASE, ramp)] == pytest.approx(expected, abs=1)


def test_the_first_step_waits_for_the_cool_down_and_the_others_follow_by_the_step() -> None:
    ramp = Ramp(cool_down=timedelta(hours=3), step=timedelta(hours=1), factor=2, threshold=1)
    steps = timetable(Rate.parse("1000/h"), Rate.parse("4000/h"), NOON, ramp)
    assert [(step.at.hour, str(step.rate)) for step in steps] == [(15, "2000/h"), (16, "4000/h")]


@given(
    relapses=st.integers(0, 60),
    cool_down=st.integers(1, 48),
    factor=st.floats(1, 100),
    longest=st.integers(1, 48),
)
def test_who_relapsed_waits_as_long_as_the_controller_does(
    relapses: int, cool_down: int, factor: float, longest: int
) -> None:
    waits = {
        "cool_down": timedelta(hours=cool_down),
        "relapse_factor": factor,
        "longest_cool_down": timedelta(hours=longest),
        "step": timedelta(minutes=30),
    }
    expected = RecoverySettings.model_validate(waits).patience(relapses)
    [step] = timetable(
        Rate.parse("1000/h"), Rate.parse("1500/h"), NOON, Ramp(**waits, threshold=1), None, relapses
    )
    assert step.at == NOON + expected


def test_a_long_way_is_told_in_a_few_lines_that_end_where_it_ends() -> None:
    steps = timetable(Rate.parse("20/h"), Rate.parse("1000/h"), NOON, Ramp())
    assert len(steps) <= 7
    assert str(steps[-1].rate) == "1000/h"
    assert steps[-1].at == NOON + timedelta(hours=2) * len(
        climb(Rate.parse("20/h"), Rate.parse("1000/h"), Ramp())
    )


def test_the_threshold_that_the_controller_remembers_goes_before_the_settings() -> None:
    quick = climb(Rate.parse("300/h"), Rate.parse("1000/h"), Ramp(), threshold=1.0)
    slow = climb(Rate.parse("300/h"), Rate.parse("1000/h"), Ramp(), threshold=0.31)
    assert len(quick) < 12 < len(slow)


def test_there_is_no_timetable_to_nowhere() -> None:
    assert climb(Rate.parse("10/h"), UNLIMITED, Ramp()) == []
