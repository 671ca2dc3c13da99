"""One person's trace: what it wants, and the steps that wait to be told, of bounded size."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from engine.tracing.steps import Step, StepKind
from engine.tracing.wanted import Subject, Wanted

MOST_WAITING: Final = 512 * 1024
"""Octets of text that wait for a slow reader, roughly."""

_STEP_OVERHEAD: Final = 200


class Trace:
    """Takes the first `wanted.connections` connections that fit, and ends when these have ended."""

    def __init__(self, wanted: Wanted, most_waiting: int = MOST_WAITING) -> None:
        self.wanted = wanted
        self._most = most_waiting
        self._begun = self._ended = 0
        self._waiting: deque[tuple[Step, int]] = deque()
        self._size = 0
        self._left_out = 0
        self._closed = False
        self._news = asyncio.Event()

    def begins(self, subject: Subject) -> int | None:
        """The number that a connection has in this trace, from 1; None if it is not wanted."""
        if self._begun >= self.wanted.connections or not self.wanted.takes(subject):
            return None
        self._begun += 1
        return self._begun

    def tell(self, step: Step) -> None:
        """One more step. Whoever reads too slowly hears how many were left out; an end is never left out."""
        if self._closed:
            return
        if step.kind is StepKind.CLOSED:
            self._ended += 1
        size = _size(step)
        if self._size + size > self._most and step.kind is not StepKind.CLOSED:
            self._left_out += 1
            return
        if self._left_out:
            self._put(Step(step.connection, step.ms, StepKind.LEFT_OUT, {"steps": self._left_out}), 0)
            self._left_out = 0
        self._put(step, size)

    def close(self) -> None:
        """Nobody reads any more, or nobody shall."""
        self._closed = True
        self._news.set()

    async def steps(self) -> AsyncGenerator[Step]:
        """Steps as they come, until the last connection has ended or `close`."""
        while True:
            self._news.clear()
            while self._waiting and not self._closed:
                step, size = self._waiting.popleft()
                self._size -= size
                yield step
            if self._closed or self._ended >= self.wanted.connections:
                return
            await self._news.wait()

    def _put(self, step: Step, size: int) -> None:
        self._waiting.append((step, size))
        self._size += size
        self._news.set()


def _size(step: Step) -> int:
    texts = [*step.fields.values(), *step.content.values()]
    return _STEP_OVERHEAD + sum(_length(text) for text in texts)


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(map(_length, value)) if isinstance(value, list | tuple) else 8
