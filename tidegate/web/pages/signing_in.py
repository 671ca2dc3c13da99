"""Signing in with a token, and out."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from core.text import printable
from tidegate.web import render
from tidegate.web.access import Doorkeeper
from tidegate.web.guard import COOKIE, TheForm, TheSite, Written
from tidegate.web.settings import WebScope

router = APIRouter(include_in_schema=False)

_LONGEST: Final = 1_000


@router.get("/login")
async def show(request: Request) -> Response:
    """The form; it asks for one thing."""
    return render.plain(request, "login", {"next": local(request.query_params.get("next")), "problem": ""})


@router.post("/login")
async def sign_in(request: Request, site: TheSite, form: TheForm) -> Response:
    """A session for the holder of a token that may look at pages."""
    address = request.client.host if request.client else "socket"
    back = local(form.get("next"))
    if wait := site.patience.wait(address):
        said = f"too many wrong tokens; try again in {wait} s"
        facts = {"next": back, "problem": said}
        answer = render.plain(request, "login", facts, HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["Retry-After"] = str(wait)
        return answer
    keeper: Doorkeeper = request.app.state.doorkeeper
    found = keeper.recognise(form.get("token", ""))
    if found is None or not found.scope.allows(WebScope.READ):
        site.patience.failed(address)
        said = "this is no token of web.tokens that may look at pages (scope read, operate or admin)"
        return render.plain(request, "login", {"next": back, "problem": said}, HTTPStatus.FORBIDDEN)
    secret, _ = site.sessions.open(found.name, found.scope)
    redirect = RedirectResponse(back, HTTPStatus.SEE_OTHER)
    is_encrypted = request.url.scheme == "https"
    redirect.set_cookie(COOKIE, secret, httponly=True, samesite="strict", secure=is_encrypted)
    return redirect


@router.post("/logout")
async def sign_out(request: Request, site: TheSite, _who: Written) -> Response:
    """End the session."""
    site.sessions.close(request.cookies.get(COOKIE, ""))
    redirect = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    redirect.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return redirect


def local(wanted: str | None) -> str:
    """A place on this site: an address of another must not come out of a link to the sign-in page."""
    path = printable(wanted or "/", _LONGEST)
    is_here = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if is_here else "/"
