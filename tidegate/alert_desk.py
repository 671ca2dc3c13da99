"""Between the web and the monitor: alerts are taken where the database is worked on, one thing at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Engine

from core.incident import Incident
from core.reading import Source
from monitor.alerts.inbox import Inbox, Taken
from storage import database, incidents

Result = TypeVar("Result")


class AtDesk(Protocol):
    """Does a piece of database work beside the event loop, after what is being done."""

    async def __call__(self, work: Callable[[], Result]) -> Result: ...


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """Takes alerts. `act` is called when an incident changed because of one: the limit follows soon."""

    inbox: Inbox
    engine: Engine
    at_desk: AtDesk
    act: Callable[[], None]

    async def take(self, sender: str, raw: bytes) -> Taken:
        taken = await self.at_desk(lambda: self.inbox.take(sender, raw))
        if taken.result.changes:
            self.act()
        return taken

    async def standing(self) -> list[Incident]:
        return await asyncio.to_thread(self._standing)

    def _standing(self) -> list[Incident]:
        with database.reading(self.engine) as session:
            return [one for one in incidents.open_incidents(session) if one.source is Source.ALERT]
