"""Durations in PowerMTA's grammar: `1w2d12h`, `90m`, `300s`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from core.errors import DurationError

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WHOLE = re.compile(r"(?:[0-9]{1,12}[wdhms])+\Z")
_PART = re.compile(r"([0-9]+)([wdhms])")
_LONGEST = timedelta(days=36_525)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `1w2d12h`. Raises DurationError."""
    compact = text.strip().lower().replace(" ", "")
    if not _WHOLE.match(compact):
        raise DurationError(f"{text!r} is not a duration; write it like 90m, 2h or 1w2d12h")
    seconds = sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(compact))
    if seconds > _LONGEST.total_seconds():
        raise DurationError(f"{text!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration in the same grammar, largest unit first, whole seconds: `2h30m`."""
    rest = max(0, round(duration.total_seconds()))
    parts = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _validate(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise DurationError(f"{value!r} has no unit; write it like {value}s or {value}m")


Duration = Annotated[
    timedelta,
    BeforeValidator(_validate),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{1,4}[wdhms])+$", "examples": ["90m", "1w2d12h"]}),
]
"""A pydantic field type that reads and writes the grammar above."""
