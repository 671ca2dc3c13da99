"""How fast a server is asked: the window and the wait follow what the server does."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.dns.pace import FIRST_WAIT, SMALLEST_WINDOW, Pace


def room(pace: Pace) -> int:
    """How many questions fit at once."""
    before, pace.open = pace.open, 0
    while not pace.is_full:
        pace.open += 1
    fits, pace.open = pace.open, before
    return fits


def test_losses_shrink_the_window_once_for_each_burst_and_answers_open_it_again() -> None:
    pace = Pace(window=100, longest_wait=6)
    for _ in range(20):
        pace.lost(now=1.0)
    assert room(pace) == 75
    pace.lost(now=2.0)
    assert room(pace) == 57
    for _ in range(10_000):
        pace.answered(0.001)
    assert room(pace) == 100


def test_the_window_never_closes() -> None:
    pace = Pace(window=100, longest_wait=6)
    for second in range(100):
        pace.lost(float(second))
    assert room(pace) == SMALLEST_WINDOW


def test_a_window_smaller_than_the_smallest_stays() -> None:
    pace = Pace(window=4, longest_wait=6)
    pace.lost(1.0)
    assert room(pace) == 4


def test_a_slow_server_is_waited_for() -> None:
    pace = Pace(window=100, longest_wait=6)
    assert pace.wait == FIRST_WAIT
    for _ in range(50):
        pace.answered(1.0)
    assert 1.0 <= pace.wait < 2.0
    for _ in range(2_000):
        pace.answered(0.001)
    assert pace.wait == FIRST_WAIT


@given(st.lists(st.floats(0, 100), max_size=50))
def test_no_history_makes_the_wait_shorter_than_the_first_or_longer_than_the_longest(
    took: list[float],
) -> None:
    pace = Pace(window=10, longest_wait=3)
    for one in took:
        pace.answered(one)
    assert FIRST_WAIT <= pace.wait <= 3


def test_a_silent_server_gets_another_chance_after_half_a_minute() -> None:
    pace = Pace(window=10, longest_wait=3)
    for _ in range(3):
        pace.given_up(now=10.0)
    assert pace.is_silent(11.0)
    assert not pace.is_silent(40.0)
    pace.given_up(40.0)
    assert pace.is_silent(41.0)
    pace.answered(0.1)
    assert not pace.is_silent(41.0)
