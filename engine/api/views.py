"""Queues as JSON: the summary in listings, and the detail that is Backoff Insight."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from core.clock import NANOSECONDS
from core.limit import LimitChain
from engine import operations
from engine.engine import Engine
from engine.queue.insight import BackoffCause, DisabledSource, ModeChange, QueueError, RecipientEvent
from engine.queue.queue import Queue


class View(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class QueueSummary(View):
    """One line of `show queues`."""

    name: str
    domain: str
    vmta: str
    provider: str | None
    recipients: int
    kbytes: float
    connections: int
    mode: str
    paused: bool
    next_retry_at: datetime | None
    last_error: str | None


class SourceView(View):
    """A source IP of a queue: its connections, and until when it waits after failures."""

    address: str
    bind: str
    connections: int
    failures: int
    retry_at: datetime | None


class QueueDetail(QueueSummary):
    """One queue with everything a person asks of it."""

    backoff: BackoffCause | None
    sources: list[SourceView]
    disabled_sources: list[DisabledSource]
    last_errors: list[QueueError]
    mode_changes: list[ModeChange]
    recipient_events: list[RecipientEvent]
    chains: list[LimitChain]


def summary(engine: Engine, queue: Queue) -> QueueSummary:
    return QueueSummary(**_summary(engine, queue))


def detail(engine: Engine, queue: Queue) -> QueueDetail:
    insight = queue.insight
    return QueueDetail(
        **_summary(engine, queue),
        backoff=queue.backoff,
        sources=[
            SourceView(
                address=lane.parent.address,
                bind=str(lane.parent.source.bind),
                connections=lane.connections,
                failures=lane.failures,
                retry_at=_wall(engine, lane.retry_at),
            )
            for lane in queue.lanes
        ],
        disabled_sources=list(queue.disabled.values()),
        last_errors=list(reversed(insight.errors)),
        mode_changes=list(reversed(insight.mode_changes)),
        recipient_events=list(reversed(insight.events)),
        chains=operations.lane_chains(engine, queue),
    )


def _summary(engine: Engine, queue: Queue) -> dict[str, object]:
    errors = queue.insight.errors
    return {
        "name": queue.name,
        "domain": queue.domain,
        "vmta": queue.vmta,
        "provider": queue.provider,
        "recipients": queue.recipients,
        "kbytes": round(queue.size / 1024, 1),
        "connections": queue.connections,
        "mode": str(queue.mode),
        "paused": queue.paused,
        "next_retry_at": _next_retry(engine, queue),
        "last_error": errors[-1].text if errors else None,
    }


def _next_retry(engine: Engine, queue: Queue) -> datetime | None:
    """When the queue tries next: its earliest lane if all wait, else its earliest waiting recipient."""
    now = engine.clock.monotonic_ns()
    lanes = [lane.retry_at for lane in queue.lanes]
    if lanes and min(lanes) > now:
        return _wall(engine, min(lanes))
    if queue.retry_at > now:
        return _wall(engine, queue.retry_at)
    if queue.waiting and not queue.ready:
        return _wall(engine, queue.waiting[0][0])
    return None


def _wall(engine: Engine, at: int) -> datetime | None:
    now = engine.clock.monotonic_ns()
    if at <= now:
        return None
    return engine.clock.now() + timedelta(seconds=(at - now) / NANOSECONDS)
