"""The engine as a whole over HTTP: readiness, events, metrics, settings, audit, tokens, reload."""

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from core.errors import NotFoundError, OperatorError
from core.moment import Moment
from engine import health, metrics
from engine.api import sse
from engine.api.access import OPEN, Admin, Notes, Reader, TheEngine
from engine.api.problems import problem
from engine.api.tokens import TokenBook
from engine.events import KEPT, Event
from engine.settings import TokenScope

router = APIRouter(tags=["operations"])

MOST_FOLLOWERS = 100


class Ready(BaseModel):
    """It takes mail and delivers; `warnings` are what somebody should look at."""

    status: str = "ready"
    queues: int
    warnings: list[str]


class Directive(BaseModel):
    """One directive as it holds for a queue, and the block that it comes from."""

    name: str
    value: Any
    origin: str


class EffectiveSettings(BaseModel):
    """PowerMTA's `show settings`."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("settings/v1", alias="schema")
    queue: str
    directives: list[Directive]


class AuditList(BaseModel):
    """Changes, newest first."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("audit/v1", alias="schema")
    entries: list[dict[str, Any]]


class EventView(BaseModel):
    """One event; which `fields` it has depends on its kind."""

    id: str
    at: datetime
    kind: str
    fields: dict[str, Any]


class EventList(BaseModel):
    """What has happened, newest last; `kept` is how many of it the engine still holds."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("events/v1", alias="schema")
    last_id: str
    kept: int
    events: list[EventView]


class TokenView(BaseModel):
    """One token, never its text."""

    name: str
    scope: TokenScope
    rate: str
    requests: int
    refused: int
    last_used_at: datetime | None


class TokenList(BaseModel):
    """All bearer tokens."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("tokens/v1", alias="schema")
    tokens: list[TokenView]


class Reloaded(BaseModel):
    """What a reload changed, and what waits for a restart."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("reload/v1", alias="schema")
    dry_run: bool
    changes: list[str]
    needs_restart: list[str]


@router.get(
    "/-/ready",
    response_model=Ready,
    openapi_extra=OPEN,
    responses={503: {"description": "It does not, and why."}},
)
async def ready(engine: TheEngine) -> Any:
    """Whether it takes mail and delivers; 503 with the reasons if not."""
    found = health.check(engine)
    if found.blocking:
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "; ".join(found.blocking), warnings=list(found.warnings)
        )
    return Ready(queues=len(engine.queues), warnings=list(found.warnings))


@router.get("/metrics", response_class=PlainTextResponse)
async def show_metrics(engine: TheEngine, _who: Reader) -> Response:
    """Prometheus text format 0.0.4."""
    return PlainTextResponse(metrics.exposition(engine), media_type="text/plain; version=0.0.4")


@router.get("/v1/events", response_class=StreamingResponse)
async def events(
    engine: TheEngine, _who: Reader, last_event_id: Annotated[str | None, Header(max_length=100)] = None
) -> StreamingResponse:
    """Server-sent events; Last-Event-ID goes on where a broken connection stopped."""
    if engine.events.followers >= MOST_FOLLOWERS:
        raise OperatorError(f"{MOST_FOLLOWERS} clients follow already")
    first = f": events of this engine\nid: {last_event_id or engine.events.last_id}\n\n"
    return sse.streamed(first, engine.events.follow(last_event_id), _sse)


@router.get("/v1/events/recent")
async def recent_events(
    engine: TheEngine, _who: Reader, limit: Annotated[int, Query(ge=1, le=KEPT)] = 100
) -> EventList:
    """The newest events that are kept, newest last. With Last-Event-ID `last_id` the stream goes on there."""
    found = [
        EventView(id=one.id, at=one.at, kind=one.kind, fields=json.loads(_written(one.fields)))
        for one in engine.events.newest(limit)
    ]
    return EventList(last_id=engine.events.last_id, kept=len(engine.events), events=found)


@router.get("/v1/settings/{domain}/{vmta}")
async def show_settings(engine: TheEngine, _who: Reader, domain: str, vmta: str) -> EffectiveSettings:
    """Every directive as it holds for a queue, whether there is mail in it or not."""
    if vmta not in engine.settings.virtual_mtas:
        raise NotFoundError(f"there is no VirtualMTA {vmta}")
    holds = engine.queues.effective(domain.lower(), vmta)
    written = holds.settings.model_dump(mode="json", by_alias=True)
    rows = [
        Directive(name=name, value=value, origin=holds.origins.get(name.replace("-", "_"), "not set"))
        for name, value in written.items()
    ]
    return EffectiveSettings(queue=f"{domain.lower()}/{vmta}", directives=rows)


@router.get("/v1/audit")
async def show_audit(
    engine: TheEngine,
    _who: Reader,
    since: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> AuditList:
    """Who changed what, newest first."""
    return AuditList(entries=await engine.audit.entries(since, limit))


@router.get("/v1/tokens")
async def show_tokens(engine: TheEngine, _who: Admin, request: Request) -> TokenList:
    """Who holds tokens and when each was last used."""
    book: TokenBook = request.app.state.tokens
    rows = []
    for token in engine.settings.control_api.tokens:
        usage = book.usage(token.name)
        rows.append(
            TokenView(
                name=token.name,
                scope=token.scope,
                rate=str(token.rate),
                requests=usage.requests,
                refused=usage.refused,
                last_used_at=usage.last_used_at,
            )
        )
    return TokenList(tokens=rows)


@router.post("/-/reload", responses={409: {"description": "It was started without a file."}})
async def reload(engine: TheEngine, _who: Admin, notes: Notes, *, dry_run: bool = False) -> Reloaded:
    """Read the configuration again and take what can change at run time; on a mistake nothing changes."""
    found = await engine.reloads.reload(dry_run=dry_run)
    if not dry_run and found.changes:
        await notes.note("config.reloaded", "configuration", after=[str(change) for change in found.changes])
    return Reloaded(
        dry_run=dry_run,
        changes=[str(change) for change in found.changes if not change.needs_restart],
        needs_restart=[str(change) for change in found.changes if change.needs_restart],
    )


def _sse(event: Event) -> str:
    return sse.event(event.kind, {"at": event.at.isoformat(), **event.fields}, event.id)


def _written(fields: Mapping[str, Any]) -> str:
    return json.dumps(dict(fields), default=str)
