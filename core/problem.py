"""Errors over HTTP as RFC 9457 problem documents, and how an OpenAPI document tells of them."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field

MEDIA_TYPE: Final = "application/problem+json"
_PREFIX: Final = "urn:tidegate:"

ALWAYS: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
"""What any door that asks for a token may answer; 422 also for names in the query that it does not know."""


class PartProblem(BaseModel):
    """What is wrong with one part of a request; `pointer` is its place (RFC 6901)."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document; `type` is a stable name for programs, `detail` a sentence for people."""

    type: str = Field(pattern=f"^{_PREFIX}[a-z-]+$")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[PartProblem] | None = None
    warnings: list[str] | None = None


def type_of(status: HTTPStatus) -> str:
    """The stable name of a kind of problem: `urn:tidegate:not-found`."""
    return _PREFIX + status.phrase.lower().replace(" ", "-").replace("'", "")


def tell(document: dict[str, Any]) -> dict[str, Any]:
    """Complete an OpenAPI document, in place: every operation says which problems it may answer.

    FastAPI writes its own form of a validation error instead, which nobody here ever gets.
    """
    parts = document.setdefault("components", {})
    schemas, responses = parts.setdefault("schemas", {}), parts.setdefault("responses", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_schemas())
    for path, operation in _operations(document):
        for status in _possible(path, operation):
            responses[status.name.title().replace("_", "")] = _response(status)
            reference = f"#/components/responses/{status.name.title().replace('_', '')}"
            operation["responses"][str(int(status))] = {"$ref": reference}
    parts["responses"] = dict(sorted(responses.items()))
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document.get("paths", {}).items():
        for operation in methods.values():
            yield path, operation


def _possible(path: str, operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    """Every status of a problem that an operation may answer, by what it takes."""
    yield from (
        HTTPStatus(int(code)) for code in operation["responses"] if code.isdigit() and int(code) >= 400
    )
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if operation.get("security"):
        yield from ALWAYS
    if "{" in path or "ip" in names:
        yield HTTPStatus.NOT_FOUND
    if names or "requestBody" in operation:
        yield HTTPStatus.UNPROCESSABLE_ENTITY
    if "requestBody" in operation:
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if "if-match" in names:
        yield from (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)


def _response(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    found: dict[str, Any] = {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
    if status is HTTPStatus.UNAUTHORIZED:
        found["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        found["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return found


def _schemas() -> dict[str, Any]:
    whole = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**whole.pop("$defs"), Problem.__name__: whole}
