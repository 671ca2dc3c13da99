"""From views to HTML, by the templates in templates/web."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from tidegate.web.assets import Assets
from tidegate.web.guard import LIVE
from tidegate.web.sessions import Session
from tidegate.web.settings import WebScope

PLACES: Final = (
    ("/", "Overview"),
    ("/ips", "IPs"),
    ("/queues", "Queues"),
    ("/leases", "Leases"),
    ("/incidents", "Incidents"),
    ("/digest", "Digest"),
    ("/sources", "Sources"),
    ("/audit", "Audit"),
    ("/settings", "Settings"),
)


@cache
def environment() -> Environment:
    """Jinja2 that escapes everything and knows no undefined name."""
    return Environment(
        loader=PackageLoader("templates", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(
    request: Request,
    who: Session,
    template: str,
    facts: Mapping[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    """One page for somebody who is signed in."""
    shared = {
        "who": who,
        "may_operate": who.may(WebScope.OPERATE),
        "may_administer": who.may(WebScope.ADMIN),
        "notice": "" if LIVE in request.headers else who.take_notice(),
        "places": [(path, name, _is_here(request.url.path, path)) for path, name in PLACES],
    }
    return _answer(request, template, {**shared, **facts}, status)


def plain(
    request: Request, template: str, facts: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
) -> HTMLResponse:
    """A page for anybody: signing in, and errors."""
    return _answer(request, template, {**facts, "who": None}, status)


def _answer(request: Request, template: str, facts: Mapping[str, Any], status: HTTPStatus) -> HTMLResponse:
    assets: Assets = request.app.state.assets
    text = environment().get_template(f"{template}.html.j2").render(assets=assets, **facts)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


def _is_here(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(f"{place}/"))
