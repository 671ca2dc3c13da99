"""Times that cross borders: RFC 3339, always with an offset."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_EARLIEST, _LATEST = 1970, 9000


def _written_out(value: Any) -> Any:
    # pydantic would take 17 or "17" for seconds since 1970, and 17 is more likely a mistake than a time
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise ValueError(f"{value!r} is not a time; write it like 2026-11-23T14:05:00Z")


def _placed(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no offset; write {value.isoformat()}Z, if it is UTC")
    if not _EARLIEST <= value.year <= _LATEST:
        raise ValueError(f"{value.isoformat()} lies outside of the years {_EARLIEST} to {_LATEST}")
    return value


Moment = Annotated[
    datetime,
    BeforeValidator(_written_out),
    AfterValidator(_placed),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A pydantic field type for a time with an offset; one without is refused, for nobody can compare it."""
