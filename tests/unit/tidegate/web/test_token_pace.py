"""A token's rate holds in any window, whatever the gaps between requests."""

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.clock import ManualClock
from core.rate import Rate
from tidegate.web.access import Doorkeeper
from tidegate.web.problems import ProblemError
from tidegate.web.settings import WebSettings, WebToken


def asked(keeper: Doorkeeper) -> int | None:
    """None when let in, else the seconds to wait."""
    try:
        keeper.admit("Bearer secret-0")
    except ProblemError as refusal:
        return refusal.wait
    return None


@given(st.lists(st.floats(0, 40), max_size=60), st.integers(1, 5))
def test_no_window_holds_more_requests_than_the_rate_and_none_is_refused_too_early(
    gaps: list[float], most: int
) -> None:
    clock, token = ManualClock(), WebToken(name="a", token=SecretStr("secret-0"), rate=Rate(most, 60))
    keeper = Doorkeeper(WebSettings(tokens=(token,)), clock)
    let_in: list[int] = []
    for gap in gaps:
        clock.advance(gap)
        now = clock.monotonic_ns()
        recent = sum(at > now - 60_000_000_000 for at in let_in)
        wait = asked(keeper)
        assert (wait is None) == (recent < most)
        assert wait is None or 1 <= wait <= 60
        if wait is None:
            let_in.append(now)
