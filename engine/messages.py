"""Waiting messages: found, deleted or bounced by a filter. What is being sent right now is left alone."""

import asyncio
import fnmatch
import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from core.clock import NANOSECONDS
from core.duration import Duration
from core.errors import OperatorError
from engine.engine import Engine
from engine.queue.item import QueuedRecipient
from engine.queue.queue import Queue
from engine.smtp.reply import local
from engine.spool.base import Settled, format_id

Pattern = Annotated[str, Field(min_length=1, max_length=500)]
_SLICE = 20_000


class Ending(StrEnum):
    """How an operator ends a recipient's wait."""

    DELETE = "delete"
    BOUNCE = "bounce"


class MessageFilter(BaseModel):
    """Which recipients; every part that is given must fit, case does not matter, * stands for anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: Pattern | None = Field(None, description="domain[/vmta]")
    orig: Pattern | None = Field(None, description="The sender's address; <> is the empty one.")
    rcpt: Pattern | None = Field(None, description="The recipient's address.")
    job: Pattern | None = Field(None, description="The job id.")
    id: Pattern | None = Field(None, description="The message's id, as in `queued as ID`.")
    older_than: Duration | None = Field(None, description="Only what was received longer ago than this.")
    everything: bool = Field(False, description="Without any part above: all mail of all queues.")

    @property
    def is_empty(self) -> bool:
        return not any((self.queue, self.orig, self.rcpt, self.job, self.id, self.older_than))

    def check(self) -> None:
        """Raises OperatorError where the filter does not say what it is about."""
        if self.is_empty and not self.everything:
            raise OperatorError(
                "say which messages: queue, orig, rcpt, job, id, older_than; or everything: true"
            )
        if self.everything and not self.is_empty:
            raise OperatorError("everything: true stands alone; leave it out or leave the other parts out")

    def covers(self, queue: Queue) -> bool:
        domain, _, vmta = (self.queue or "*").lower().partition("/")
        return _fits(queue.domain, domain) and _fits(queue.vmta, vmta or "*")

    def takes(self, recipient: QueuedRecipient, now: datetime) -> bool:
        """Whether it fits; never what came after the order was given, such as notices about the order."""
        message = recipient.message
        return (
            message.received_at <= now.timestamp()
            and _fits(message.sender or "<>", self.orig)
            and _fits(recipient.address, self.rcpt)
            and _fits(message.job, self.job)
            and (self.id is None or _fits(format_id(message.id), self.id))
            and (self.older_than is None or _age(recipient, now) > self.older_than)
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient that waits; `next_attempt_at` is None for one that is ready to go."""

    id: str
    orig: str
    rcpt: str
    queue: str
    job: str
    size: int
    attempts: int
    received_at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """How many recipients a filter takes, per queue, and the first of them."""

    recipients: int
    queues: dict[str, int]
    sample: tuple[Waiting, ...]


async def find(engine: Engine, wanted: MessageFilter, limit: int = 1000) -> Found:
    """Count all that the filter takes and show at most `limit` of them. Changes nothing."""
    now, mono = engine.clock.now(), engine.clock.monotonic_ns()
    counts: dict[str, int] = {}
    sample: list[Waiting] = []
    seen = 0
    for queue in [q for q in engine.queues if wanted.covers(q)]:
        for due, recipient in _waiting(queue):
            if wanted.takes(recipient, now):
                counts[queue.name] = counts.get(queue.name, 0) + 1
                if len(sample) < limit:
                    sample.append(_shown(queue, recipient, due, mono, now))
        seen = await _breathe(seen + queue.recipients)
    return Found(sum(counts.values()), counts, tuple(sample))


async def end(engine: Engine, wanted: MessageFilter, ending: Ending, actor: str, reason: str) -> Found:
    """Delete or bounce all that the filter takes; what came of it. Raises OperatorError."""
    wanted.check()
    now, mono = engine.clock.now(), engine.clock.monotonic_ns()
    counts: dict[str, int] = {}
    sample: list[Waiting] = []
    seen = 0
    for queue in [q for q in engine.queues if wanted.covers(q)]:
        seen = await _breathe(seen + queue.recipients)
        taken = _take_out(queue, wanted, now)
        if taken:
            counts[queue.name] = len(taken)
            sample += [_shown(queue, r, due, mono, now) for due, r in taken[: 20 - len(sample)]]
            _settle(engine, queue, [recipient for _, recipient in taken], ending, f"{actor}: {reason}")
    await engine.spool.sync()
    return Found(sum(counts.values()), counts, tuple(sample))


def _settle(engine: Engine, queue: Queue, taken: list[QueuedRecipient], ending: Ending, why: str) -> None:
    deleting = ending is Ending.DELETE
    reply = local(550, "5.0.0", f"{'deleted' if deleting else 'returned'} by {why}")
    engine.results.give_up(queue, taken, reply, Settled.DELETED if deleting else Settled.BOUNCED)
    engine.touch(queue)


def _take_out(queue: Queue, wanted: MessageFilter, now: datetime) -> list[tuple[int, QueuedRecipient]]:
    taken = [(due, recipient) for due, recipient in _waiting(queue) if wanted.takes(recipient, now)]
    if taken:
        gone = {id(recipient) for _, recipient in taken}
        queue.ready = deque(r for r in queue.ready if id(r) not in gone)
        queue.waiting = [entry for entry in queue.waiting if id(entry[2]) not in gone]
        heapq.heapify(queue.waiting)
    return taken


def _waiting(queue: Queue) -> Iterator[tuple[int, QueuedRecipient]]:
    for recipient in queue.ready:
        yield 0, recipient
    for due, _, recipient in queue.waiting:
        yield due, recipient


async def _breathe(seen: int) -> int:
    """Let deliveries go on after every so many recipients."""
    if seen < _SLICE:
        return seen
    await asyncio.sleep(0)
    return 0


def _shown(queue: Queue, recipient: QueuedRecipient, due: int, mono: int, now: datetime) -> Waiting:
    message = recipient.message
    return Waiting(
        id=format_id(message.id),
        orig=message.sender,
        rcpt=recipient.address,
        queue=queue.name,
        job=message.job,
        size=message.size,
        attempts=recipient.attempts,
        received_at=datetime.fromtimestamp(message.received_at, UTC),
        next_attempt_at=now + timedelta(seconds=(due - mono) / NANOSECONDS) if due > mono else None,
    )


def _age(recipient: QueuedRecipient, now: datetime) -> timedelta:
    return timedelta(seconds=now.timestamp() - recipient.message.received_at)


def _fits(text: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    # only * is special: an address may hold [ and ?
    plain = pattern.lower().replace("[", "[[]").replace("?", "[?]")
    return fnmatch.fnmatchcase(text.lower(), plain)
