"""How a provider judges an address."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.judge import (
    PERFECT,
    Standing,
    Temper,
    Verdict,
    allowance,
    deferred_share,
    judge,
    seen_with,
)

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TEMPER = Temper(hourly_allowance=100)


@pytest.mark.parametrize(
    ("score", "sent", "draw", "verdict"),
    [
        (PERFECT, 0, 0.0, Verdict.ACCEPT),
        (PERFECT, 99, 0.0, Verdict.ACCEPT),
        (PERFECT, 100, 0.0, Verdict.VOLUME),
        (40.0, 0, 0.49, Verdict.DISGRACE),
        (40.0, 0, 0.51, Verdict.ACCEPT),
        (40.0, 58, 0.51, Verdict.VOLUME),
        (10.0, 0, 0.999, Verdict.DISGRACE),
        (9.9, 0, 0.999, Verdict.BLOCKED),
    ],
)
def test_a_verdict_follows_from_score_volume_and_draw(
    score: float, sent: int, draw: float, verdict: Verdict
) -> None:
    assert judge(score, sent, draw, TEMPER) is verdict


def test_a_standing_mends_with_time_up_to_its_ceiling() -> None:
    low = Standing(score=20.0, ceiling=50.0, as_of=NOW)
    assert low.at(NOW + timedelta(hours=5), TEMPER).score == 40.0
    assert low.at(NOW + timedelta(days=5), TEMPER).score == 50.0


def test_time_that_goes_back_mends_nothing_and_costs_nothing() -> None:
    assert Standing(20.0, as_of=NOW).at(NOW - timedelta(hours=9), TEMPER).score == 20.0


def test_a_listing_caps_the_score_only_while_it_stands() -> None:
    fine = Standing(as_of=NOW)
    assert seen_with(fine, ("sbl.lab.test",), TEMPER) == TEMPER.listing_ceiling
    assert seen_with(fine, (), TEMPER) == PERFECT


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_worse_score_never_gets_more(one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert deferred_share(worse, TEMPER) >= deferred_share(better, TEMPER)
    assert allowance(worse, TEMPER) <= allowance(better, TEMPER)


@given(st.lists(st.floats(0, 30), max_size=20))
def test_a_score_stays_between_0_and_100_whatever_is_held_against_it(penalties: list[float]) -> None:
    standing = Standing(as_of=NOW)
    for hours, penalty in enumerate(penalties):
        standing = standing.at(NOW + timedelta(hours=hours), TEMPER).lowered(penalty)
        assert 0 <= standing.score <= PERFECT
