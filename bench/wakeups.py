"""How late 100,000 parents (source IP × provider) wake that each send at their own pace.

    python -m bench.wakeups

Scheduler, timers, limiters and the deliverer's pump are the engine's, on its event loop; only the sockets are
missing: a batch counts as sent at once. Lateness is the time from the moment at which a parent's limiter lets
the next recipient through to the moment at which it is handed to its connection.
"""

import asyncio
import gc
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import uvloop

from bench.options import Form, Options
from core.address import SourceIp
from core.clock import NANOSECONDS, SystemClock
from core.rate import Rate
from engine.delivery.deliverer import Deliverer
from engine.delivery.scheduler import Scheduler
from engine.directives import DEFAULTS
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.queue.queue import Connection, Lane, Parent, Queue
from engine.shaping.limiter import Limiter

PERIOD = 3600


@dataclass(frozen=True, slots=True)
class Pace:
    """How many parents, how many recipients an hour each, and for how many seconds they are watched.

    `warm_up` seconds are for what became due while all were set up.
    """

    parents: int = 100_000
    per_hour: int = 100
    seconds: float = 20.0
    warm_up: float = 5.0


SHORT = Pace(parents=500, per_hour=3600, seconds=1.0, warm_up=0.5)


def run(options: Options) -> Iterable[tuple[str, float | str]]:
    """Median and 99th percentile in milliseconds, and how many wake-ups they are of."""
    return measure(SHORT if options.form is Form.SHORT else Pace())


def measure(pace: Pace) -> Iterable[tuple[str, float | str]]:
    late = sorted(uvloop.run(_watch(pace)))
    yield "wakeup_parents", pace.parents
    yield "wakeup_samples", len(late)
    yield "wakeup_p50_ms", round(late[len(late) // 2] / 1e6, 2)
    yield "wakeup_p99_ms", round(late[len(late) * 99 // 100] / 1e6, 2)


class Recorder(Deliverer):
    """The deliverer, with peers that answer and take everything in no time."""

    late: list[int]
    due: dict[Parent, int]

    def _open(self, connection: Connection) -> None:
        self.scheduler.opened(connection, self.clock.monotonic_ns())

    def _hand_over(self, connection: Connection) -> None:
        now, parent = self.clock.monotonic_ns(), connection.lane.parent
        self.late.append(now - self.due[parent])
        self.due[parent] = _due(parent)
        self.scheduler.finished(connection, 1, usable=True, now=now)


async def _watch(pace: Pace) -> list[int]:
    clock, scheduler = SystemClock(), Scheduler()
    nothing: Any = None
    deliverer = Recorder(scheduler, nothing, nothing, nothing, clock, nothing, nothing, nothing)
    deliverer.late = []
    queues = [_queue(number, pace) for number in range(pace.parents)]
    dice, now = random.Random(1), clock.monotonic_ns()
    for queue in queues:
        # each somewhere in its pace
        begun = now - dice.randrange(PERIOD * NANOSECONDS // pace.per_hour)
        queue.lanes[0].parent.messages = (Limiter(Rate(pace.per_hour, PERIOD), begun, full=True),)
    deliverer.due = {parent: _due(parent) for queue in queues for parent in [queue.lanes[0].parent]}
    gc.freeze()  # as the engine does after a start
    for queue in queues:
        scheduler.kick(queue, now)
    deliverer.pump()
    await asyncio.sleep(pace.warm_up)
    deliverer.late.clear()
    await asyncio.sleep(pace.seconds)
    return deliverer.late


def _due(parent: Parent) -> int:
    """When its limiter lets the next recipient through (monotonic ns)."""
    return parent.messages[0].ready_at(0)


def _queue(number: int, pace: Pace) -> Queue:
    """A queue with mail for an hour and a parent of its own."""
    address = f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    parent = Parent(SourceIp.model_validate(address), f"provider{number}")
    queue = Queue(f"q{number}.test", "vmta", DEFAULTS, {}, provider=parent.provider)
    queue.lanes = [Lane(queue, parent)]
    message = QueuedMessage(number, "s@x.test", (f"r@{queue.domain}",), 4096, "vmta", "", False, False, 0.0)
    queue.ready.extend([QueuedRecipient(message, 0)] * pace.per_hour)
    return queue


if __name__ == "__main__":
    for figure, value in measure(Pace()):
        print(f"{figure}: {value}", flush=True)
