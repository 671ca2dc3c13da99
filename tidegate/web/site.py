"""What every page works with: the configuration, the records, the engine, the clock and the templates."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from core.clock import Clock, SystemClock
from storage import database
from tidegate.acts.records import Records
from tidegate.alert_desk import AtDesk
from tidegate.config.model import Config
from tidegate.config.yaml_reader import Path
from tidegate.web.engine_desk import EngineDesk
from tidegate.web.hub import Hub
from tidegate.web.ledger import Ledger
from tidegate.web.sessions import Patience, SessionBook
from tidegate.web.tally import Tally

Found = TypeVar("Found")


@dataclass(slots=True)
class Site:
    """The monitor's web pages. `act` lets the controller look soon; `places` say where settings are written.

    Sessions live by the real time: the clock of a rehearsal would end them within seconds.
    """

    config: Config
    clock: Clock
    records: Engine
    engine: EngineDesk
    at_desk: AtDesk
    act: Callable[[], None]
    places: Mapping[Path, str] = field(default_factory=dict)
    sessions: SessionBook = field(init=False)
    patience: Patience = field(init=False)
    hub: Hub = field(init=False)
    tally: Tally = field(default_factory=Tally)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        people = SystemClock()
        self.sessions = SessionBook(self.config.web.session_idle, people)
        self.patience = Patience(people)
        self.hub = Hub(self)
        self.ledger = Ledger(self.clock)

    async def look(self, ask: Callable[[Session], Found]) -> Found:
        """Read records, beside the event loop and beside whoever writes."""
        return await asyncio.to_thread(self._look, ask)

    def _look(self, ask: Callable[[Session], Found]) -> Found:
        with database.reading(self.records) as session:
            return ask(session)

    async def write(self, author: str, work: Callable[[Records], Found]) -> Found:
        """Write records in somebody's name, after what is being written; the controller looks soon."""
        found = await self.at_desk(lambda: work(self.records_of(author)))
        self.act()
        return found

    def records_of(self, author: str) -> Records:
        """The records in somebody's name, as of now."""
        return Records(self._writing, self._reading, self.clock.now(), author)

    def _writing(self) -> AbstractContextManager[Session]:
        return database.session(self.records)

    def _reading(self) -> AbstractContextManager[Session]:
        return database.reading(self.records)

    async def close(self) -> None:
        """Let every listener go and give back connections."""
        await self.hub.close()
        self.engine.close()
