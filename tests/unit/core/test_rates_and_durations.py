"""Rates and durations: PowerMTA's grammar, read and written, and what is refused with which words."""

from datetime import timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from core.duration import Duration, format_duration, parse_duration
from core.errors import DurationError, RateError
from core.rate import UNLIMITED, Rate


@pytest.mark.parametrize(
    ("text", "count", "seconds", "written"),
    [
        ("500/h", 500, 3_600, "500/h"),
        ("10/min", 10, 60, "10/m"),
        ("1/s", 1, 1, "1/s"),
        ("100/15m", 100, 900, "100/15m"),
        (" 7 / 2 HOUR ", 7, 7_200, "7/2h"),
        ("3/day", 3, 86_400, "3/d"),
        ("90/60s", 90, 60, "90/m"),
    ],
)
def test_a_rate_is_read_and_written_in_powermtas_grammar(
    text: str, count: int, seconds: int, written: str
) -> None:
    rate = Rate.parse(text)
    assert (rate.count, rate.seconds, str(rate)) == (count, seconds, written)


@pytest.mark.parametrize("text", ["0", "0/h", "0/15m", "00/h", "0 / h", "000"])
def test_zero_is_refused_with_what_to_write_instead(text: str) -> None:
    with pytest.raises(RateError, match="to stop mail use pause, to lift a limit write unlimited"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["", "fast", "10", "10/", "/h", "10/0m", "10/w", "-1/h", "1.5/h", "10/h/h"])
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(RateError, match="write it like 500/h, 10/m, 1/s or 100/15m, or unlimited"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["1" + "0" * 12 + "/h", "1/999999999d", "1/367d", "1/00h"])
def test_a_rate_that_no_arithmetic_can_hold_is_refused(text: str) -> None:
    with pytest.raises(RateError, match="write it like"):
        Rate.parse(text)


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_reading_back_what_was_written_gives_the_same_rate(count: int, seconds: int) -> None:
    assert Rate.parse(str(Rate(count, seconds))) == Rate(count, seconds)


@given(st.floats(min_value=0.001, max_value=1e7))
def test_a_rate_made_from_a_number_is_never_above_it_and_keeps_nine_tenths(per_hour: float) -> None:
    rate = Rate.from_per_hour(per_hour)
    assert rate.per_hour <= per_hour
    assert rate.per_hour >= min(per_hour * 0.9, per_hour - 1) or rate.seconds % 60 == 0


def test_small_rates_are_spaced_in_whole_minutes() -> None:
    assert [str(Rate.from_per_hour(n)) for n in (10, 9.9, 6, 1, 0.5)] == [
        "10/h",
        "1/7m",
        "1/10m",
        "1/h",
        "1/2h",
    ]
    assert Rate.from_per_hour(inf) == UNLIMITED


def test_the_strictest_of_two_is_the_one_that_lets_less_through_an_hour() -> None:
    assert Rate.parse("100/h").strictest(Rate.parse("1/m")) == Rate.parse("1/m")
    assert UNLIMITED.strictest(Rate.parse("1/s")) == Rate.parse("1/s")
    assert Rate.parse("60/h").strictest(Rate.parse("1/m")) == Rate.parse("60/h")


@pytest.mark.parametrize(
    ("text", "duration", "written"),
    [
        ("1w2d12h", timedelta(days=9, hours=12), "1w2d12h"),
        ("300s", timedelta(minutes=5), "5m"),
        ("90m", timedelta(hours=1.5), "1h30m"),
        ("0s", timedelta(0), "0s"),
    ],
)
def test_a_duration_is_read_and_written(text: str, duration: timedelta, written: str) -> None:
    assert parse_duration(text) == duration
    assert format_duration(duration) == written


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "1y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationError, match="write it like 90m, 2h or 1w2d12h"):
        parse_duration(text)


@given(st.integers(0, 10**8))
def test_a_written_duration_reads_back(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


class Sample(BaseModel):
    rate: Rate
    wait: Duration


def test_both_are_field_types_that_serialise_to_their_grammar() -> None:
    sample = Sample.model_validate({"rate": "90/15m", "wait": "2h"})
    assert sample.model_dump(mode="json") == {"rate": "90/15m", "wait": "2h"}
    assert Sample.model_validate_json(sample.model_dump_json()) == sample


@pytest.mark.parametrize(("field", "value"), [("rate", 10), ("rate", 0), ("wait", 60)])
def test_a_number_without_a_unit_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValidationError, match=r"has no unit|use pause"):
        Sample.model_validate({"rate": "1/h", "wait": "1s", field: value})


@pytest.mark.parametrize("text", ["99999999999999999999w", "999999w", "36525d1s"])
def test_a_duration_beyond_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


def test_a_hundred_years_are_a_duration() -> None:
    assert parse_duration("36525d") == timedelta(days=36_525)
