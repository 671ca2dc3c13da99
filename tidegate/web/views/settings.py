"""The settings that hold, and where each comes from: a default, or a line of the file. Never a secret."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from core.address import SourceIp
from core.duration import format_duration
from core.text import printable
from tidegate.config import schema
from tidegate.config.model import Config
from tidegate.config.yaml_reader import Path, dotted

DEFAULT: Final = "default"
_MOST = 12
"""Of a longer list the page shows so many entries, and how many there are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    value: str
    origin: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the file."""

    name: str
    settings: tuple[Setting, ...]
    written: int

    @property
    def words(self) -> str:
        count = len(self.settings)
        return f"{count} setting{'' if count == 1 else 's'}, {self.written} from the file"


@dataclass(frozen=True, slots=True)
class SettingsView:
    """The page; `text` is what names or values must contain, `written` leaves the defaults out."""

    text: str
    written_only: bool
    address: str
    sections: tuple[Section, ...]
    count: int


def settings(config: Config, places: Mapping[Path, str], text: str, *, written_only: bool) -> SettingsView:
    """The page."""
    sections = []
    for name in Config.model_fields:
        found = [
            one
            for one in _walk(getattr(config, name), (name.replace("_", "-"),), places)
            if (text.lower() in one.name or text.lower() in one.value.lower())
            and not (written_only and one.is_default)
        ]
        if found:
            written = sum(not one.is_default for one in found)
            sections.append(Section(name.replace("_", "-"), tuple(found), written))
    count = sum(len(section.settings) for section in sections)
    return SettingsView(text, written_only, "/settings", tuple(sections), count)


def origin_of(path: Path, places: Mapping[Path, str]) -> str:
    """The line that sets a place, or that of what it was made from: an entry that is a word, a whole list."""
    if path in places:
        return places[path]
    for length in range(len(path) - 1, 0, -1):
        entry, around = path[: length + 1], path[:length]
        if isinstance(path[length], int) and around in places:
            is_mapping = any(len(place) > len(entry) and place[: len(entry)] == entry for place in places)
            return DEFAULT if is_mapping else places.get(entry, places[around])
    return DEFAULT


def _walk(value: Any, path: Path, places: Mapping[Path, str]) -> Iterator[Setting]:
    if _is_mapping(value):
        yield from _fields(value, path, places)
    elif isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _walk(one, (*path, str(key)), places)
    elif isinstance(value, tuple | list) and any(_is_mapping(one) for one in value):
        for number, one in enumerate(value[:_MOST]):
            yield from _walk(one, (*path, number), places)
        if len(value) > _MOST:
            yield _setting(path, f"… and {len(value) - _MOST:,} more", places)
    else:
        yield _setting(path, _text(value), places)


def _fields(model: BaseModel, path: Path, places: Mapping[Path, str]) -> Iterator[Setting]:
    for name, info in type(model).model_fields.items():
        key, value = info.alias or name, getattr(model, name)
        if SecretStr in schema.shape(info.annotation):
            yield _setting((*path, key), "unset" if value is None else "set, and not shown", places)
        else:
            yield from _walk(value, (*path, key), places)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, BaseModel) and not isinstance(value, SourceIp)


def _setting(path: Path, value: str, places: Mapping[Path, str]) -> Setting:
    origin = origin_of(path, places)
    return Setting(dotted(path), printable(value, 500), origin, origin == DEFAULT)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return format_duration(value)
        case SourceIp():
            return str(value.address) + ("" if value.bind == value.address else f" (binds to {value.bind})")
        case Enum():
            return str(value.value)
        case tuple() | list() | set() | frozenset():
            shown = [_text(one) for one in list(value)[:_MOST]]
            more = f", … and {len(value) - _MOST:,} more" if len(value) > _MOST else ""
            return ", ".join(shown) + more or "none"
        case _:
            return "none" if value is None else str(value) or "none"
