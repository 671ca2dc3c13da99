"""The statistics that decisions rest on: the Bernoulli CUSUM and quantiles."""

from collections.abc import Iterable, Sequence
from math import ceil, log


def cusum(cohorts: Iterable[tuple[int, int]], good: float, bad: float) -> float:
    """Where a Bernoulli log-likelihood-ratio CUSUM stands after (events, trials) cohorts in order of time.

    S = max(0, S + x·ln(p1/p0) + (n-x)·ln((1-p1)/(1-p0))), Page 1954; p0 = `good`, p1 = `bad`.
    """
    up, down = log(bad / good), log((1 - bad) / (1 - good))
    level = 0.0
    for events, trials in cohorts:
        level = max(0.0, level + events * up + max(0, trials - events) * down)
    return level


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
