"""Fair turns among lists: round robin over those that may be asked one more question. Decides only.

A worker takes a turn, asks, gives the turn back and takes the next. When no lane has room the worker can go
home: whoever still has a turn will find the work that is left.
"""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Job = TypeVar("Job")


@dataclass(slots=True)
class Lane(Generic[Key, Job]):
    """One list's jobs; `width` may be open at once."""

    key: Key
    jobs: Iterator[Job]
    width: int
    open: int = 0


class Lanes(Generic[Key, Job]):
    """The lanes that have work, in the order of their turns."""

    def __init__(self, lanes: list[Lane[Key, Job]]) -> None:
        self._waiting = deque(lanes)
        self._full: set[Key] = set()

    def take(self) -> tuple[Lane[Key, Job], Job] | None:
        """The next job, or None when every lane is empty or full."""
        while self._waiting:
            lane = self._waiting.popleft()
            job = next(lane.jobs, None)
            if job is None:
                continue
            lane.open += 1
            if lane.open < lane.width:
                self._waiting.append(lane)
            else:
                self._full.add(lane.key)
            return lane, job
        return None

    def give_back(self, lane: Lane[Key, Job]) -> None:
        """A job of this lane is done."""
        lane.open -= 1
        if lane.key in self._full:
            self._full.discard(lane.key)
            self._waiting.append(lane)
