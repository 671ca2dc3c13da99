"""The two HTTP APIs as a page: every operation of an OpenAPI document, without any viewer from elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path."""

    method: str
    path: str
    does: str
    parameters: tuple[tuple[str, str, str], ...]
    body: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Api:
    """One document; `document` is where its JSON is."""

    title: str
    version: str
    document: str
    groups: tuple[tuple[str, tuple[Operation, ...]], ...]


def api(told: Mapping[str, Any], address: str) -> Api:
    """One API by the tags of its operations."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            group = (one.get("tags") or ["other"])[0]
            groups.setdefault(group, []).append(_operation(method, path, one))
    listed = tuple((name, tuple(found)) for name, found in groups.items())
    return Api(told["info"]["title"], told["info"]["version"], address, listed)


def _operation(method: str, path: str, one: Mapping[str, Any]) -> Operation:
    parameters = tuple(
        (p["name"], p["in"] + (", required" if p.get("required") else ""), _type(p.get("schema", {})))
        for p in one.get("parameters", ())
    )
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        method=method.upper(),
        path=path,
        does=" ".join(str(one.get("description") or one.get("summary") or "").split()),
        parameters=parameters,
        body=_type(body) if body else "",
        answers=tuple(f"{status} {_answer(found)}".strip() for status, found in one["responses"].items()),
    )


def _answer(found: Mapping[str, Any]) -> str:
    schema = found.get("content", {}).get("application/json", {}).get("schema", {})
    return _type(schema) if schema else ""


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for many in ("anyOf", "oneOf"):
        if many in schema:
            return " or ".join(_type(one) for one in schema[many])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    found = str(schema.get("format") or schema.get("type") or "any")
    return f"{found}, default {schema['default']}" if schema.get("default") is not None else found
