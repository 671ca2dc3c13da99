"""When to stop asking: a dead list, or a dead resolver, must not hold a sweep up for hours.

And a list that refuses us, or lists everybody, is not asked on: that would be rude, or of no use.
"""

from collections import Counter
from typing import Final

from monitor.resolver import AnswerKind

ZONE_SILENCES: Final = 3
RESOLVER_SILENCES: Final = 12
FAILURES: Final = 10
"""Answers in a row that say nothing (refusals, SERVFAIL) until a list is left alone for this sweep."""


class Patience:
    """Counts silences in a row, within one sweep."""

    def __init__(
        self, zone_silences: int = ZONE_SILENCES, resolver_silences: int = RESOLVER_SILENCES
    ) -> None:
        self._zone_silences = zone_silences
        self._resolver_silences = resolver_silences
        self._silent: Counter[str] = Counter()
        self._silent_in_all = 0
        self._failing: Counter[str] = Counter()
        self._left: set[str] = set()

    def note(self, zone: str, kind: AnswerKind) -> None:
        """Count one answer, or its absence. Any answer at all shows that the resolver lives."""
        if kind is AnswerKind.TIMEOUT:
            self._silent[zone] += 1
            self._silent_in_all += 1
        else:
            self._silent_in_all = 0
            if zone in self._silent:
                del self._silent[zone]

    def usable(self, zone: str) -> None:
        """An answer that meant something."""
        self._silent_in_all = 0
        if self._silent or self._failing:
            self._silent.pop(zone, None)
            self._failing.pop(zone, None)

    def useless(self, zone: str) -> None:
        """An answer that meant nothing."""
        self._failing[zone] += 1
        if self._failing[zone] >= FAILURES:
            self.leave(zone)

    def leave(self, zone: str) -> None:
        """Ask this list no more in this sweep."""
        self._left.add(zone)

    @property
    def resolver_is_dead(self) -> bool:
        return self._silent_in_all >= self._resolver_silences

    def is_worth_asking(self, zone: str) -> bool:
        """Whether another question to this zone has a chance of an answer."""
        if not self._silent and not self._left:
            return True
        if zone in self._left or self.resolver_is_dead:
            return False
        return self._silent[zone] < self._zone_silences
