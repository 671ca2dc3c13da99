"""Times that cross borders carry an offset, or are refused with what to write instead."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from core.moment import Moment

MOMENT = TypeAdapter(Moment)


def test_a_time_with_an_offset_is_taken() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert MOMENT.validate_python("2026-11-23T13:00:00+01:00") == noon
    assert MOMENT.validate_json('"2026-11-23T12:00:00Z"') == noon
    assert MOMENT.validate_python(noon) is noon


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-23T12:00:00", "has no offset; write 2026-11-23T12:00:00Z"),
        ("1795435200", "is not a time"),
        ("-1", "is not a time"),
        (1795435200, "is not a time"),
        ("0001-01-01T00:00:00Z", "outside of the years"),
        ("9999-12-31T23:59:59Z", "outside of the years"),
        ("23-Nov-2026", "Input should be a valid datetime"),
    ],
)
def test_what_cannot_be_compared_with_now_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MOMENT.validate_python(text)
