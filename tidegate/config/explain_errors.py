"""pydantic's errors as sentences: where, what is wrong, what to write instead."""

import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from core.secret import Redactor
from tidegate.config import schema
from tidegate.config.problems import did_you_mean, shown
from tidegate.config.yaml_reader import Document, Path

_BEFORE_REMEDY = re.compile(r"; |: (?=to |write |use )")
_BOUNDS = {
    "greater_than_equal": ("is too small", "at least {ge}"),
    "greater_than": ("is too small", "more than {gt}"),
    "less_than_equal": ("is too large", "at most {le}"),
    "less_than": ("is too large", "less than {lt}"),
}
_KINDS = (
    (("int_", "less_than_int"), "is not a whole number", "write a number such as 10"),
    (("float_", "decimal_"), "is not a number", "write a number such as 0.5"),
    (("bool_",), "is neither true nor false", "write true or false"),
    (("string_type",), "is not a text", "put it in quotes"),
    (("list_type", "tuple_type", "set_type", "frozen_set_type"), "is not a list",
     "write [a, b], or one line with '- ' for each"),
    (("dict_type", "model_type", "model_attributes_type", "mapping_type"), "is not a mapping",
     "write key: value lines below it, indented"),
    (("ip_any_network", "ip_v4_network", "ip_v6_network"), "is not a network", "write it like 192.0.2.0/24"),
    (("ip_",), "is not an IP address", "write it like 203.0.113.7"),
    (("zoneinfo_",), "is not a time zone", "write it like Europe/Amsterdam or UTC"),
    (("datetime_", "timezone_"), "is not a time with its zone", "write it like 2026-11-23T08:00:00Z"),
    (("url_",), "is not a URL", "write it like https://host/path"),
    (("string_too_short", "too_short"), "is empty or too short", "write at least one"),
)  # fmt: skip


def explain(error: ValidationError, document: Document, model: type[BaseModel], hide: Redactor) -> None:
    """Add each of pydantic's errors to the document's, one for each place."""
    best: dict[Path, tuple[int, Mapping[str, Any]]] = {}
    errors = cast("list[dict[str, Any]]", error.errors(include_url=False))
    for one in errors:
        path = _place(one["loc"], document.data, one["type"])
        rank = 0 if one["type"] in {"value_error", "extra_forbidden"} else 1
        if path not in best or rank < best[path][0]:
            best[path] = (rank, one)
    for path, (_, chosen) in best.items():
        if any(path[:n] in document.blind for n in range(len(path) + 1)):
            continue
        if any(other[: len(path)] == path and other != path for other in best):
            continue  # a union: the branch that went deeper has more to say
        problem, remedy = _sentence(chosen, path, model)
        document.refuse(path, hide(problem), hide(remedy))


def _place(location: tuple[int | str, ...], data: Any, kind: str) -> Path:
    """pydantic's location without the steps that stand for unions, validators and keys."""
    path: list[str | int] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(data, dict) and (part in data or (last and kind == "missing")):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return tuple(path)


def _sentence(  # noqa: PLR0911 - one line for each kind of mistake
    one: Mapping[str, Any], path: Path, model: type[BaseModel]
) -> tuple[str, str]:
    kind, value, context = one["type"], one.get("input"), one.get("ctx", {})
    place = schema.at(model, path)
    if schema.is_secret(place):
        value = "***"
    if kind == "extra_forbidden":
        return _unknown(str(path[-1]), schema.known_keys(schema.at(model, path[:-1])))
    if kind == "missing":
        return "this key is missing", _description(model, path)
    if kind in {"value_error", "assertion_error"}:
        return split_remedy(str(context.get("error", one["msg"])))
    if kind in {"enum", "literal_error"}:
        return _one_of(value, schema.words(place))
    if kind in _BOUNDS:
        said, bound = _BOUNDS[kind]
        return f"{shown(value)} {said}", bound.format(**context)
    for starts, said, remedy in _KINDS:
        if kind.startswith(starts):
            return f"{_named(value)} {said}", remedy
    return f"{shown(value)} is refused: {one['msg']}", _description(model, path)


def _named(value: Any) -> str:
    if value is None:
        return "an empty value"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else shown(value)


def _unknown(key: str, known: list[str]) -> tuple[str, str]:
    if key.replace("_", "-") in known and "_" in key:
        return f"unknown key {key!r}", f"keys are written with hyphens: {key.replace('_', '-')}"
    meant = did_you_mean(key, known)
    listed = f"known here: {', '.join(sorted(known))}" if 0 < len(known) <= 12 else "remove it"
    return f"unknown key {key!r}", meant or listed


def _one_of(value: Any, known: list[str]) -> tuple[str, str]:
    meant = did_you_mean(value, known) if isinstance(value, str) else ""
    listed = f"write {', '.join(known[:-1])} or {known[-1]}" if len(known) > 1 else f"write {known[0]}"
    return f"{shown(value)} is not a word that is known here", "; ".join(filter(None, (meant, listed)))


def _description(model: type[BaseModel], path: Path) -> str:
    for one in schema.at(model, path[:-1]):
        if schema.is_model(one) and path[-1] in schema.options(one):
            return schema.options(one)[str(path[-1])].description or ""
    return ""


def split_remedy(sentence: str) -> tuple[str, str]:
    """Our own errors say the problem, then after `; ` or `: ` what to write."""
    parts = _BEFORE_REMEDY.split(sentence, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""
