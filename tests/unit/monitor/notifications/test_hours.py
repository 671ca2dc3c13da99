"""Hours of the week: read, held against the clock of a zone, and the next time that they begin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notifications.hours import Hours

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OFFICE = Hours.parse("mon-fri 08:00-18:00")
NIGHT = Hours.parse("22:00-06:00")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "at", "inside"),
    [
        (OFFICE, "2026-11-23 08:00", True),
        (OFFICE, "2026-11-23 17:59", True),
        (OFFICE, "2026-11-23 18:00", False),
        (OFFICE, "2026-11-22 12:00", False),
        (NIGHT, "2026-11-23 23:00", True),
        (NIGHT, "2026-11-24 05:59", True),
        (NIGHT, "2026-11-24 06:00", False),
        (Hours.parse("fri 20:00-04:00"), "2026-11-28 03:00", True),
        (Hours.parse("sat-mon 00:00-24:00"), "2026-11-22 12:00", True),
        (Hours.parse("sat-mon 00:00-24:00"), "2026-11-24 12:00", False),
        (Hours.parse("mon 09:00-10:00, wed 11:00-12:00"), "2026-11-25 11:30", True),
    ],
)
def test_a_moment_is_inside_or_not_by_the_clock_of_the_zone(*, hours: Hours, at: str, inside: bool) -> None:
    assert hours.contain(local(at), AMSTERDAM) is inside


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23 12:00", "2026-11-23 12:00"),
        ("2026-11-23 07:59", "2026-11-23 08:00"),
        ("2026-11-27 18:00", "2026-11-30 08:00"),
        ("2026-03-28 12:00", "2026-03-30 08:00"),
    ],
)
def test_the_next_opening(at: str, opens: str) -> None:
    assert OFFICE.opening(local(at), AMSTERDAM) == local(opens)


@given(
    minutes=st.integers(0, 60 * 24 * 400),
    hours=st.sampled_from([OFFICE, NIGHT, Hours.parse("sun 03:00-03:30")]),
)
def test_an_opening_is_inside_and_nothing_before_it_is(minutes: int, hours: Hours) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    opening = hours.opening(at, AMSTERDAM)
    assert at <= opening <= at + timedelta(days=8)
    assert hours.contain(opening, AMSTERDAM)
    assert opening == at or not hours.contain(opening - timedelta(minutes=1), AMSTERDAM)


@pytest.mark.parametrize(
    "bad", ["", "always", "mon-fri", "8:00-18:00", "mon-xyz 08:00-18:00", "08:00-25:00", "mon 08:00"]
)
def test_what_is_no_hours_is_refused_with_an_example(bad: str) -> None:
    with pytest.raises(ValueError, match="mon-fri 08:00-18:00"):
        Hours.parse(bad)


def test_it_is_written_as_it_is_read() -> None:
    assert (
        str(Hours.parse(" Mon-Fri  08:00-18:00 ,sat 10:00-12:00")) == "mon-fri 08:00-18:00, sat 10:00-12:00"
    )
