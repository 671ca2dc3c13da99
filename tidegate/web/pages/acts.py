"""Acts by hand: a page that says what would happen and asks why, and the act. No GET changes anything."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from core.errors import OperatorError, PeerError
from tidegate.acts import limits
from tidegate.web import render
from tidegate.web.doing import Asked, do
from tidegate.web.engine_desk import Heard
from tidegate.web.guard import Operator, TheForm, TheSite, Written
from tidegate.web.pages.signing_in import local
from tidegate.web.planning import plan_of
from tidegate.web.problems import ProblemError
from tidegate.web.sessions import Session
from tidegate.web.site import Site
from tidegate.web.views import acts as acts_view
from tidegate.web.views.acts import ACTS, ActKind

router = APIRouter(include_in_schema=False)


@router.get("/acts/{kind}")
async def show(request: Request, site: TheSite, who: Operator, kind: ActKind) -> HTMLResponse:
    """What the act does, what holds now, and the form."""
    _refuse_without_role(who, kind)
    given = dict(request.query_params)
    view = acts_view.form(kind, given, _back(given), about=await _about(site, given.get("key", "")))
    return render.page(request, who, "act", {"view": view, "trouble": ""})


@router.post("/acts/{kind}")
async def act(
    request: Request, site: TheSite, who: Operator, _own_form: Written, form: TheForm, kind: ActKind
) -> Response:
    """Do it, and go back to where it was asked for; what is wrong is said in the form."""
    _refuse_without_role(who, kind)
    back = _back(form)
    try:
        who.notice = await do(site, who, kind, Asked(form))
    except (OperatorError, PeerError) as error:
        return _mistaken(request, who, kind, form, error)
    return RedirectResponse(quote(back, safe="/?&=:%*.-_~"), HTTPStatus.SEE_OTHER)


@router.post("/acts/{kind}/plan")
async def plan(
    request: Request, site: TheSite, who: Operator, _own_form: Written, form: TheForm, kind: ActKind
) -> HTMLResponse:
    """The same form, and what it would do. Nothing is changed."""
    _refuse_without_role(who, kind)
    try:
        found = await plan_of(site, who, kind, Asked(form))
    except (OperatorError, PeerError) as error:
        return _mistaken(request, who, kind, form, error)
    about = await _about(site, form.get("key", ""))
    view = acts_view.form(kind, form, _back(form), about=about, plan=found)
    return render.page(request, who, "act", {"view": view, "trouble": ""})


def _mistaken(
    request: Request, who: Session, kind: ActKind, form: Mapping[str, str], error: Exception
) -> HTMLResponse:
    view = acts_view.form(kind, form, _back(form), str(error))
    return render.page(request, who, "act", {"view": view, "trouble": ""}, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _about(site: Site, key: str) -> str:
    if not key:
        return ""
    heard: Heard[list[dict[str, Any]]] = await site.engine.hear(
        lambda engine: limits.leases_of(engine, key, None), []
    )
    return acts_view.about(heard.value[0]) if heard.value else heard.trouble or f"there is no lease {key}"


def _refuse_without_role(who: Session, kind: ActKind) -> None:
    wanted = ACTS[kind].scope
    if not who.may(wanted):
        raise ProblemError(
            HTTPStatus.FORBIDDEN, f"{who.name} is signed in with scope {who.scope}; this needs {wanted}"
        )


def _back(given: Mapping[str, str]) -> str:
    return local(given.get("back") or "/leases")
