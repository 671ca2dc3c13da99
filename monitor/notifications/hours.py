"""Hours of the week as people write them: `mon-fri 08:00-18:00, sat 10:00-14:00`. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)\Z"
)
_LAST_MINUTE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of some days; `end` beyond a day reaches into the next one (22:00-06:00)."""

    days: frozenset[int]
    start: timedelta
    end: timedelta


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody wants to hear things."""

    text: str
    spans: tuple[Span, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read hours. Raises ValueError, which says what to write."""
        parts = [" ".join(part.lower().split()) for part in text.split(",")]
        return cls(", ".join(parts), tuple(_span(part, text) for part in parts))

    def contain(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether a moment lies within them."""
        today = at.astimezone(zone).date()
        return any(start <= at < end for start, end in self._around(today, zone, 0))

    def opening(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first moment within them, `at` itself or later, in UTC."""
        if self.contain(at, zone):
            return at
        today = at.astimezone(zone).date()
        return min(start for start, _ in self._around(today, zone, 7) if start >= at)

    def _around(self, day: date, zone: ZoneInfo, ahead: int) -> list[tuple[datetime, datetime]]:
        found = []
        for offset in range(-1, ahead + 1):
            one = day + timedelta(days=offset)
            found += [
                (_moment(one, span.start, zone), _moment(one, span.end, zone))
                for span in self.spans
                if one.weekday() in span.days
            ]
        return found

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> Hours:
            return value if isinstance(value, Hours) else cls.parse(str(value))

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )


def _span(part: str, text: str) -> Span:
    wrong = ValueError(f"{text!r} is not hours; write them like mon-fri 08:00-18:00")
    match = _SPAN.match(part)
    if match is None:
        raise wrong
    try:
        first = _DAYS.index(match["first"]) if match["first"] else 0
        last = _DAYS.index(match["last"] or match["first"]) if match["first"] else 6
        start, end = _clock(match["start"]), _clock(match["end"])
    except ValueError:
        raise wrong from None
    days = frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))
    return Span(days, start, end if end > start else end + _LAST_MINUTE)


def _clock(text: str) -> timedelta:
    if text == "24:00":
        return _LAST_MINUTE
    at = time.fromisoformat(text)
    return timedelta(hours=at.hour, minutes=at.minute)


def _moment(day: date, after: timedelta, zone: ZoneInfo) -> datetime:
    """A clock time of a day; on the day of a clock change still the clock time that people read."""
    return (datetime.combine(day, time()) + after).replace(tzinfo=zone).astimezone(UTC)
