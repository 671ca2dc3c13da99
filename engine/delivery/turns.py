"""Work that is done a little at a time: what waits for its turn is an entry in a queue, not a task."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Turns(Generic[_T]):
    """Items in the order of their arrival, handled by at most `most` workers at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._workers = 0
        self._waiting: deque[_T] = deque()

    def add(self, item: _T) -> bool:
        """Let an item wait; whether the caller is to start another worker."""
        self._waiting.append(item)
        if self._workers >= self._most:
            return False
        self._workers += 1
        return True

    async def work(self, handle: Callable[[_T], Awaitable[None]]) -> None:
        """A worker: handles what waits until nothing does."""
        try:
            while self._waiting:
                await handle(self._waiting.popleft())
        finally:
            self._workers -= 1
