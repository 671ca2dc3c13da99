"""Where the engine's control API is, out of a configuration file, without reading the rest of it.

A command that asks the engine one thing shall not wait for every settings model to be built. Where this sees
anything out of the ordinary it says nothing, and the whole reader (`peek.access`) says what is wrong.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import yaml

from core.errors import ConfigError
from tidegate.config.environment import resolver

DEFAULT_LISTEN: Final = "unix:data/control.sock"
_SCOPES: Final = ("read", "operate", "admin")
_TEXT: Final = "tag:yaml.org,2002:str"
_MOST_BYTES: Final = 512 * 1024
# libyaml's parser is an order of magnitude faster, and yaml has it only where it was built with it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Odd(Exception):  # noqa: N818 - never leaves this file
    """Something that only the whole reader can judge."""


def find(path: str, environ: Mapping[str, str] | None = None) -> tuple[str, str | None] | None:
    """The address and the strongest token; None where the whole file has to be read to tell."""
    file = Path(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            return None
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=_LOADER)
        api = _child(_child(root, "engine"), "control-api")
        fill = resolver(os.environ if environ is None else environ)
        listen = _text(_child(api, "listen"), DEFAULT_LISTEN)
        if listen.startswith("unix:"):
            return listen, None
        return listen, _strongest(_child(api, "tokens"), file.parent, fill)
    except (OSError, ValueError, yaml.YAMLError, ConfigError, _Odd):
        return None


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if node is None:
        return None
    if not isinstance(node, yaml.MappingNode):
        raise _Odd
    found = [value for key, value in node.value if key.value == name]
    if len(found) > 1:
        raise _Odd
    return found[0] if found else None


def _text(node: yaml.Node | None, otherwise: str | None = None) -> str:
    if node is None and otherwise is not None:
        return otherwise
    if not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT or "${" in node.value:
        raise _Odd
    return str(node.value)


def _strongest(tokens: yaml.Node | None, folder: Path, fill: Callable[[str], str]) -> str:
    if not isinstance(tokens, yaml.SequenceNode) or not tokens.value:
        raise _Odd
    best = max(tokens.value, key=lambda one: _SCOPES.index(_text(_child(one, "scope"), "read")))
    written, file = _child(best, "token"), _child(best, "token-file")
    if (written is None) == (file is None):
        raise _Odd
    if file is not None:
        found = (folder / _text(file)).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    else:
        found = fill(written.value) if isinstance(written, yaml.ScalarNode) else ""
    if not found:
        raise _Odd
    return found
