"""YAML text to plain values that remember their lines.

Stricter than `yaml.safe_load`, which accepts alias bombs (294 bytes that become 10^8 items): aliases,
anchors, tags and repeated keys are refused, and so are files that are too long or too deep. Plain words mean
what YAML 1.2 says: only `true` and `false` are booleans, `12:30` is not a number, a date is text.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from core.errors import ConfigError
from tidegate.config.yaml_advice import advice

Path = tuple[str | int, ...]

MAX_BYTES = 512 * 1024
MAX_DEPTH = 32

_TAG = "tag:yaml.org,2002:"
_ALIAS = "!alias"
_QUOTE = 'if you meant text, put it in quotes: "*"'


@dataclass(slots=True)
class Document:
    """What one file holds. `blind`: places whose mistake is already in `errors`; say no more about them."""

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)
    blind: set[Path] = field(default_factory=set)

    def line(self, path: Path) -> int | None:
        """The line of a place, or of the nearest place around it."""
        return next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)

    def refuse(self, path: Path, problem: str, remedy: str = "", line: int | None = None) -> None:
        self.errors.append(
            ConfigError(
                problem, remedy=remedy, file=self.file, line=line or self.line(path), key=dotted(path)
            )
        )
        self.blind.add(path)


def dotted(path: Path) -> str:
    """`engine.listen[0]`, as messages name a place."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_yaml(text: str, file: str, resolve: Callable[[str], str] = lambda text: text) -> Document:
    """Parse `text`. `resolve` is applied to every text value and may raise ConfigError.

    Never raises: what is wrong is in the document's `errors`, with lines.
    """
    document = Document(file)
    if len(text) > MAX_BYTES:
        document.refuse(
            (), f"the file is longer than {MAX_BYTES // 1024} KiB", "move long IP lists to an include file"
        )
        return document
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        document.errors.append(_syntax(error, text, file))
        return document
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        document.errors.append(ConfigError(f"this is not YAML: {_one_line(error)}", file=file))
        return document
    document.errors += [ConfigError(p, remedy=r, file=file, line=n) for p, r, n in loader.refused]
    if node is not None:
        document.data = _Builder(document, resolve).value(node, ())
    return document


class _Loader(yaml.SafeLoader):
    """Composes nodes; notes anchors and aliases instead of following them; stops at a depth."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.refused: list[tuple[str, str, int]] = []
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self._refuse(f"the alias *{event.anchor} is refused: aliases are not used here", _QUOTE, event)
            return yaml.ScalarNode(_ALIAS, "", self.get_mark(), self.get_mark())
        if event.anchor is not None:
            self._refuse(
                f"the anchor &{event.anchor} is refused: anchors are not used here",
                "write the value out; if you meant text, put it in quotes",
                event,
            )
            event.anchor = None
        return self._compose_below(parent, index, event)

    def _compose_below(self, parent: Any, index: Any, event: Any) -> Any:
        if self._depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MAX_DEPTH} levels of nesting", problem_mark=event.start_mark
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def _refuse(self, problem: str, remedy: str, event: Any) -> None:
        self.refused.append((problem, remedy, event.start_mark.line + 1))


def _plain_words() -> None:
    _Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
        (
            "float",
            r"[-+]?(?:[0-9][0-9_]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
            "-+0123456789.",
        ),
    ):
        _Loader.add_implicit_resolver(_TAG + tag, re.compile(f"^(?:{pattern})$"), list(first))


_plain_words()


class _Builder:
    """Nodes to values, with the line of each place."""

    def __init__(self, document: Document, resolve: Callable[[str], str]) -> None:
        self._document = document
        self._resolve = resolve

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self._document.lines.setdefault(path, line)
        if node.tag == _ALIAS:
            self._document.blind.add(path)
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
            return self._scalar(node, path, line)
        self._document.refuse(path, f"the tag {node.tag} is refused", "leave the tag out", line)
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _ALIAS:
                if key_node.tag != _ALIAS:
                    self._document.refuse(path, "a key must be a plain word", "write key: value", line)
                continue
            key = str(key_node.value)
            place = (*path, key)
            if key in found:
                self._document.refuse(
                    place,
                    f"the key is written twice; the first is on line {self._document.lines[place]}",
                    "keep one of them",
                    line,
                )
                continue
            self._document.lines[place] = line
            if value_node.tag == _ALIAS:
                self._document.blind.add(place)  # no value: the default stands in, the file is refused anyway
                continue
            found[key] = self.value(value_node, place)
        return found

    def _scalar(self, node: yaml.ScalarNode, path: Path, line: int) -> Any:  # noqa: PLR0911 - one for each kind
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text.replace("_", ""))
                case "float":
                    return _finite(text)
                case "str":
                    return self._resolve(text)
        except ConfigError as error:
            self._document.refuse(path, error.problem, error.remedy, line)
            return text
        except ValueError:
            self._document.refuse(path, f"{text[:40]!r} is not a number that can be used", "", line)
            return None
        self._document.refuse(path, f"the tag !!{kind} is refused", "leave the tag out", line)
        return None


def _finite(text: str) -> float:
    number = float(text.replace("_", ""))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    source = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    problem, remedy = advice(error.context or "", error.problem or str(error), source)
    return ConfigError(problem, remedy=remedy, file=file, line=line)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
