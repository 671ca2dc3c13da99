"""The limiter's promise: never more than N in any window, and nearly all of N when mail waits."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import NANOSECONDS
from core.rate import Rate
from engine.shaping.limiter import Limiter, Spacing

RATES = st.builds(Rate, count=st.integers(1, 20_000), seconds=st.sampled_from([1, 60, 900, 3_600, 86_400]))


def busiest_window(times: list[int], window: int) -> int:
    """The most events in any half-open window of that length."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] >= window:
            start += 1
        most = max(most, end - start + 1)
    return most


def saturate(limiter: Limiter, start: int, until: int, most: int = 100_000) -> list[int]:
    """Take everything the limiter gives, at the moment it gives it."""
    now, taken = start, []
    while (now := limiter.ready_at(now)) < until and len(taken) < most:
        count = limiter.available(now)
        limiter.reserve(count, now)
        taken += [now] * count
    return taken


@pytest.mark.parametrize("text", ["1/s", "7/m", "100/m", "600/m", "100/15m", "1000/h", "20000/h", "500/d"])
def test_under_saturation_no_window_exceeds_the_rate_and_99_percent_is_used(text: str) -> None:
    rate = Rate.parse(text)
    window = rate.seconds * NANOSECONDS
    periods = max(3, min(200, 20_000 // (rate.count or 1)))
    taken = saturate(Limiter(rate, 0), 0, periods * window)
    assert busiest_window(taken, window) <= (rate.count or 0)
    assert len(taken) >= 0.99 * (rate.count or 0) * periods - 1


@given(rate=RATES, gaps=st.lists(st.integers(0, 200), max_size=300))
def test_no_schedule_of_idleness_and_bursts_exceeds_the_rate(rate: Rate, gaps: list[int]) -> None:
    window = rate.seconds * NANOSECONDS
    limiter, now, taken = Limiter(rate, 0), 0, []
    for gap in gaps:
        now += gap * window // 100
        count = limiter.available(now)
        if count:
            limiter.reserve(count, now)
        taken += [now] * count
    assert busiest_window(taken, window) <= (rate.count or 0)


@given(
    counts=st.lists(st.integers(1, 2_000), min_size=1, max_size=8),
    moves=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 150)), min_size=1, max_size=25),
)
def test_any_schedule_of_rate_changes_stays_below_the_largest_rate_in_force(
    counts: list[int], moves: list[tuple[int, int]]
) -> None:
    window = 60 * NANOSECONDS
    rates = [Rate(count, 60) for count in counts]
    limiter, now = Limiter(rates[0], 0), 0
    taken: list[int] = []
    in_force: list[tuple[int, int, int]] = []
    for pick, percent in moves:
        rate = rates[pick % len(rates)]
        limiter.change(rate, now)
        end = now + percent * window // 100
        taken += saturate(limiter, now, end)
        in_force.append((now, end, rate.count or 0))
        now = end
    for place, first in enumerate(taken):
        held = bisect_left(taken, first + window) - place
        largest = max(n for start, end, n in in_force if start < first + window and end > first)
        assert held <= largest


@given(old=st.integers(1, 5_000), new=st.integers(1, 5_000), used=st.integers(0, 5_000))
def test_a_window_that_begins_after_a_cut_holds_the_new_rate(old: int, new: int, used: int) -> None:
    window = 60 * NANOSECONDS
    limiter = Limiter(Rate(old, 60), 0)
    cut = window * used // 5_000
    saturate(limiter, 0, cut)
    limiter.change(Rate(new, 60), cut)
    assert busiest_window(saturate(limiter, cut, cut + 2 * window), window) <= new


def test_relaxing_grants_no_fresh_burst() -> None:
    limiter = Limiter(Rate(10, 60), 0)
    limiter.reserve(limiter.available(0), 0)
    limiter.change(Rate(5_000, 60), 0)
    assert limiter.available(0) == 0
    assert limiter.available(Spacing.of(Rate(5_000, 60)).interval) == 1


def test_a_full_limiter_gives_nothing_until_one_interval_has_passed() -> None:
    limiter = Limiter(Rate(100, 60), 0, full=True)
    interval = Spacing.of(Rate(100, 60)).interval
    assert limiter.available(interval - 1) == 0
    assert limiter.available(interval) == 1


@given(rate=RATES, saved_after=st.integers(0, 100), lost=st.integers(0, 10))
def test_a_restored_limiter_never_gives_more_than_the_one_that_was_saved(
    rate: Rate, saved_after: int, lost: int
) -> None:
    limiter = Limiter(rate, 0)
    now = 0
    for _ in range(saved_after):
        now = limiter.ready_at(now)
        limiter.reserve(1, now)
    copy = Limiter(rate, now)
    copy.restore(limiter.debt(now), now)
    later = now + lost * Spacing.of(rate).interval
    assert copy.available(later) == limiter.available(later)


def test_overdrawing_is_refused() -> None:
    limiter = Limiter(Rate(100, 60), 0)
    with pytest.raises(ValueError, match="2 asked of a limiter that has 1"):
        limiter.reserve(2, 0)


def test_a_refund_gives_back_what_never_left() -> None:
    limiter = Limiter(Rate(100, 60), 0)
    limiter.reserve(1, 0)
    limiter.refund(1)
    assert limiter.available(0) == 1


def test_burst_can_be_set_and_is_paid_for_by_the_spacing() -> None:
    spacing = Spacing.of(Rate(100, 60), burst=20)
    assert spacing.burst == 20
    assert spacing.interval * 81 >= 60 * NANOSECONDS
