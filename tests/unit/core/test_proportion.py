"""How sure a share is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.proportion import wilson_lower, wilson_upper


@pytest.mark.parametrize(
    ("events", "trials", "bound"),
    # by hand from the formula; 0 of 10 and 10 of 10 are its textbook ends
    [(0, 0, 0.0), (0, 10, 0.0), (1, 1, 0.2065), (10, 10, 0.7225), (5, 100, 0.0215), (50, 100, 0.4038)],
)
def test_wilsons_lower_bound(events: int, trials: int, bound: float) -> None:
    assert wilson_lower(events, trials) == pytest.approx(bound, abs=5e-5)


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_wilsons_lower_bound_is_below_the_share(events: int, extra: int) -> None:
    trials = events + extra
    assert 0 <= wilson_lower(events, trials) <= events / trials


@pytest.mark.parametrize(
    ("events", "trials", "bound"),
    [(0, 0, 1.0), (0, 10, 0.2775), (10, 10, 1.0), (5, 100, 0.1118), (50, 100, 0.5962)],
)
def test_wilsons_upper_bound(events: int, trials: int, bound: float) -> None:
    assert wilson_upper(events, trials) == pytest.approx(bound, abs=5e-5)
