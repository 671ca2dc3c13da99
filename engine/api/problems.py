"""Errors as RFC 9457 problem documents."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core.errors import ConflictError, NotFoundError, OperatorError, SpoolError
from core.problem import MEDIA_TYPE, type_of

_STATUS: dict[type[Exception], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    OperatorError: HTTPStatus.UNPROCESSABLE_ENTITY,
    SpoolError: HTTPStatus.INSUFFICIENT_STORAGE,
}


class PreconditionFailed(OperatorError):  # noqa: N818 - the name of the HTTP status
    """The lease is not the one that the client has seen."""


class Unauthorised(OperatorError):  # noqa: N818 - the name of the HTTP status
    """No token, or one that we do not know."""


class Forbidden(OperatorError):  # noqa: N818 - the name of the HTTP status
    """The token may not do this."""


class TooManyRequests(OperatorError):  # noqa: N818 - the name of the HTTP status
    """The token asks more often than it may; `wait` in seconds."""

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


_STATUS |= {
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    Unauthorised: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
}


def problem(status: HTTPStatus, detail: str, **more: Any) -> JSONResponse:
    """One problem document; `type` is a stable name for programs."""
    body = {
        "type": type_of(status),
        "title": status.phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ours, of validation and of routing as a problem document."""
    for kind, status in _STATUS.items():
        app.add_exception_handler(kind, _handler(status))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _handler(status: HTTPStatus) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handle(_request: Request, error: Exception) -> JSONResponse:
        answer = problem(status, str(error))
        if isinstance(error, TooManyRequests):
            answer.headers["Retry-After"] = str(error.wait)
        return answer

    return handle


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI dispatches by this type
    errors = [
        {"pointer": "/" + "/".join(str(part) for part in e["loc"]), "detail": e["msg"]}
        for e in error.errors()
    ]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is not valid", errors=errors)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by this type
    return problem(HTTPStatus(error.status_code), str(error.detail))
