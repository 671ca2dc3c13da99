"""Weeks as people count them: ISO weeks, Monday to Monday, in the reader's time zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from core.errors import OperatorError
from core.text import printable

_FIRST_YEAR = 1990
"""Before it no mail was watched, and a year before the first one is no date."""
_NAME = re.compile(r"(\d{4})-W(\d{2})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week in one zone. It may be 167 or 169 hours long."""

    monday: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        return _midnight(self.monday, self.zone)

    @property
    def end(self) -> datetime:
        return _midnight(self.monday + timedelta(days=7), self.zone)

    @property
    def days(self) -> tuple[tuple[datetime, datetime], ...]:
        """Start and end of each of the seven days, in UTC."""
        mornings = [_midnight(self.monday + timedelta(days=n), self.zone) for n in range(8)]
        return tuple(pairwise(mornings))

    @property
    def name(self) -> str:
        """`2026-W47`."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02}"

    @property
    def title(self) -> str:
        """`week 47, 2026`."""
        year, number, _ = self.monday.isocalendar()
        return f"week {number}, {year}"

    @property
    def before(self) -> "Week":
        return Week(self.monday - timedelta(days=7), self.zone)

    @property
    def after(self) -> "Week":
        return Week(self.monday + timedelta(days=7), self.zone)


def week_of(at: datetime, zone: ZoneInfo) -> Week:
    """The week that a moment is in."""
    day = at.astimezone(zone).date()
    return Week(day - timedelta(days=day.weekday()), zone)


def last_week(now: datetime, zone: ZoneInfo) -> Week:
    """The newest week that is over."""
    return week_of(now, zone).before


def parse_week(text: str, zone: ZoneInfo) -> Week:
    """Read `2026-W47`. Raises OperatorError."""
    match = _NAME.match(text.strip())
    try:
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        monday = None
    if monday is None or monday.year < _FIRST_YEAR:
        raise OperatorError(f"{printable(text, 40)!r} is not a week; write it like 2026-W47")
    return Week(monday, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
