"""One heap of wake-up times for parents, queues and connections; a moved time leaves a stale entry behind."""

import heapq
import itertools
from typing import Protocol

from engine.queue.queue import NEVER


class Sleeper(Protocol):
    """Anything that can be woken: it remembers the one time it waits for, in monotonic ns."""

    wake_at: int


class Timers:
    """Wake-ups in order of time; of those at one moment the lowest `rank` is first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Sleeper]] = []
        self._ticket = itertools.count()

    def set(self, sleeper: Sleeper, at: int, rank: int = 0) -> None:
        """Wake it at that time instead of any other. NEVER cancels."""
        if sleeper.wake_at == at:
            return
        sleeper.wake_at = at
        if at != NEVER:
            heapq.heappush(self._heap, (at, rank, next(self._ticket), sleeper))

    def set_no_later(self, sleeper: Sleeper, at: int, rank: int = 0) -> None:
        """Wake it at that time unless it wakes earlier anyway."""
        if at < sleeper.wake_at:
            self.set(sleeper, at, rank)

    def due(self, now: int) -> Sleeper | None:
        """The next sleeper whose time has come, or None."""
        while self._heap and self._heap[0][0] <= now:
            at, _, _, sleeper = heapq.heappop(self._heap)
            if sleeper.wake_at == at:
                sleeper.wake_at = NEVER
                return sleeper
        return None

    def next_at(self) -> int:
        """When somebody wakes next; NEVER if nobody does."""
        while self._heap and self._heap[0][3].wake_at != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER
