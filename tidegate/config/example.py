"""`config.example.yaml`, written from the models: every setting, its default, and its sentence."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from core.duration import format_duration
from core.settings import Settings
from tidegate.config import schema
from tidegate.config.yaml_reader import read_yaml

_WIDTH = 100
_STEP = "  "
_HEADER = """\
# Tidegate's configuration: every setting with its default. What you leave out keeps the default, so a
# short file is a good file. Check yours with `tidegate check-config FILE`.
#
# Rates: 500/h, 10/m, 100/15m or unlimited. Durations: 300s, 90m, 2h, 1w2d12h.
# ${NAME} in a value is filled in from the environment; $${ stands for the characters ${ themselves.
# Every secret can be read from a file instead: key-file: PATH for key:, token-file: for token:, and so on.
# PATH of a secret and of an include is relative to this file; other paths to the working directory.
# Anchors, aliases, tags and repeated keys are refused. Lines with `#>` show the keys of an entry.
"""
_IP_LISTS = """\
#> marketing: [203.0.113.7, 203.0.113.16/30, {include: more-ips.txt}]
#> transactional:
#>   - {address: 203.0.113.8, bind: 10.0.0.8}"""
_NAMES = {
    "NotificationRoute": "on-call",
    "routes": "example.com",
    "providers": "microsoft",
    "domains": "example.com",
}
_REQUIRED = {"reply": '"/TSS04/"', "actions": "[mode=backoff]", "zone": "dnsbl.example.com", "name": "main"}


def example(model: type[BaseModel]) -> str:
    """The whole file, ending in a line end."""
    defaults = model().model_dump(mode="json", by_alias=True)
    plan = _Writer(None)
    list(plan.mapping(model, defaults, ""))
    lines = list(_Writer(plan.shown).mapping(model, defaults, ""))
    return _HEADER + "\n".join(lines) + "\n"


class _Writer:
    """Walks models and their default values side by side.

    The keys of each model's entries are shown once: where a default has one (`elsewhere`, found by a first
    walk), else as a comment.
    """

    def __init__(self, elsewhere: dict[type[BaseModel], str] | None) -> None:
        self.shown: dict[type[BaseModel], str] = {}
        self._elsewhere = elsewhere

    def mapping(self, model: type[BaseModel], values: Mapping[str, Any], indent: str) -> Iterator[str]:
        for key, info in schema.options(model).items():
            if not indent:
                yield ""
            yield from self._setting(key, info, values.get(key), indent)

    def _setting(self, key: str, info: FieldInfo, value: Any, indent: str) -> Iterator[str]:
        yield from _sentence(info.description or "", indent)
        place = schema.shape(info.annotation)
        inner = next((one for one in place if schema.is_model(one)), None)
        if inner is not None and isinstance(value, dict):
            yield f"{indent}{_word(key)}:"
            yield from self.mapping(inner, value, indent + _STEP)
            return
        entry, many = entry_model(place)
        if entry is None:
            yield from _plain(key, value, indent)
            return
        if value:
            yield from self._entries(key, entry, value, indent)
        else:
            yield f"{indent}{_word(key)}: {flow(value)}"
        if self._elsewhere is not None:
            yield from self._template(key, entry, indent, listed=many)
        if key == "ip-lists":
            yield _IP_LISTS

    def _entries(self, key: str, entry: type[BaseModel], value: Any, indent: str) -> Iterator[str]:
        """Default entries in full: of a mapping by name, of a list one after the other."""
        yield f"{indent}{_word(key)}:"
        if isinstance(value, dict):
            for name, one in value.items():
                if isinstance(one, list):
                    yield f"{indent}{_STEP}{_word(name)}:"
                    yield from _items(one, indent + _STEP * 2)
                    continue
                yield f"{indent}{_STEP}{_word(name)}:"
                self.shown.setdefault(entry, key)
                yield from self.mapping(entry, one, indent + _STEP * 2)
        else:
            yield from _items(value, indent + _STEP)

    def _template(self, key: str, entry: type[BaseModel], indent: str, *, listed: bool) -> Iterator[str]:
        """The keys of one entry as comments, the first time that the model appears."""
        if entry in self.shown or not issubclass(entry, Settings):
            return
        full = (self._elsewhere or {}).get(entry)
        if full:
            yield f"{indent}#> {_entry_name(key, entry)}: the keys that {full} has"
            return
        self.shown[entry] = key
        values = {k: default_of(k, i) for k, i in schema.options(entry).items()}
        lines = list(self.mapping(entry, values, _STEP))
        if listed:
            first = next(n for n, line in enumerate(lines) if not line.lstrip().startswith("#"))
            lines[first] = f"- {lines[first][len(_STEP) :]}"
            yield from (f"{indent}#> {line}" for line in lines)
        else:
            yield f"{indent}#> {_entry_name(key, entry)}:"
            yield from (f"{indent}#> {line}" for line in lines)


def _entry_name(key: str, entry: type[BaseModel]) -> str:
    return _NAMES.get(entry.__name__, _NAMES.get(key, "NAME"))


def default_of(key: str, info: FieldInfo) -> Any:
    """The default as JSON values; of a secret none."""
    if info.is_required():
        return _Literal(_REQUIRED.get(key, "…"))
    if SecretStr in schema.shape(info.annotation):
        return None
    holder = info.get_default(call_default_factory=True)
    return _as_json(holder)


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {str(key): _as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(one) for one in value]
    if isinstance(value, timedelta):
        return format_duration(value)
    return value


class _Literal(str):
    """YAML text to print as it is."""

    __slots__ = ()


def entry_model(place: schema.Shape) -> tuple[type[BaseModel] | None, bool]:
    """The model of the entries of a mapping or a list, and whether entries form a list."""
    for one in place:
        arguments = get_args(one)
        if not arguments:
            continue
        origin: Any = get_origin(one)
        is_mapping = origin is dict
        inside = schema.shape(arguments[1] if is_mapping else arguments[0])
        model = next((part for part in inside if schema.is_model(part)), None)
        if model is not None:
            return model, not is_mapping
        deeper, listed = entry_model(inside)
        if deeper is not None:
            return deeper, listed
    return None, False


def _plain(key: str, value: Any, indent: str) -> Iterator[str]:
    line = f"{indent}{_word(key)}: {flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, list):
        yield line
        return
    yield f"{indent}{_word(key)}:"
    yield from _items(value, indent + _STEP)


def _items(values: list[Any], indent: str) -> Iterator[str]:
    for value in values:
        yield f"{indent}- {flow(value)}"


def flow(value: Any) -> str:  # noqa: PLR0911 - one line for each kind of value
    """A value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
    return _word(str(value))


def _word(text: str) -> str:
    """Plain where YAML reads it back as the same text, also inside brackets; else in double quotes."""
    risky = any(c in text for c in ",[]{}#\"'&*!|>%@`") or ": " in text or text != text.strip()
    if not risky and text:
        read = read_yaml(f"[{text}]", "")
        if not read.errors and read.data == [text]:
            return text
    return json.dumps(text, ensure_ascii=False)


def _sentence(text: str, indent: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - len(indent) - 2, break_long_words=False):
        yield f"{indent}# {line}"
