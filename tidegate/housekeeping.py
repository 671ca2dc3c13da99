"""What is old enough is forgotten, once a day, in pieces that keep nobody waiting."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session

from core.clock import Clock
from monitor.settings import RetentionSettings
from storage import audit, database, incidents, leases, orders, outbox, readings
from tidegate.jobs import Jobs

log = logging.getLogger(__name__)

EVERY: Final = timedelta(days=1)
FIRST: Final = timedelta(minutes=15)
"""After the rush of a start."""

PIECE: Final = 1_000
"""Rows in a transaction, which then takes some forty milliseconds."""

Forget = Callable[[Session, datetime, int], int]
"""Deletes what is older than a moment, so many rows at most, and says how many it was."""

AtDesk = Callable[[Callable[[], int]], Awaitable[int]]


def plan(jobs: Jobs, engine: Engine, clock: Clock, settings: RetentionSettings, at_desk: AtDesk) -> None:
    """Give it its job."""
    keeper = Housekeeper(engine, clock, settings, at_desk)
    jobs.every("housekeeping", EVERY, keeper.tidy, first=FIRST)


class Housekeeper:
    """Forgets what is kept too long. Work at the desk goes on between two pieces."""

    def __init__(self, engine: Engine, clock: Clock, settings: RetentionSettings, at_desk: AtDesk) -> None:
        self._engine = engine
        self._clock = clock
        self._at_desk = at_desk
        self._kept: dict[str, tuple[Forget, timedelta]] = {
            "readings": (readings.forget, settings.readings),
            "messages": (outbox.forget, settings.messages),
            "incidents": (incidents.forget, settings.history),
            "lease_changes": (leases.forget, settings.history),
            "orders": (orders.forget, settings.history),
            "audit": (audit.forget, settings.history),
        }

    async def tidy(self, piece: int = PIECE) -> int:
        """Forget all that is old enough now; how many rows it was."""
        now = self._clock.now()
        gone = {name: await self._all(forget, now - age, piece) for name, (forget, age) in self._kept.items()}
        if any(gone.values()):
            said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in gone.items() if count)
            log.info("Forgot what is old: %s", said, extra={"event": "housekeeping.forgot", **gone})
        return sum(gone.values())

    async def _all(self, forget: Forget, before: datetime, piece: int) -> int:
        def once() -> int:
            with database.session(self._engine) as session:
                return forget(session, before, piece)

        count = last = await self._at_desk(once)
        while last == piece:
            last = await self._at_desk(once)
            count += last
        return count
