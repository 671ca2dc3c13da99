"""Looks at once when the engine says that mailbox providers turn on an IP, instead of at the next tick."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from controller.drivers.base import Driver
from core.clock import Clock
from core.errors import TidegateError

log = logging.getLogger(__name__)

_TRY_AGAIN = timedelta(seconds=5)


class Lookout:
    """Follows the engine's events and calls for looks, `pause` apart at least.

    It is a convenience: whatever it misses, the next tick sees. `look` handles its own errors.
    """

    def __init__(self, driver: Driver, look: Callable[[], Awaitable[None]], pause: timedelta) -> None:
        self._driver = driver
        self._look = look
        self._pause = pause
        self._wanted = asyncio.Event()

    async def run(self, clock: Clock) -> None:
        """Follow and look until cancelled. `clock` paces real work: give it real time."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._follow(clock))
            both.create_task(self._look_when_wanted(clock))

    async def _follow(self, clock: Clock) -> None:
        while True:
            try:
                async for _ in self._driver.trouble():
                    self._wanted.set()
            except TidegateError as error:
                log.debug("The engine's events cannot be followed: %s", error)
            await clock.sleep(_TRY_AGAIN.total_seconds())

    async def _look_when_wanted(self, clock: Clock) -> None:
        while True:
            await self._wanted.wait()
            while self._wanted.is_set():
                self._wanted.clear()
                await self._look()
                await clock.sleep(self._pause.total_seconds())
            # the engine tells of milestones alone: what came after the last one is seen now
            await self._look()
