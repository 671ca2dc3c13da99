"""How fast one server is asked: how many questions may be open, and when one counts as lost.

Decides only. The window shrinks by a quarter when answers are lost and grows by one for each window that is
answered; the wait follows the server's own pace as TCP's does (RFC 6298), so that a resolver that needs a
second for a cold name is not asked four times.
"""

from typing import Final

FIRST_WAIT: Final = 0.25
"""Seconds: the first wait, and the shortest (measured on loopback: fewer retransmissions than at 100 ms)."""

SMALLEST_WINDOW: Final = 16
_SHRINK: Final = 0.75
_SILENCES: Final = 3
_RETRIED_AFTER: Final = 30.0
_SAMPLED: Final = 16
"""Of the answers of a server that keeps up, one in so many is timed."""


class Pace:
    """One server's pace. Times are in seconds of any monotonic clock."""

    def __init__(self, window: int, longest_wait: float) -> None:
        self._largest = float(window)
        self._window = float(window)
        self._longest_wait = max(longest_wait, FIRST_WAIT)
        self.wait = FIRST_WAIT
        """Seconds after which an unanswered question is sent again for the first time."""

        self._smooth: float | None = None
        self._spread = 0.0
        self._shrunk_at = float("-inf")
        self.is_doubtful = False
        """Whether a question was not answered since the newest answer."""

        self._answers = -1
        self._silences = 0
        self._silent_at = 0.0
        self.open = 0

    @property
    def is_full(self) -> bool:
        """Whether the next question has to wait."""
        return self.open >= self._window

    def is_silent(self, now: float) -> bool:
        """Whether another server should be preferred; every half minute this one gets another chance."""
        return self._silences >= _SILENCES and now - self._silent_at < _RETRIED_AFTER

    def answered(self, took: float) -> None:
        """An answer came, `took` seconds after the question was sent first."""
        self._silences = 0
        self.is_doubtful = False
        self._answers += 1
        if self._answers % _SAMPLED and took < self.wait and self._window >= self._largest:
            return
        self._window = min(self._largest, self._window + 1 / self._window)
        if self._smooth is None:
            self._smooth, self._spread = took, took / 2
        else:
            self._spread += (abs(took - self._smooth) - self._spread) / 4
            self._smooth += (took - self._smooth) / 8
        self.wait = min(max(self._smooth + 4 * self._spread, FIRST_WAIT), self._longest_wait)

    def lost(self, now: float) -> None:
        """A question had to be sent again. One burst of losses shrinks the window once."""
        if now - self._shrunk_at >= self.wait:
            self._shrunk_at = now
            floor = min(float(SMALLEST_WINDOW), self._largest)
            self._window = max(floor, self._window * _SHRINK)

    def given_up(self, now: float) -> None:
        """A question was not answered at all, or has to be taken elsewhere."""
        self._silences += 1
        self.is_doubtful = True
        self._silent_at = now
