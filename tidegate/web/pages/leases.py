"""What holds at run time, and what people ordered."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from storage import leases as stored_leases
from storage import orders
from tidegate.web import render
from tidegate.web.engine_desk import Heard
from tidegate.web.guard import Reader, TheSite
from tidegate.web.views import leases as leases_view

router = APIRouter(include_in_schema=False)

_CHANGES = 40


@router.get("/leases")
async def leases(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """Leases on the engine, standing orders, and the newest changes."""
    heard: Heard[list[dict[str, Any]]] = await site.engine.hear(
        lambda engine: engine.leases().get("leases", []), []
    )
    now, mode = site.clock.now(), str(site.config.controller.mode)
    view = await site.look(lambda session: _view(session, heard.value, mode, now))
    return render.page(request, who, "leases", {"view": view, "trouble": heard.trouble})


def _view(session: Session, held: list[dict[str, Any]], mode: str, now: datetime) -> leases_view.Leases:
    standing = orders.standing(session, now)
    changes = stored_leases.latest_changes(session, _CHANGES)
    return leases_view.leases(held, standing, changes, mode, now)
