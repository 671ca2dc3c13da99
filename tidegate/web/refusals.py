"""What is answered when something is refused: RFC 9457 problem documents for programs, pages for people."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from core.errors import NotFoundError, OperatorError, PeerError
from monitor.alerts.alert import UnusableAlert
from tidegate.web import render
from tidegate.web.guard import SignInFirst, sign_in_first
from tidegate.web.problems import ProblemError, problem


def install(app: FastAPI) -> None:
    """Answer every error of ours and of routing: a page for a browser, a problem document for a program."""
    for kind, handle in _HANDLERS.items():
        app.add_exception_handler(kind, handle)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - FastAPI dispatches by this type
    return _said(request, error.status, str(error)) or problem(
        error.status, str(error), error.refusals, error.wait
    )


async def _unusable(_request: Request, error: Exception) -> Response:
    return problem(HTTPStatus.BAD_REQUEST, str(error))


async def _absent(request: Request, error: Exception) -> Response:
    return _answer(request, HTTPStatus.NOT_FOUND, str(error))


async def _away(request: Request, error: Exception) -> Response:
    return _answer(request, HTTPStatus.BAD_GATEWAY, str(error))


async def _busy(request: Request, error: Exception) -> Response:
    # the database is locked or full: whoever sent an alert must try again, and 5xx makes Alertmanager do so
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return _said(request, status, str(error)) or problem(status, str(error), wait=10)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by this type
    return _answer(request, HTTPStatus(error.status_code), str(error.detail))


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI dispatches by this type
    first = error.errors()[0]
    return _answer(request, HTTPStatus.NOT_FOUND, f"{first['loc'][-1]}: {first['msg']}")


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInFirst)  # noqa: S101 - FastAPI dispatches by this type
    return sign_in_first(request, error)


def _answer(request: Request, status: HTTPStatus, text: str) -> Response:
    return _said(request, status, text) or problem(status, text)


def _said(request: Request, status: HTTPStatus, text: str) -> Response | None:
    """A page with the sentence, for a browser."""
    if "text/html" not in request.headers.get("accept", ""):
        return None
    return render.plain(request, "error", {"status": status, "text": text}, status)


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    ProblemError: _problem,
    UnusableAlert: _unusable,
    SignInFirst: _sign_in,
    NotFoundError: _absent,
    PeerError: _away,
    OperatorError: _busy,
    HTTPException: _http,
    RequestValidationError: _unreadable,
}
