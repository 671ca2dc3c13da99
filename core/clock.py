"""Time, and the only place that reads it.

Policy waits (rates, retries, schedules, recovery) run on a Clock. Network time-outs do not: they are
promises to a peer and stay in real seconds however fast a rehearsal runs.
"""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

NANOSECONDS = 1_000_000_000


class Clock(Protocol):
    """What a doer asks for the time. Deciders get `now` as a parameter instead."""

    def now(self) -> datetime:
        """Wall time, aware, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds from an arbitrary start; never goes back."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """How many real seconds pass while this clock moves on by `seconds`."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until this clock has moved on by `seconds`."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def real_seconds(self, seconds: float) -> float:
        return seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class ScaledClock:
    """Runs `speed` times as fast as the machine from `origin` on; for rehearsals and the demo.

    Two processes given the same origin agree on the time.
    """

    def __init__(self, speed: float, origin: datetime) -> None:
        if speed <= 0:
            raise ValueError("a clock's speed must be above 0")
        self.speed = speed
        self.origin = origin

    @classmethod
    def showing(cls, moment: datetime, now: datetime, speed: float) -> "ScaledClock":
        """A clock that shows `moment` at the real moment `now`; `speed` is not 1."""
        return cls(speed, now - (moment - now) / (speed - 1))

    def now(self) -> datetime:
        return self.origin + (datetime.now(UTC) - self.origin) * self.speed

    def monotonic_ns(self) -> int:
        return int(time.monotonic_ns() * self.speed)

    def real_seconds(self, seconds: float) -> float:
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds / self.speed))


class ManualClock:
    """Moves only when told; sleepers wake in order as `advance` passes them. For tests and simulations."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_ns = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = itertools.count()

    def now(self) -> datetime:
        return self._start + timedelta(microseconds=self._elapsed_ns / 1000)

    def monotonic_ns(self) -> int:
        return self._elapsed_ns

    def real_seconds(self, seconds: float) -> float:
        return seconds

    async def sleep(self, seconds: float) -> None:
        wake = self._elapsed_ns + max(0, round(seconds * NANOSECONDS))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (wake, next(self._ticket), future))
        await future

    def advance(self, seconds: float) -> None:
        """Move on without letting anybody run; due sleepers wake when the loop next turns."""
        self._elapsed_ns += round(seconds * NANOSECONDS)
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_ns:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
