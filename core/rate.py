"""Rates in PowerMTA's grammar: `unlimited` or `N/[M]{s|m|h|d}`."""

import re
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from core.errors import RateError

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_UNIT_NAMES = {
    "s": "s", "sec": "s", "m": "m", "min": "m", "h": "h", "hr": "h", "hour": "h", "d": "d", "day": "d",
}  # fmt: skip
_GRAMMAR = re.compile(r"([0-9]{1,12})\s*/\s*([0-9]{0,8})\s*([a-z]+)\Z")
_PATTERN = r"^(unlimited|[0-9]{1,12}/[0-9]{0,8}(s|sec|m|min|h|hr|hour|d|day))$"
_LONGEST_SECONDS = 366 * 86_400
_EXAMPLES = "500/h, 10/m, 1/s or 100/15m"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any window of `seconds`. `count` None: no limit."""

    count: int | None
    seconds: int = 3_600

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rate. Raises RateError, which says what to write instead."""
        word = text.strip().lower()
        if word == "unlimited":
            return cls(None)
        if re.match(r"0+\s*(/|\Z)", word):
            raise RateError(
                f"{text!r} is not a rate: to stop mail use pause, to lift a limit write unlimited"
            )
        match = _GRAMMAR.match(word)
        unit = _UNIT_NAMES.get(match[3]) if match else None
        if not match or unit is None or (match[2] and not int(match[2])):
            raise RateError(f"{text!r} is not a rate; write it like {_EXAMPLES}, or unlimited")
        seconds = int(match[2] or 1) * _SECONDS[unit]
        if seconds > _LONGEST_SECONDS:
            raise RateError(f"{text!r} counts over more than a year; write it like {_EXAMPLES}")
        return cls(int(match[1]), seconds)

    @classmethod
    def from_per_hour(cls, per_hour: float) -> Self:
        """The largest rate in plain words that is not above `per_hour`: `N/h`, or `1/Mm` below 10 an hour."""
        if per_hour == inf:
            return cls(None)
        if per_hour <= 0:
            raise RateError("a rate must be above 0: to stop mail use pause")
        if per_hour >= 10:
            return cls(floor(per_hour), 3_600)
        return cls(1, 60 * ceil(60 / per_hour))

    @property
    def is_unlimited(self) -> bool:
        return self.count is None

    @property
    def per_hour(self) -> float:
        """Events an hour; infinity when unlimited."""
        return inf if self.count is None else self.count * 3_600 / self.seconds

    def strictest(self, other: "Rate") -> "Rate":
        """The one that lets less through over an hour; self when they are equal."""
        return other if other.per_hour < self.per_hour else self

    def __str__(self) -> str:
        if self.count is None:
            return "unlimited"
        unit = next(u for u in "dhms" if self.seconds % _SECONDS[u] == 0)
        multiple = self.seconds // _SECONDS[unit]
        return f"{self.count}/{multiple if multiple > 1 else ''}{unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": _PATTERN, "examples": ["500/h", "unlimited"]}

    @classmethod
    def _validate(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if value == 0:
            return cls.parse("0")
        raise RateError(f"{value!r} has no unit; write it like {_EXAMPLES}, or unlimited")


UNLIMITED = Rate(None)
