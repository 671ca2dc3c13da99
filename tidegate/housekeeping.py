"""What is old enough is forgotten, once a day, in pieces that keep nobody waiting."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session

from core.clock import Clock
from monitor.settings import RetentionSettings
from storage import database, outbox, readings
from tidegate.jobs import Jobs

log = logging.getLogger(__name__)

EVERY: Final = timedelta(days=1)
FIRST: Final = timedelta(minutes=15)
"""After the rush of a start."""

PIECE: Final = 1_000
"""Rows in a transaction, which then takes some forty milliseconds."""

AtDesk = Callable[[Callable[[], int]], Awaitable[int]]


def plan(jobs: Jobs, engine: Engine, clock: Clock, settings: RetentionSettings, at_desk: AtDesk) -> None:
    """Give it its job."""
    keeper = Housekeeper(engine, clock, settings, at_desk)
    jobs.every("housekeeping", EVERY, keeper.tidy, first=FIRST)


class Housekeeper:
    """Forgets readings and messages. Work at the desk goes on between two pieces."""

    def __init__(self, engine: Engine, clock: Clock, settings: RetentionSettings, at_desk: AtDesk) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._at_desk = at_desk

    async def tidy(self, piece: int = PIECE) -> int:
        """Forget all that is old enough now; how many rows it was."""
        now = self._clock.now()
        old_runs = await self._all(
            lambda session: readings.forget(session, now - self._settings.readings, piece), piece
        )
        old_messages = await self._all(
            lambda session: outbox.forget(session, now - self._settings.messages, piece), piece
        )
        if old_runs or old_messages:
            log.info("Forgot %d readings and %d messages", old_runs, old_messages,
                     extra={"event": "housekeeping.forgot"})  # fmt: skip
        return old_runs + old_messages

    async def _all(self, forget: Callable[[Session], int], piece: int) -> int:
        def once() -> int:
            with database.session(self._engine) as session:
                return forget(session)

        count = last = await self._at_desk(once)
        while last == piece:
            last = await self._at_desk(once)
            count += last
        return count
