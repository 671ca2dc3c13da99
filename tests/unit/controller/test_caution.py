from datetime import datetime, timedelta

import pytest
from controller_world import HOUR, MINUTE, NOON
from hypothesis import given
from hypothesis import strategies as st

from controller.caution import Beat, ahead, clock_fault, is_stale
from core.clock import NANOSECONDS

TOLERANCE = 2 * MINUTE


def beat(seconds: int, off: timedelta = timedelta(0)) -> Beat:
    return Beat(NOON + timedelta(seconds=seconds) + off, seconds * NANOSECONDS)


@pytest.mark.parametrize(
    ("off", "fault"),
    [
        (timedelta(0), ""),
        (2 * MINUTE, ""),
        (-2 * MINUTE, ""),
        (3 * MINUTE, "the clock jumped forward by 3m"),
        (-25 * HOUR, "the clock jumped back by 1d1h"),
    ],
)
def test_a_wall_clock_that_moves_otherwise_than_the_monotonic_one_is_told(off: timedelta, fault: str) -> None:
    assert clock_fault(beat(0), beat(60, off), TOLERANCE) == fault


@given(st.integers(0, 10_000_000))
def test_however_long_a_look_is_put_off_no_clock_jumped(seconds: int) -> None:
    assert clock_fault(beat(0), beat(seconds), TOLERANCE) == ""


def test_the_first_look_has_nothing_to_compare_with() -> None:
    assert clock_fault(None, beat(0, 100 * HOUR), TOLERANCE) == ""


@pytest.mark.parametrize(
    ("engine", "expected"),
    [(NOON, 0), (NOON + MINUTE, 0), (NOON + 3 * MINUTE, 2), (NOON - 5 * MINUTE, -5)],
)
def test_an_engine_that_answers_slowly_is_not_ahead(engine: datetime, expected: int) -> None:
    assert ahead(engine, NOON, NOON + MINUTE) == expected * MINUTE


def test_an_engine_with_another_time_is_told() -> None:
    assert clock_fault(None, Beat(NOON, 0, 3 * MINUTE), TOLERANCE) == "the engine's clock is 3m ahead of ours"


def test_the_monitor_is_taken_for_dead_when_it_asked_nobody_for_long() -> None:
    assert is_stale(NOON - 25 * HOUR, NOON, 24 * HOUR)
    assert not is_stale(NOON - 23 * HOUR, NOON, 24 * HOUR)
    assert not is_stale(None, NOON, 24 * HOUR)
