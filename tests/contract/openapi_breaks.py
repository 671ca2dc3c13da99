"""What a client of yesterday's OpenAPI document would trip over in today's. A decider: two documents in, sentences out.

Taken away is a break, added is none: a path, a method, a parameter, a field of an answer, a word of an enum that
may be sent. Demanded is a break: a new required parameter or field, a stronger role.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

_ROLES = ("", "alert", "read", "operate", "admin")
_DEEPEST = 12


def breaks(before: Document, after: Document) -> list[str]:
    """One sentence for each, beginning with `METHOD path`."""
    found = []
    for path, methods in before["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            now = after["paths"].get(path, {}).get(method)
            if now is None:
                found.append(f"{where}: it is gone")
            else:
                found += [f"{where}: {what}" for what in _operation(_Pair(before, after), operation, now)]
    return found


def unannounced(found: list[str], changelog: str) -> list[str]:
    """The breaks that no line under Unreleased tells of: `- breaking: … METHOD path …`."""
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## [")[0]
    told = [line for line in unreleased.splitlines() if line.lower().startswith("- breaking:")]
    return [one for one in found if not any(f"`{one.partition(': ')[0]}`" in line for line in told)]


class _Pair:
    """Two documents, to look references up in."""

    def __init__(self, before: Document, after: Document) -> None:
        self._documents = (before, after)

    def resolve(self, before: Schema, after: Schema) -> tuple[Schema, Schema]:
        return self._look_up(0, before), self._look_up(1, after)

    def _look_up(self, which: int, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._documents[which]
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


def _operation(pair: _Pair, before: Document, after: Document) -> Iterator[str]:
    if _role(after) > _role(before):
        yield "it needs a stronger role"
    yield from _parameters(pair, before.get("parameters", ()), after.get("parameters", ()))
    old, new = _body(before.get("requestBody")), _body(after.get("requestBody"))
    if new is not None and old is None and after["requestBody"].get("required"):
        yield "it demands a body"
    if old is not None and new is not None:
        yield from _sent(pair, old, new, "body", 0)
    for code, answer in before["responses"].items():
        if code.startswith("2"):
            if code not in after["responses"]:
                yield f"it answers {code} no more"
                continue
            old, new = _body(answer), _body(after["responses"][code])
            if old is not None and new is not None:
                yield from _answered(pair, old, new, "answer", 0)


def _role(operation: Document) -> int:
    named = [role for way in operation.get("security", ()) for roles in way.values() for role in roles]
    return max((_ROLES.index(role) for role in named if role in _ROLES), default=0)


def _body(holder: Document | None) -> Schema | None:
    content = (holder or {}).get("content", {})
    found: Schema | None = content.get("application/json", {}).get("schema")
    return found


def _parameters(pair: _Pair, before: Any, after: Any) -> Iterator[str]:
    new = {(one["in"], one["name"]): one for one in after}
    old = {(one["in"], one["name"]): one for one in before}
    for key, one in old.items():
        if key not in new:
            yield f"parameter {key[1]} is gone"
        else:
            yield from _sent(pair, one["schema"], new[key]["schema"], f"parameter {key[1]}", 0)
    for key, one in new.items():
        if one.get("required") and not old.get(key, {}).get("required"):
            yield f"parameter {key[1]} is required now"


def _sent(pair: _Pair, before: Schema, after: Schema, where: str, depth: int) -> Iterator[str]:
    """Where a value goes to us: what was taken must still be taken."""
    before, after = pair.resolve(before, after)
    if gone := _words(before) - _words(after):
        yield f"{where} takes {', '.join(sorted(gone))} no more"
    if not _types(pair, before, 0) <= _types(pair, after, 1):
        yield f"{where} takes another type"
    for name in sorted(set(after.get("required", ())) - set(before.get("required", ()))):
        yield f"{where}.{name} is required now"
    yield from _inside(pair, before, after, where, depth, _sent)


def _answered(pair: _Pair, before: Schema, after: Schema, where: str, depth: int) -> Iterator[str]:
    """Where a value comes from us: what was promised must still come."""
    before, after = pair.resolve(before, after)
    if not _types(pair, after, 1) <= _types(pair, before, 0):
        yield f"{where} has another type"
    for name in sorted(set(before.get("required", ())) - set(after.get("required", ()))):
        if name in after.get("properties", {}):
            yield f"{where}.{name} may be missing now"
    yield from _inside(pair, before, after, where, depth, _answered)


def _inside(pair: _Pair, before: Schema, after: Schema, where: str, depth: int, walk: Any) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    new = after.get("properties", {})
    for name, old in before.get("properties", {}).items():
        if name not in new:
            yield f"{where}.{name} is gone"
        else:
            yield from walk(pair, old, new[name], f"{where}.{name}", depth + 1)
    if "items" in before and "items" in after:
        yield from walk(pair, before["items"], after["items"], f"{where}[]", depth + 1)
    options = _options(after)
    for old in _options(before):
        same = [new for new in options if _name(new) == _name(old)]
        if same:
            yield from walk(pair, old, same[0], where, depth + 1)


def _options(schema: Schema) -> list[Schema]:
    return [option for key in ("anyOf", "oneOf") for option in schema.get(key, ())]


def _name(schema: Schema) -> Any:
    return schema.get("$ref") or (schema.get("type"), schema.get("format"))


def _words(schema: Schema) -> set[str]:
    return {str(word) for word in schema.get("enum", ())} | (
        {str(schema["const"])} if "const" in schema else set()
    )


def _types(pair: _Pair, schema: Schema, which: int) -> set[str]:
    """The JSON types that a schema lets through; one that says nothing lets all through."""
    every = {"string", "number", "integer", "boolean", "array", "object", "null"}
    schema = pair.resolve(schema, schema)[which]
    if options := _options(schema):
        return {kind for option in options for kind in _types(pair, option, which)}
    named = schema.get("type")
    if named is None:
        return every
    return {named} if isinstance(named, str) else set(named)
