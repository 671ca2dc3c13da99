"""docs/reference/exit-codes-and-errors.md."""

import re
from http import HTTPStatus
from typing import Any, Final

import core.errors
from core.problem import type_of
from engine.api.app import routed as engine_routed
from tidegate.cli.exit_codes import ExitCode
from tidegate.reference.markdown import WRITTEN_BY, cell, table
from tidegate.web.app import routed as watch_routed

_MEANINGS: Final = {
    HTTPStatus.BAD_REQUEST: "The body cannot be read at all.",
    HTTPStatus.UNAUTHORIZED: "No token, or one that is not known.",
    HTTPStatus.FORBIDDEN: "The token's role does not allow it.",
    HTTPStatus.NOT_FOUND: "There is no such queue, lease, VirtualMTA, IP.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time.",
    HTTPStatus.CONFLICT: "The thing is as it is: an operator holds it, or a newer controller does.",
    HTTPStatus.PRECONDITION_FAILED: "It has changed since you read it (If-Match); read it again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is longer than is taken.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A part of the request makes no sense; `errors` says which, and why.",
    HTTPStatus.TOO_MANY_REQUESTS: "The token asks too often; `Retry-After` says when to come back.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not now; `detail` says why.",
    HTTPStatus.INSUFFICIENT_STORAGE: "No room on the disk; nothing was taken.",
}

_OTHER_CODES: Final = (
    "With `--nagios` a command ends as Nagios and Icinga expect: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. "
    "A command that is stopped with Ctrl-C ends with 130."
)
_PROBLEMS: Final = (
    "Every error is an RFC 9457 problem document, `application/problem+json`: `type`, `title`, `status`, "
    "`detail`, and `errors` with a `pointer` into the request for each part. `type` is for programs and does "
    "not change."
)


def page() -> str:
    """The whole page."""
    parts = [
        "# Exit codes and errors",
        WRITTEN_BY,
        "## Exit codes of `tidegate`",
        table(("code", "meaning"), [(f"`{int(one)}`", cell(one.meaning)) for one in ExitCode]),
        _OTHER_CODES,
        "## Errors of the HTTP APIs",
        _PROBLEMS,
        table(("type", "status", "meaning"), [_kind(status) for status in _answered()]),
        "## Errors in the code",
        "Drawn by whose fault it is (`core/errors.py`):",
        f"```\n{_tree()}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _kind(status: HTTPStatus) -> tuple[str, str, str]:
    return f"`{type_of(status)}`", str(int(status)), cell(_MEANINGS[status])


def _answered() -> list[HTTPStatus]:
    """Every status of a problem that either document names."""
    documents: list[dict[str, Any]] = [engine_routed().openapi(), watch_routed().openapi()]
    codes = {
        int(code)
        for document in documents
        for methods in document["paths"].values()
        for operation in methods.values()
        for code in operation["responses"]
        if re.fullmatch(r"[45]\d\d", code)
    }
    return [HTTPStatus(code) for code in sorted(codes)]


def _tree() -> str:
    return (core.errors.__doc__ or "").partition("\n\n")[2].strip()
