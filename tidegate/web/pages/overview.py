"""The first page."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from monitor.health import from_row
from storage import audit, health, incidents, leases, orders
from tidegate.client import EngineClient
from tidegate.web import render
from tidegate.web.engine_desk import Heard
from tidegate.web.guard import Reader, TheSite
from tidegate.web.pages.fleet import at_a_glance, details
from tidegate.web.site import Site
from tidegate.web.views import ips as ips_view
from tidegate.web.views.events import SHOWN
from tidegate.web.views.glance import Glance
from tidegate.web.views.overview import SHOWN as IPS_SHOWN
from tidegate.web.views.overview import Overview
from tidegate.web.views.overview import overview as view_of

router = APIRouter(include_in_schema=False)


@router.get("/")
async def overview(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """One sentence, and what it rests on."""
    heard: Heard[tuple[dict[str, Any], list[dict[str, Any]]]] = await site.engine.hear(
        _status_and_leases, ({}, [])
    )
    status, held = heard.value
    view = await site.look(lambda session: _view(session, site, status, held, heard.trouble))
    return render.page(request, who, "overview", {"view": view, "trouble": ""})


def _status_and_leases(engine: EngineClient) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return engine.status(), engine.leases().get("leases", [])


def _view(
    session: Session, site: Site, status: dict[str, Any], held: list[dict[str, Any]], trouble: str
) -> Overview:
    now = site.clock.now()
    known = at_a_glance(session, site, now)
    shown = ips_view.matching(ips_view.Query(), known)[:IPS_SHOWN]
    facts = Glance(
        now=now,
        fleet=known,
        mode=site.config.controller.mode,
        engine=status,
        trouble=trouble,
        leases=held,
        orders=orders.standing(session, now),
        sources=[from_row(row) for row in health.load_all(session)],
        hours=site.tally.by_hour(),
        events=incidents.latest_events(session, SHOWN),
        changes=leases.latest_changes(session, SHOWN),
        acts=audit.entries(session, limit=SHOWN),
    )
    more = details(session, [one.source.address for one in shown], held, now)
    return view_of(facts, ips_view.rows_of(shown, known, more, now))
