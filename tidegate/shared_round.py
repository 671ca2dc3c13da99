"""A round of work that all who ask for it before it begins share.

500 listings confirmed within seconds ask for 500 rounds of the controller, and one round sees them all.
"""

import asyncio
from collections.abc import Awaitable, Callable


class SharedRound:
    """Runs `work` one at a time; whoever asks while a round waits for its turn gets that one.

    A round that has begun may have looked already: who asks then waits for the next. A caller that is
    cancelled leaves its round going for the others.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Task[None] | None = None
        self._rounds: set[asyncio.Task[None]] = set()

    async def __call__(self) -> None:
        """Return when a round that began after the call is over; raises what the work raises."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._run())
            self._rounds.add(self._waiting)
            self._waiting.add_done_callback(self._rounds.discard)
        await asyncio.shield(self._waiting)

    async def finish(self) -> None:
        """Wait for what goes on and what waits."""
        await asyncio.gather(*self._rounds, return_exceptions=True)

    async def _run(self) -> None:
        async with self._turn:
            self._waiting = None
            await self._work()
