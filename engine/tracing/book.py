"""The traces that are asked for right now."""

from collections.abc import AsyncGenerator
from typing import Final

from core.clock import Clock, SystemClock
from engine.queue.queue import Lane, Queue
from engine.tracing.onlooker import NOBODY, Audience, Onlooker
from engine.tracing.steps import Step, StepKind
from engine.tracing.trace import Trace
from engine.tracing.wanted import Subject, Wanted

MOST_TRACES: Final = 20
SCHEMA: Final = "trace/v1"


class TraceBook:
    """Who looks at which connection is decided when one is opened, and not again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopwatch = SystemClock().monotonic_ns  # a peer's pace is real, however fast a rehearsal runs
        self._traces: list[Trace] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def is_full(self) -> bool:
        return len(self._traces) >= MOST_TRACES

    async def follow(self, wanted: Wanted) -> AsyncGenerator[Step]:
        """The steps of the next connections that fit. The first step tells that we wait for them."""
        if self._closed or self.is_full:
            return
        trace = Trace(wanted)
        self._traces.append(trace)
        try:
            yield Step(0, 0.0, StepKind.WAITING, {"schema": SCHEMA, "for": str(wanted)})
            async for step in trace.steps():
                yield step
        finally:
            self._traces.remove(trace)
            trace.close()

    def onlooker(self, lane: Lane) -> Onlooker:
        """Who looks on at a connection that this lane opens."""
        if not self._traces:
            return NOBODY
        source = lane.parent.source
        queue = lane.queue
        subject = Subject(queue.domain, queue.vmta, lane.parent.provider, source.address, str(source.bind))
        return self._audience(subject)

    def unroutable(self, queue: Queue, why: str) -> None:
        """No connection could even be thought of."""
        if self._traces:
            found = self._audience(Subject(queue.domain, queue.vmta, queue.provider, None))
            found.failed(why)
            found.ends(why)
            found.closed()

    def close(self) -> None:
        """Let everybody who follows finish."""
        self._closed = True
        for trace in self._traces:
            trace.close()

    def _audience(self, subject: Subject) -> Onlooker:
        numbered = [(trace, trace.begins(subject)) for trace in self._traces]
        members = [(trace, number) for trace, number in numbered if number is not None]
        if not members:
            return NOBODY
        found = Audience(members, self._stopwatch)
        found.begun(subject, self._clock.now().isoformat())
        return found
