"""Errors of the watch process as RFC 9457 problem documents."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from core.errors import OperatorError
from core.problem import MEDIA_TYPE, type_of
from monitor.alerts.alert import Refusal


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
