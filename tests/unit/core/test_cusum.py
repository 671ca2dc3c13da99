"""Whether a share has risen."""

from math import isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cusum import Shift, cusum, rise

COMPLAINTS = Shift(0.0005, 0.003)


def test_it_adds_log_likelihood_ratios_and_never_goes_below_zero() -> None:
    assert cusum([(0, 10_000)], COMPLAINTS) == 0
    one = cusum([(1, 1)], COMPLAINTS)
    assert isclose(one, log(6))
    assert cusum([(0, 10_000), (1, 1)], COMPLAINTS) == one


def test_at_three_per_mille_it_alarms_after_about_three_thousand_messages() -> None:
    # control.md 1.3: h = 9, delay at .3 % is 3,039 messages on average
    level, sent = 0.0, 0
    while level < 9:
        sent += 1000
        level = cusum([(3, 1000)] * (sent // 1000), COMPLAINTS)
    assert 3000 <= sent <= 4000


@pytest.mark.parametrize(("good", "bad"), [(0.0005, 0.003), (0.02, 0.08), (0.005, 0.1)])
def test_at_the_good_share_the_score_falls_and_at_the_bad_one_it_rises(good: float, bad: float) -> None:
    shift = Shift(good, bad)
    assert good * shift.event + (1 - good) * shift.silence < 0 < bad * shift.event + (1 - bad) * shift.silence


@given(st.floats(0, 20), st.floats(-20, 20))
def test_a_step_is_the_sum_or_zero(level: float, score: float) -> None:
    assert rise(level, score) == max(0.0, level + score)
