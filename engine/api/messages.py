"""Waiting messages over HTTP: listed, deleted, bounced, handed over."""

from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress
from core.duration import Duration
from core.errors import OperatorError
from engine import injection, messages
from engine.api.access import Notes, Operator, Reader, Scribe, TheEngine
from engine.engine import Engine
from engine.injection import Injection
from engine.messages import Ending, MessageFilter, Waiting

router = APIRouter(tags=["messages"])

Part = Annotated[str | None, Query(min_length=1, max_length=500)]


class MessageList(BaseModel):
    """Waiting recipients; `matching` counts those beyond the limit too."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("messages/v1", alias="schema")
    matching: int
    messages: list[Waiting]


class Order(MessageFilter):
    """A filter, and why."""

    reason: str = Field(min_length=1, max_length=500)

    @property
    def filter(self) -> MessageFilter:
        return MessageFilter(**self.model_dump(exclude={"reason"}))


class Ended(BaseModel):
    """What was done, or on a dry run what would be."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("messages-ended/v1", alias="schema")
    dry_run: bool
    recipients: int
    queues: dict[str, int]
    sample: list[Waiting]


class Taken(BaseModel):
    """A message that is on disk and queued."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("message-taken/v1", alias="schema")
    id: str
    recipients: int


@router.get("/v1/messages")
async def list_messages(  # noqa: PLR0913 - FastAPI reads one parameter for each part of the query
    engine: TheEngine,
    _who: Reader,
    *,
    queue: Part = None,
    orig: Part = None,
    rcpt: Part = None,
    job: Part = None,
    id: Part = None,  # noqa: A002 - the name that the filter has
    older_than: Duration | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> MessageList:
    """Recipients that wait; * stands for anything."""
    wanted = MessageFilter(queue=queue, orig=orig, rcpt=rcpt, job=job, id=id, older_than=older_than)
    found = await messages.find(engine, wanted, limit)
    return MessageList(matching=found.recipients, messages=list(found.sample))


@router.post("/v1/messages/delete")
async def delete_messages(
    engine: TheEngine, _who: Operator, notes: Notes, order: Order, *, dry_run: bool = False
) -> Ended:
    """Drop what the filter takes; nobody is told."""
    return await _end(engine, notes, order, Ending.DELETE, dry_run=dry_run)


@router.post("/v1/messages/bounce")
async def bounce_messages(
    engine: TheEngine, _who: Operator, notes: Notes, order: Order, *, dry_run: bool = False
) -> Ended:
    """Return what the filter takes to its senders."""
    return await _end(engine, notes, order, Ending.BOUNCE, dry_run=dry_run)


@router.post("/v1/messages", status_code=202, responses={507: {"description": "No room on the disk."}})
async def inject(engine: TheEngine, who: Operator, request: Request, wanted: Injection) -> Taken:
    """Take a message; the answer comes when it is on disk. Accounting tells who brought it."""
    settings = engine.settings
    message = injection.received(wanted, _peer(request), who.name, settings.hostname, engine.clock.now())
    if len(message.content) > settings.max_message_size:
        raise OperatorError(f"the message has more than max-message-size ({settings.max_message_size} bytes)")
    reply = await engine.reception.accept(message)
    if not reply.is_positive:
        raise OperatorError(f"the message was not taken: {reply.text}")
    return Taken(id=reply.lines[0].rpartition(" ")[2], recipients=len(wanted.recipients))


async def _end(engine: Engine, notes: Scribe, order: Order, ending: Ending, *, dry_run: bool) -> Ended:
    order.check()
    wanted = order.filter
    if dry_run:
        found = await messages.find(engine, wanted, 20)
    else:
        found = await messages.end(engine, wanted, ending, notes.actor, order.reason)
        subject = wanted.model_dump_json(exclude_defaults=True)
        after = {"recipients": found.recipients, "queues": len(found.queues)}
        await notes.note(f"messages.{ending}", subject, after=after, reason=order.reason)
    return Ended(dry_run=dry_run, recipients=found.recipients, queues=found.queues, sample=list(found.sample))


def _peer(request: Request) -> IpAddress:
    """Whoever comes through the unix socket is on this machine."""
    try:
        return ip_address(request.client.host if request.client else "127.0.0.1")
    except ValueError:
        return ip_address("127.0.0.1")
