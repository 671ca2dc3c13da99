"""Queues, and one queue with its Backoff Insight."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from tidegate.acts.limits import engine_time
from tidegate.client import EngineClient
from tidegate.web import render
from tidegate.web.engine_desk import Heard
from tidegate.web.guard import Reader, TheSite
from tidegate.web.views import queue as queue_view
from tidegate.web.views import queues as queues_view

router = APIRouter(include_in_schema=False)


@router.get("/queues")
async def queues(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """A page of queues, filtered and sorted by the engine."""
    asked = queues_view.query(request.query_params)
    heard: Heard[dict[str, Any]] = await site.engine.hear(lambda engine: engine.queues(**asked.filters), {})
    found, matching = heard.value.get("queues", []), heard.value.get("matching", 0)
    providers = sorted(site.config.engine.provider_map())
    view = queues_view.queues(asked, found, matching, providers, site.clock.now())
    return render.page(request, who, "queues", {"view": view, "trouble": heard.trouble})


@router.get("/queues/{domain}/{vmta}")
async def queue(request: Request, who: Reader, site: TheSite, domain: str, vmta: str) -> HTMLResponse:
    """One queue. Raises NotFoundError, and EngineUnreachable when nobody can tell."""

    def ask(engine: EngineClient) -> queue_view.QueueView:
        return queue_view.queue(engine.queue(domain, vmta), engine_time(engine))

    view = await site.engine.do(ask)
    return render.page(request, who, "queue", {"view": view, "trouble": ""})
