"""Tells open pages what has changed: one look a second for all of them, and none when nobody listens."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, Final

from core.clock import Clock, SystemClock
from core.errors import TidegateError
from storage import pulse
from tidegate.client import EngineClient

if TYPE_CHECKING:
    from tidegate.web.site import Site

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
_KEEP_ALIVE_SECONDS: Final = 15.0
_MOST: Final = 60
"""Listeners: below the server's limit of connections, so that a page can always be opened."""

Marks = dict[str, Any]


def changed(before: Marks, after: Marks) -> list[str]:
    """The topics whose marks differ; on a first look none."""
    return sorted(topic for topic, mark in after.items() if topic in before and before[topic] != mark)


class Hub:
    """Listeners, and the task that looks for them."""

    def __init__(self, site: "Site", clock: Clock | None = None) -> None:
        self._site = site
        self._clock = clock or SystemClock()
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_full(self) -> bool:
        return len(self._listeners) >= _MOST

    async def listen(self, still: Callable[[], bool]) -> AsyncGenerator[str]:
        """Topics as they change, "" to keep the connection; ends with the hub or when `still` says no."""
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(heard)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            while still() and not self._closed:
                try:
                    async with asyncio.timeout(_KEEP_ALIVE_SECONDS):
                        topic = await heard.get()
                except TimeoutError:
                    topic = ""
                if topic is None:
                    return
                yield topic
        finally:
            self._listeners.discard(heard)

    async def close(self) -> None:
        """Let every listener go."""
        self._closed = True
        for heard in self._listeners:
            heard.put_nowait(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        before: Marks = {}
        while self._listeners:
            after = await self._marks(before)
            for topic in changed(before, after):
                for heard in self._listeners:
                    heard.put_nowait(topic)
            before = after
            await self._clock.sleep(_LOOK_SECONDS)

    async def _marks(self, before: Marks) -> Marks:
        try:
            written: Marks = dict(await self._site.look(pulse.marks))
        except TidegateError:
            log.warning("The records cannot be read", exc_info=True, extra={"event": "web.blind"})
            written = {}
        engine = await self._site.engine.hear(_engine_marks, {"engine": None})
        return {**before, **written, **engine.value}


def _engine_marks(client: EngineClient) -> Marks:
    status = client.status()
    leases = tuple(
        (lease["key"], lease["value"], lease.get("state"), lease.get("expires_at"))
        for lease in client.leases().get("leases", [])
    )
    return {
        "engine": status["started_at"],
        "leases": leases,
        "queues": (status["queues"], status["connections"]),
        "traffic": status["traffic"],
    }
