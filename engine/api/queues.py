"""Queues over HTTP."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress
from core.duration import Duration, format_duration
from engine import operations
from engine.api import views
from engine.api.access import Notes, Operator, Reader, TheEngine
from engine.queue.book import Choice, QueueOrder
from engine.queue.modes import ModeEvent, QueueMode

router = APIRouter(tags=["queues"])

Reason = Annotated[str, Query(max_length=500)]


class QueueList(BaseModel):
    """A listing of queues."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("queues/v1", alias="schema")
    matching: int
    queues: list[views.QueueSummary]


class ModeWish(BaseModel):
    """Which mode, and why."""

    model_config = ConfigDict(extra="forbid")
    mode: QueueMode
    reason: str = Field(min_length=1, max_length=500)


class Disabling(BaseModel):
    """For how long (null: until it is enabled, or as reenable-source-ip-after says), and why."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=1, max_length=500)
    reenable_after: Duration | None = None


class Act(StrEnum):
    """What may be done to a queue at once."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


_ACTS = {Act.PAUSE: operations.pause, Act.RESUME: operations.resume, Act.RETRY: operations.retry_now}
_MODE_EVENT = {QueueMode.BACKOFF: ModeEvent.SET_BACKOFF, QueueMode.NORMAL: ModeEvent.SET_NORMAL}


@router.get("/v1/queues")
async def list_queues(  # noqa: PLR0913 - FastAPI reads one parameter for each filter
    engine: TheEngine,
    _who: Reader,
    *,
    name: str = "*",
    mode: QueueMode | None = None,
    provider: str | None = None,
    paused: bool = False,
    errors: bool = False,
    sort: QueueOrder = QueueOrder.RECIPIENTS,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> QueueList:
    """Queues whose name matches `domain[/vmta]`, where * stands for anything."""
    wanted = Choice(name, mode, provider, paused, errors)
    queues = engine.queues.select(wanted, sort)
    shown = queues[offset : offset + limit]
    return QueueList(matching=len(queues), queues=[views.summary(engine, q) for q in shown])


@router.get("/v1/queues/{domain}/{vmta}")
async def show_queue(engine: TheEngine, _who: Reader, domain: str, vmta: str) -> views.QueueDetail:
    """One queue with its Backoff Insight and limit chains."""
    return views.detail(engine, engine.queues.find(domain, vmta))


@router.post("/v1/queues/{domain}/{vmta}/mode")
async def set_mode(
    engine: TheEngine, who: Operator, notes: Notes, domain: str, vmta: str, wish: ModeWish
) -> views.QueueDetail:
    """Put a queue into normal or backoff mode."""
    queue = engine.queues.find(domain, vmta)
    before = queue.mode
    operations.set_mode(engine, queue, _MODE_EVENT[wish.mode], who.name, wish.reason)
    await notes.note("queue.mode", queue.name, before, queue.mode, wish.reason)
    return views.detail(engine, queue)


@router.post("/v1/queues/{domain}/{vmta}/sources/{address}/disable")
async def disable_source(
    engine: TheEngine,
    who: Operator,
    notes: Notes,
    domain: str,
    vmta: str,
    address: IpAddress,
    wish: Disabling,
) -> views.QueueDetail:
    """Take a source IP out of a queue, for a time or until it is enabled."""
    queue = engine.queues.find(domain, vmta)
    operations.disable_source(engine, queue, str(address), who.name, wish.reason, wish.reenable_after)
    lasts = wish.reenable_after and format_duration(wish.reenable_after)
    await notes.note("source.disabled", f"{address} in {queue.name}", None, lasts, wish.reason)
    return views.detail(engine, queue)


@router.post("/v1/queues/{domain}/{vmta}/sources/{address}/enable")
async def enable_source(
    engine: TheEngine,
    _who: Operator,
    notes: Notes,
    domain: str,
    vmta: str,
    address: IpAddress,
    reason: Reason = "",
) -> views.QueueDetail:
    """Let a source IP back into a queue."""
    queue = engine.queues.find(domain, vmta)
    operations.enable_source(engine, queue, str(address))
    await notes.note("source.enabled", f"{address} in {queue.name}", reason=reason)
    return views.detail(engine, queue)


@router.post("/v1/queues/{domain}/{vmta}/{act}")
async def act_on_queue(
    engine: TheEngine, _who: Operator, notes: Notes, domain: str, vmta: str, act: Act, reason: Reason = ""
) -> views.QueueDetail:
    """Pause, resume or retry a queue."""
    queue = engine.queues.find(domain, vmta)
    before = {"paused": queue.paused}
    _ACTS[act](engine, queue)
    await notes.note(f"queue.{act}", queue.name, before, {"paused": queue.paused}, reason)
    return views.detail(engine, queue)
