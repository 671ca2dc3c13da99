"""The Bernoulli log-likelihood-ratio CUSUM: whether a share has risen, one event in many at a time.

S = max(0, S + x·ln(p1/p0) + (n-x)·ln((1-p1)/(1-p0))), Page 1954; p0 is the share when all is well, p1 the
share to detect. S ≥ h is the alarm; the mean run to a false one is at least e^h trials (Lorden 1971).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True)
class Shift:
    """The two shares that a CUSUM tells apart; 0 < `good` < `bad` < 1."""

    good: float
    bad: float

    def score(self, events: int, trials: int) -> float:
        """How much more likely the bad share is than the good one after a cohort, as a logarithm."""
        return events * self.event + max(0, trials - events) * self.silence

    @property
    def event(self) -> float:
        """What one event adds."""
        return log(self.bad / self.good)

    @property
    def silence(self) -> float:
        """What one trial without an event adds; below zero."""
        return log((1 - self.bad) / (1 - self.good))


def rise(level: float, score: float) -> float:
    """One step of any CUSUM, whatever the score is the log-likelihood ratio of."""
    return max(0.0, level + score)


def cusum(cohorts: Iterable[tuple[int, int]], shift: Shift) -> float:
    """Where the CUSUM stands after (events, trials) cohorts in order of time."""
    level = 0.0
    for events, trials in cohorts:
        level = rise(level, shift.score(events, trials))
    return level
