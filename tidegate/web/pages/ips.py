"""Source IPs, and one of them over time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from core.address import IpAddress, SourceIp
from core.errors import NotFoundError
from core.lease import Scope
from core.limit import LimitChain
from storage import audit, incidents, leases, orders, readings, scopes
from tidegate.cli.story import Teller
from tidegate.client import EngineClient
from tidegate.web import render
from tidegate.web.engine_desk import Heard
from tidegate.web.guard import Reader, TheSite
from tidegate.web.pages.fleet import at_a_glance, details
from tidegate.web.site import Site
from tidegate.web.views import ip as ip_view
from tidegate.web.views import ips as ips_view
from tidegate.web.views.strips import DAYS

router = APIRouter(include_in_schema=False)

_ACTS = 30


@router.get("/ips")
async def ips(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """A page of IPs, filtered and sorted here."""
    asked = ips_view.query(request.query_params)
    heard: Heard[list[dict[str, Any]]] = await site.engine.hear(
        lambda engine: engine.leases().get("leases", []), []
    )
    view = await site.look(lambda session: _view(session, site, asked, heard.value))
    return render.page(request, who, "ips", {"view": view, "trouble": heard.trouble})


def _view(session: Session, site: Site, asked: ips_view.Query, held: list[dict[str, Any]]) -> ips_view.Ips:
    now = site.clock.now()
    known = at_a_glance(session, site, now)
    found = ips_view.matching(asked, known)
    shown = ips_view.page_of(asked, found)
    more = details(session, [one.source.address for one in shown], held, now)
    return ips_view.ips(asked, known, len(found), ips_view.rows_of(shown, known, more, now))


@router.get("/ips/{address}")
async def ip(request: Request, who: Reader, site: TheSite, address: IpAddress) -> HTMLResponse:
    """One IP. Raises NotFoundError for one that is in no list."""
    listed_in, source = _listed(site, address)
    now = site.clock.now()
    facts = await site.look(lambda session: _facts(session, listed_in, source, now))
    heard = await site.engine.hear(lambda engine: _of_engine(engine, site, source.address), None)
    if heard.value is not None:
        held, chains, stories = heard.value
        facts = replace(facts, leases=held, chains=chains, stories=stories)
    view = ip_view.ip(replace(facts, trouble=heard.trouble))
    return render.page(request, who, "ip", {"view": view, "trouble": heard.trouble})


def _listed(site: Site, address: IpAddress) -> tuple[str, SourceIp]:
    for name, sources in site.config.ip_lists.items():
        for source in sources:
            if source.address == address:
                return name, source
    raise NotFoundError(f"{address} is in no ip-list of the configuration")


def _facts(session: Session, listed_in: str, source: SourceIp, now: datetime) -> ip_view.Facts:
    address, since = source.address, now - timedelta(days=DAYS)
    latest = readings.latest_for(session, address)
    histories = {one.series: readings.history(session, address, one.source, one.metric) for one in latest}
    return ip_view.Facts(
        ip=address,
        listed_in=listed_in,
        bind=source.bind,
        now=now,
        readings=latest,
        histories={series: found for series, found in histories.items() if found},
        incidents=incidents.between(session, since, now, [address]),
        changes=leases.lease_history(session, now - ip_view.SHOWN, address),
        acts=audit.entries(session, now - ip_view.SHOWN, _ACTS, about=str(address)),
        orders=[one for one in orders.standing(session, now) if one.source_ip in {None, address}],
        hours=scopes.hours(session, now - ip_view.SHOWN, address),
    )


def _of_engine(
    engine: EngineClient, site: Site, address: IpAddress
) -> tuple[list[dict[str, Any]], list[LimitChain], list[dict[str, Any]]]:
    teller = _teller(engine, site, address)
    every = engine.leases().get("leases", [])
    held = [one for one in every if one["scope"]["source_ip"] == str(address)]
    chains = [chain for scope in teller.scopes for chain in engine.explain(str(address), scope.provider)]
    told = list(dict.fromkeys([Scope(source_ip=address), *teller.scopes]))
    return held, chains, [teller.tell(scope) for scope in told]


def _teller(engine: EngineClient, site: Site, address: IpAddress) -> Teller:
    kept, config = site.records_of("web"), site.config
    return Teller(kept, engine, address, config.controller, config.protected_ips)
