"""Errors of the watch process as RFC 9457 problem documents."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core.errors import OperatorError
from core.problem import MEDIA_TYPE, type_of
from monitor.alerts.alert import Refusal, UnusableAlert


class ProblemError(OperatorError):
    """A request that is refused: the status, the sentence, and what each part of the body is refused for."""

    def __init__(
        self, status: HTTPStatus, detail: str, refusals: Sequence[Refusal] = (), wait: int | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.refusals = refusals
        self.wait = wait


def problem(
    status: HTTPStatus, detail: str, refusals: Sequence[Refusal] = (), wait: int | None = None
) -> JSONResponse:
    """One problem document; `type` is a stable name for programs, `wait` the seconds until a new try."""
    body: dict[str, Any] = {
        "type": type_of(status),
        "title": status.phrase,
        "status": status,
        "detail": detail,
    }
    if refusals:
        body["errors"] = [{"pointer": one.pointer, "detail": one.detail} for one in refusals]
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if wait is not None:
        headers["Retry-After"] = str(wait)
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ours and of routing as a problem document."""
    for kind, handle in _HANDLERS.items():
        app.add_exception_handler(kind, handle)


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - FastAPI dispatches by this type
    return problem(error.status, str(error), error.refusals, error.wait)


async def _unusable(_request: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.BAD_REQUEST, str(error))


async def _busy(_request: Request, error: Exception) -> JSONResponse:
    # the database is locked or full: whoever sent an alert must try again, and 5xx makes Alertmanager do so
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), wait=10)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by this type
    return problem(HTTPStatus(error.status_code), str(error.detail))


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
    ProblemError: _problem,
    UnusableAlert: _unusable,
    OperatorError: _busy,
    HTTPException: _http,
}
