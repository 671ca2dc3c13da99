"""Who may see a page and who may act: a session's cookie, its role, and the secret in its forms."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import OperatorError
from tidegate.web.problems import ProblemError
from tidegate.web.sessions import Session
from tidegate.web.settings import WebScope
from tidegate.web.site import Site

COOKIE: Final = "tidegate_session"
LIVE: Final = "tidegate-live"
"""The header of a request that a page makes by itself: nobody has clicked."""

_LONGEST_FORM: Final = 16 * 1024
_MOST_FIELDS: Final = 40


class SignInFirst(OperatorError):  # noqa: N818 - reads as what is to be done
    """Nobody is signed in; after it they come back to where they wanted to go."""

    def __init__(self, back: str) -> None:
        super().__init__("sign in first")
        self.back = back


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def visitor(request: Request) -> Session:
    """Who is signed in. Raises SignInFirst."""
    secret = request.cookies.get(COOKIE, "")
    found = site_of(request).sessions.find(secret, counts=LIVE not in request.headers)
    if found is None:
        raise SignInFirst(request.url.path)
    return found


def needs(scope: WebScope) -> Any:
    """A dependency that lets through sessions with that role."""

    def check(who: Annotated[Session, Depends(visitor)]) -> Session:
        if not who.may(scope):
            raise ProblemError(
                HTTPStatus.FORBIDDEN, f"{who.name} is signed in with scope {who.scope}; this needs {scope}"
            )
        return who

    return Depends(check)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form as a page sends it. Raises ProblemError 413."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > _LONGEST_FORM:
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "this form is too long")
    try:
        return dict(parse_qsl(found.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "this is no form that a page has sent") from None


def written(
    who: Annotated[Session, Depends(visitor)], form: Annotated[dict[str, str], Depends(form_of)]
) -> Session:
    """Whose form one of our own pages has sent. Raises ProblemError."""
    if not who.wrote(form.get("csrf", "")):
        raise ProblemError(
            HTTPStatus.FORBIDDEN, "this form is not from a page of your session; open the page again"
        )
    return who


def sign_in_first(request: Request, error: SignInFirst) -> Response:
    """To the sign-in page, and from there back; a page that refreshes itself is sent there as a whole."""
    back = f"/login?next={error.back}" if error.back != "/" else "/login"
    if LIVE in request.headers or "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": back})
    return RedirectResponse(back, HTTPStatus.SEE_OTHER)


Reader = Annotated[Session, needs(WebScope.READ)]
Operator = Annotated[Session, needs(WebScope.OPERATE)]
TheSite = Annotated[Site, Depends(site_of)]
TheForm = Annotated[dict[str, str], Depends(form_of)]
Written = Annotated[Session, Depends(written)]
