"""Who looks on is decided when a connection is opened."""

import asyncio
from typing import Any

from core.address import SourceIp
from core.clock import ManualClock
from engine.directives import DomainSettings
from engine.queue.queue import Lane, Parent, Queue
from engine.smtp.client import ClientSession, TlsPolicy
from engine.tracing.book import MOST_TRACES, TraceBook
from engine.tracing.onlooker import NOBODY, Audience
from engine.tracing.steps import Step
from engine.tracing.trace import Trace
from engine.tracing.wanted import Wanted
from engine.tracing.wire import TracedSession, TracedWire
from engine.wire import Timeouts, Wire

SOURCE = SourceIp.model_validate({"address": "203.0.113.7", "bind": "127.0.0.7"})


def lane(vmta: str = "marketing") -> Lane:
    queue = Queue("yahoo.test", vmta, DomainSettings(), {})
    return Lane(queue, Parent(SOURCE, "yahoo"))


class Reader:
    """Follows a trace in the background."""

    def __init__(self, book: TraceBook, wanted: Wanted) -> None:
        self.steps: list[Step] = []
        self._task = asyncio.create_task(self._read(book, wanted))

    async def _read(self, book: TraceBook, wanted: Wanted) -> None:
        async for step in book.follow(wanted):
            self.steps.append(step)

    async def begun(self) -> "Reader":
        async with asyncio.timeout(5):
            while not self.steps:
                await asyncio.sleep(0)
        return self

    async def done(self) -> list[str]:
        async with asyncio.timeout(5):
            await self._task
        return [str(step.kind) for step in self.steps]

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_without_a_trace_a_connection_has_the_plain_session_and_wire() -> None:
    onlooker = TraceBook(ManualClock()).onlooker(lane())
    session, wire = onlooker.wired("mta.test", TlsPolicy.NEVER, Timeouts())
    assert onlooker is NOBODY
    assert type(session) is ClientSession
    assert type(wire) is Wire


async def test_without_a_trace_a_connection_is_not_even_looked_at() -> None:
    unseen: Any = None
    assert TraceBook(ManualClock()).onlooker(unseen) is NOBODY


async def test_a_connection_that_no_trace_wants_has_them_too() -> None:
    book = TraceBook(ManualClock())
    reader = await Reader(book, Wanted(vmta="bills")).begun()
    assert book.onlooker(lane("marketing")) is NOBODY
    session, wire = book.onlooker(lane("bills")).wired("mta.test", TlsPolicy.NEVER, Timeouts())
    assert (type(session), type(wire)) == (TracedSession, TracedWire)
    assert book.onlooker(lane("bills")) is NOBODY  # the one connection that it wanted has begun
    await reader.leave()


async def test_two_may_look_at_the_same_connection() -> None:
    book = TraceBook(ManualClock())
    readers = [await Reader(book, wanted).begun() for wanted in (Wanted(), Wanted(provider="yahoo"))]
    onlooker = book.onlooker(lane())
    onlooker.ends("it was cut")
    onlooker.closed()
    for reader in readers:
        assert await reader.done() == ["waiting", "begun", "closed"]
        assert reader.steps[-1].fields == {"why": "it was cut"}
    assert len(book) == 0


async def test_a_domain_that_cannot_be_resolved_ends_a_trace_with_the_reason() -> None:
    book = TraceBook(ManualClock())
    reader = await Reader(book, Wanted(domain="yahoo.test")).begun()
    book.unroutable(lane().queue, "yahoo.test does not exist")
    assert await reader.done() == ["waiting", "begun", "failed", "closed"]
    assert reader.steps[-1].fields == {"why": "yahoo.test does not exist"}


async def test_who_goes_away_is_forgotten() -> None:
    book = TraceBook(ManualClock())
    reader = await Reader(book, Wanted()).begun()
    assert len(book) == 1
    await reader.leave()
    assert len(book) == 0
    assert book.onlooker(lane()) is NOBODY


async def test_there_are_only_so_many_traces() -> None:
    book = TraceBook(ManualClock())
    readers = [await Reader(book, Wanted()).begun() for _ in range(MOST_TRACES)]
    assert book.is_full
    assert await Reader(book, Wanted()).done() == []
    for reader in readers:
        await reader.leave()
    assert not book.is_full


async def test_closing_lets_everybody_finish() -> None:
    book = TraceBook(ManualClock())
    reader = await Reader(book, Wanted()).begun()
    book.close()
    assert await reader.done() == ["waiting"]


async def test_steps_are_timed_from_the_beginning_of_their_connection() -> None:
    trace, ticks = Trace(Wanted()), iter((5_000_000_000, 5_001_250_000, 5_030_000_000))
    audience = Audience([(trace, 1)], lambda: next(ticks))
    audience.heard(["220 hi"])
    audience.closed()
    assert [step.ms async for step in trace.steps()] == [1.2, 30.0]
