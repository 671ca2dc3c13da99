"""Parts of a configuration, for commands that do not need its other parts or their secrets.

A shell without SNDS_KEY can still ask for queues and incidents: only mistakes in the wanted parts count.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from core.errors import ConfigError
from core.secret import Redactor
from engine.settings import ControlApiSettings, EngineSettings, TokenScope
from tidegate.config.environment import resolver
from tidegate.config.ip_lists import expand
from tidegate.config.load import read_file, validate
from tidegate.config.model import Config
from tidegate.config.problems import ConfigErrors
from tidegate.config.secrets import raw_secrets, read_secret_files
from tidegate.config.yaml_reader import Document, read_yaml

_CONTROL_API = "engine.control-api"
_UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Access:
    """Where an engine is and what opens it."""

    endpoint: str
    token: str | None


def sections(path: str, *names: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The named sections (Python names) of a file. Raises ConfigErrors for mistakes inside them."""
    document, found = _peek(path, environ)
    keys = [name.replace("_", "-") for name in names]
    _raise_below(document, keys)
    return {name: found[name] for name in names}


def access(path: str, environ: Mapping[str, str] | None = None) -> Access:
    """The control API of the file's engine, with its strongest token. Raises ConfigErrors."""
    document, found = _peek(path, environ)
    engine: EngineSettings | None = found.get("engine")
    if engine is None:
        _raise_below(document, ["engine"])
        raise ConfigErrors([ConfigError("the engine's part cannot be read", file=path)])
    api = engine.control_api
    if not api.listen.startswith(_UNIX):  # whoever may open a socket may do everything
        _raise_below(document, [_CONTROL_API])
    return Access(api.listen, None if api.listen.startswith(_UNIX) else _strongest(api))


def _strongest(api: ControlApiSettings) -> str | None:
    known = [one for one in api.tokens if one.token]
    best = max(known, key=lambda one: list(TokenScope).index(one.scope), default=None)
    return best.token.get_secret_value() if best and best.token else None


def _peek(path: str, environ: Mapping[str, str] | None) -> tuple[Document, dict[str, Any]]:
    document = read_yaml(
        read_file(FilePath(path)), path, resolver(os.environ if environ is None else environ)
    )
    document.data = document.data or {}
    if not isinstance(document.data, dict):
        raise ConfigErrors(document.errors or [ConfigError("the file must be a mapping", file=path)])
    read_secret_files(document, Config)
    expand(document)
    return document, validate(document, Redactor(raw_secrets(document.data, Config)))


def _raise_below(document: Document, keys: Iterable[str]) -> None:
    wanted = tuple(keys)
    errors = [error for error in document.errors if not error.key or error.key.startswith(wanted)]
    if errors:
        raise ConfigErrors(errors)
