"""What has happened in the engine, for those who follow it live: a bounded ring of numbered events."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.clock import Clock
from core.lease import Scope

KEPT = 2_000


class EventKind(StrEnum):
    """Stable names; the log uses them too."""

    QUEUE_MODE = "queue.mode"
    LEASE_CREATED = "lease.created"
    LEASE_CHANGED = "lease.changed"
    LEASE_DELETED = "lease.deleted"
    LEASE_RAMPING = "lease.ramping"
    LEASE_ENDED = "lease.ended"
    SOURCE_DISABLED = "source.disabled"
    SOURCE_ENABLED = "source.enabled"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REFUSED = "config.refused"
    SPOOL_LOW = "spool.low"
    SPOOL_RECOVERED = "spool.recovered"
    REPUTATION = "replies.reputation"
    AUDIT = "audit"
    MISSED = "events.missed"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` is `RUN.NUMBER`: numbers grow within one run of the engine."""

    id: str
    at: datetime
    kind: str
    fields: Mapping[str, Any]


def of_scope(scope: Scope) -> dict[str, str]:
    """A scope as fields of an event: for people, and in its parts."""
    return {"scope": str(scope), "source_ip": str(scope.source_ip), "provider": scope.provider}


class EventLog:
    """The newest events. A follower that falls behind is told so and goes on with what is left."""

    def __init__(self, clock: Clock, kept: int = KEPT) -> None:
        self._clock = clock
        self._run = f"{int(clock.now().timestamp() * 1_000):x}"
        self._events: deque[Event] = deque(maxlen=kept)
        self._next = 0
        self._followers: set[asyncio.Event] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._events)

    @property
    def followers(self) -> int:
        return len(self._followers)

    @property
    def last_id(self) -> str:
        """The id of the newest event, or of the moment before the first."""
        return self._id(self._next - 1)

    def add(self, kind: str, **fields: Any) -> Event:
        """Something has happened."""
        event = Event(self._id(self._next), self._clock.now(), kind, fields)
        self._events.append(event)
        self._next += 1
        for follower in self._followers:
            follower.set()
        return event

    def newest(self, limit: int) -> list[Event]:
        """At most so many of the newest that are kept, oldest first."""
        return list(self._events)[-limit:]

    def after(self, last_id: str | None) -> list[Event]:
        """The events after one, oldest first: all that are kept when the id is unknown, none for None."""
        return self._since(self._position(last_id))

    async def follow(self, last_id: str | None = None) -> AsyncGenerator[Event]:
        """Events as they come, beginning after `last_id` (None: from now on), until `close`."""
        position = self._position(last_id)
        news = asyncio.Event()
        self._followers.add(news)
        try:
            while not self._closed:
                news.clear()
                for event in self._since(position):
                    yield event
                position = self._next
                if not self._closed:
                    await news.wait()
        finally:
            self._followers.discard(news)

    def close(self) -> None:
        """Let every follower finish."""
        self._closed = True
        for follower in self._followers:
            follower.set()

    def _since(self, position: int) -> list[Event]:
        oldest = self._next - len(self._events)
        missed = []
        if position < oldest:
            fields = {"reason": "events before this one are no longer kept; read the state afresh"}
            missed = [Event(self._id(oldest - 1), self._clock.now(), EventKind.MISSED, fields)]
        skip = max(0, position - oldest)
        return missed + [event for place, event in enumerate(self._events) if place >= skip]

    def _position(self, last_id: str | None) -> int:
        """The number of the next event to tell; -1 for an id of another run."""
        if last_id is None:
            return self._next
        run, _, number = last_id.partition(".")
        if run != self._run or not number.isdecimal() or len(number) > 18 or int(number) >= self._next:
            return self._next if last_id == self.last_id else -1
        return int(number) + 1

    def _id(self, number: int) -> str:
        return f"{self._run}.{number}"
