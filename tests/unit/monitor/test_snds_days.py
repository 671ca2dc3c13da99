"""Which days are asked for, whatever fails and however long."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors import snds_days
from monitor.collectors.snds_settings import SndsSettings

SETTINGS = SndsSettings()
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TODAY = NOW.date()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("read_through", "oldest"),
    [
        (None, ago(3)),
        (ago(1), ago(3)),
        (ago(4), ago(3)),
        (ago(5), ago(4)),
        (ago(11), ago(10)),
        (ago(400), ago(30)),
    ],
)
def test_the_last_days_are_asked_for_again_and_what_was_missed(
    read_through: date | None, oldest: date
) -> None:
    days = snds_days.wanted(read_through, NOW, SETTINGS)
    assert (days[0], days[-1]) == (TODAY, oldest)
    assert days == sorted(days, reverse=True)


def test_a_lookback_beyond_the_backfill_is_kept() -> None:
    deep = SndsSettings(lookback_days=20, backfill_days=5)
    assert snds_days.wanted(None, NOW, deep)[-1] == ago(20)


def test_days_that_still_grow_are_never_done_with() -> None:
    asked = snds_days.wanted(None, NOW, SETTINGS)
    assert snds_days.read_until(None, asked, [], SETTINGS) == ago(4)


def test_what_could_not_be_read_is_asked_for_until_it_can_be() -> None:
    asked = snds_days.wanted(ago(10), NOW, SETTINGS)
    assert snds_days.read_until(ago(10), asked, [ago(7), ago(2)], SETTINGS) == ago(8)


def test_a_round_that_asked_for_no_day_changes_nothing() -> None:
    assert snds_days.read_until(ago(9), [], [], SETTINGS) == ago(9)
    assert snds_days.read_until(None, [], [], SETTINGS) is None


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sets(st.integers(0, 40), max_size=40)), min_size=1, max_size=25)
)
def test_no_day_within_reach_is_ever_left_unread(rounds: list[tuple[int, set[int]]]) -> None:
    """`rounds`: days until the next round, and the ages of the days that cannot be read in it."""
    now, through = NOW, None
    read: set[date] = set()
    began = snds_days.wanted(None, now, SETTINGS)[-1]
    for gap, unreadable in [*rounds, (1, set())]:
        today = now.date()
        asked = snds_days.wanted(through, now, SETTINGS)
        unread = [day for day in asked if (today - day).days in unreadable]
        read |= set(asked) - set(unread)
        later = snds_days.read_until(through, asked, unread, SETTINGS)
        assert through is None or (later is not None and later >= through), "it never goes back"
        through = later
        last, now = today, now + timedelta(days=gap)
    reach = max(began, last - timedelta(days=SETTINGS.backfill_days))
    missed = {reach + timedelta(days=n) for n in range((last - reach).days + 1)} - read
    assert not missed
