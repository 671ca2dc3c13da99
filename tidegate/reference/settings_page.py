"""docs/reference/settings.md: every key of the configuration file."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from core.settings import Settings
from tidegate.config import schema
from tidegate.config.example import default_of, entry_model, flow
from tidegate.config.model import Config
from tidegate.reference.markdown import WRITTEN_BY, cell, table

_LONGEST = 60
Row = tuple[str, str, str]
Told = dict[type[BaseModel], str]
"""Where the keys of each kind of entry are told."""

_HEAD = (
    "Every key of the configuration file. `tidegate config example` prints them as a file; `tidegate "
    "check-config` finds mistakes. `NAME` stands for a name of yours, `[]` for each entry of a list, and … "
    "for a default that is too long for this page. Of settings that may stand in several places the keys are "
    "told once."
)


def page() -> str:
    """The whole page, one table for each part of the file."""
    parts = [
        "# Settings",
        WRITTEN_BY,
        _HEAD,
        *_parts(),
    ]
    return "\n\n".join(parts) + "\n"


def _parts() -> Iterator[str]:
    told: dict[type[BaseModel], str] = {}
    for key, info in schema.options(Config).items():
        yield f"## {key}"
        yield table(("key", "default", ""), list(_rows(key, info, told)))


def _rows(path: str, info: FieldInfo, told: Told) -> Iterator[Row]:
    place = schema.shape(info.annotation)
    inner = next((one for one in place if schema.is_model(one)), None)
    entry, many = entry_model(place)
    said = cell(info.description or "")
    if inner is not None and entry is None:
        yield f"`{path}`", "", said
        yield from _below(path, inner, told)
        return
    elsewhere = f" Its keys are those of `{told[entry]}`." if entry in told else ""
    yield f"`{path}`", _default(path, info), said + _words(place) + elsewhere
    if entry is not None:
        yield from _below(f"{path}[]" if many else f"{path}.NAME", entry, told)


def _below(path: str, model: type[BaseModel], told: Told) -> Iterator[Row]:
    if model in told or not issubclass(model, Settings):
        return
    told[model] = path
    for key, info in schema.options(model).items():
        yield from _rows(f"{path}.{key}", info, told)


def _default(path: str, info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if SecretStr in schema.shape(info.annotation):
        return ""
    value: Any = default_of(path.rpartition(".")[2], info)
    if value is None:
        return ""
    text = flow(value)
    return f"`{cell(text)}`" if len(text) <= _LONGEST else "…"


def _words(place: schema.Shape) -> str:
    words = schema.words(place)
    return f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
