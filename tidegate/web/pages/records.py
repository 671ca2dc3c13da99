"""Incidents, sources, the audit and the settings: what is written down."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from core.incident import Incident
from monitor.health import from_row
from storage import audit as stored_audit
from storage import health, leases
from storage import incidents as stored_incidents
from storage.incidents import IncidentEvent
from storage.leases import LeaseChange
from tidegate.web import render
from tidegate.web.engine_desk import Heard
from tidegate.web.guard import Operator, Reader, TheSite
from tidegate.web.views import audit as audit_view
from tidegate.web.views import incidents as incidents_view
from tidegate.web.views import settings as settings_view
from tidegate.web.views import sources as sources_view
from tidegate.web.views.parts import PER_PAGE

router = APIRouter(include_in_schema=False)


@router.get("/incidents")
async def incidents(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """Open incidents, or the others."""
    asked = incidents_view.query(request.query_params)
    start = (asked.page - 1) * PER_PAGE
    found, matching = await site.look(
        lambda session: stored_incidents.newest(session, asked.wanted, PER_PAGE, start)
    )
    view = incidents_view.incidents(asked, found, matching, site.clock.now())
    return render.page(request, who, "incidents", {"view": view, "trouble": ""})


@router.get("/incidents/{number}")
async def incident(request: Request, who: Reader, site: TheSite, number: int) -> HTMLResponse:
    """One incident. Raises NotFoundError."""
    one, events, changes = await site.look(lambda session: _one(session, number))
    view = incidents_view.incident(one, events, changes, site.clock.now())
    return render.page(request, who, "incident", {"view": view, "trouble": ""})


def _one(session: Session, number: int) -> tuple[Incident, list[IncidentEvent], list[LeaseChange]]:
    one = stored_incidents.find(session, number)
    changes = leases.lease_history(session, one.opened_at, one.ip) if one.ip else []
    return one, stored_incidents.events(session, number), changes


@router.get("/sources")
async def sources(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """How each source of signals is doing."""
    known = await site.look(health.load_all)
    view = sources_view.sources([from_row(row) for row in known], site.clock.now())
    return render.page(request, who, "sources", {"view": view, "trouble": ""})


@router.get("/audit")
async def audit(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """Who did what, the newest first."""
    asked = audit_view.query(request.query_params)
    found = await site.look(
        lambda session: stored_audit.entries(
            session, None, PER_PAGE + 1, about=asked.text, offset=asked.offset
        )
    )
    heard: Heard[list[dict[str, Any]]] = await site.engine.hear(lambda engine: engine.audit(PER_PAGE), [])
    view = audit_view.audit(asked, found, heard.value, site.clock.now())
    return render.page(request, who, "audit", {"view": view, "trouble": heard.trouble})


@router.get("/settings")
async def settings(request: Request, who: Operator, site: TheSite) -> HTMLResponse:
    """The settings that hold."""
    asked = request.query_params
    view = settings_view.settings(
        site.config, site.places, asked.get("q", "")[:200], written_only=asked.get("written") == "yes"
    )
    return render.page(request, who, "settings", {"view": view, "trouble": ""})
