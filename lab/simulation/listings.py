"""Two DNS lists by their published rules: Spamhaus CSS (tier 1) and SpamCop (tier 2). One world each.

CSS: automatic, ends about three days after the last detection. SpamCop: reports weigh 4:1 when fresh and 1:1
from 48 hours on, are ignored after a week, trap hits count five times and squared above six; a listing ends
24 hours after the last report. The score at which SpamCop lists, the hits that CSS needs, and the traps in a
campaign are assumptions: nobody publishes them.
"""

from dataclasses import dataclass, field
from typing import Final

CSS_HITS: Final = 3
"""Trap hits within a day that make CSS list."""
CSS_STAYS: Final = 72.0
SPAMCOP_SCORE: Final = 40.0
SPAMCOP_STAYS: Final = 24.0
_WEEK, _FRESH = 168.0, 48.0


@dataclass(slots=True)
class Listing:
    """A list's view of the IP. Hours since the start of the world; None: never."""

    listed_from: float | None = None
    listed_until: float = 0.0

    def at(self, hour: float) -> bool:
        return self.listed_from is not None and self.listed_from <= hour < self.listed_until

    def detect(self, hour: float, delay: float, stays: float) -> None:
        """A detection lists after `delay`, or prolongs."""
        if self.listed_from is None or hour >= self.listed_until:
            self.listed_from = hour + delay
        self.listed_until = max(self.listed_from + stays, hour + stays)


@dataclass(slots=True)
class Lists:
    """The two lists in one world."""

    css: Listing = field(default_factory=Listing)
    spamcop: Listing = field(default_factory=Listing)
    _hits: list[tuple[float, int]] = field(default_factory=list)

    def hit(self, hour: float, traps: int, delay: float) -> None:
        """Trap hits of one hour. `delay`: how long the lists would take to act on them."""
        if traps <= 0:
            return
        self._hits = [(at, count) for at, count in self._hits if hour - at < _WEEK]
        self._hits.append((hour, traps))
        if sum(count for at, count in self._hits if hour - at <= 24) >= CSS_HITS:
            self.css.detect(hour, delay, CSS_STAYS)
        if spamcop_score(self._hits, hour) >= SPAMCOP_SCORE:
            self.spamcop.detect(hour, delay, SPAMCOP_STAYS)


def spamcop_score(hits: list[tuple[float, int]], hour: float) -> float:
    """What trap hits of (hour, count) weigh at `hour`."""
    total = sum(count for _, count in hits)
    factor = 5.0 if total <= 6 else float(total)
    return factor * sum(count * _weight(hour - at) for at, count in hits)


def _weight(age: float) -> float:
    if age >= _WEEK:
        return 0.0
    return 1.0 if age >= _FRESH else 4.0 - 3.0 * age / _FRESH
