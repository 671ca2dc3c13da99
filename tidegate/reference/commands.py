"""The command line as values: each command with its words, for the page and the manual."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from tidegate.cli.app import app
from tidegate.cli.sections import SECTIONS


@dataclass(frozen=True, slots=True)
class Word:
    """An argument or an option: how it is written, what it does, what it is without being given."""

    written: str
    help: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One command that does something."""

    name: str
    section: str
    usage: str
    help: str
    arguments: tuple[Word, ...]
    options: tuple[Word, ...]
    examples: tuple[str, ...]


def commands() -> list[Command]:
    """Every command, in the order of `tidegate --help`."""
    root: Any = get_command(app)
    found = [
        one for name in root.list_commands(None) for one in _walk(root.commands[name], f"tidegate {name}")
    ]
    return [one for one in found if one is not None]


def root_options() -> tuple[Word, ...]:
    """What every command takes."""
    root: Any = get_command(app)
    return tuple(_option(one) for one in root.params if not one.hidden)


def _walk(command: Any, path: str) -> Iterator[Command]:
    if hasattr(command, "commands"):
        for name in command.list_commands(None):
            yield from _walk(command.commands[name], f"{path} {name}")
    elif not command.hidden:
        yield _command(command, path)


def _command(command: Any, path: str) -> Command:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    first = path.split()[1]
    return Command(
        name=path,
        section=next((title for title, names in SECTIONS.items() if first in names), "Other"),
        usage=" ".join([path, *map(_written, arguments), *(["[OPTIONS]"] if options else [])]),
        help=_paragraphs(command.help or ""),
        arguments=tuple(Word(_written(one), one.help or "") for one in arguments),
        options=tuple(map(_option, options)),
        examples=_examples(command.epilog or ""),
    )


def _written(argument: Any) -> str:
    shown = str(argument.metavar or argument.name.upper())
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _option(option: Any) -> Word:
    names = ", ".join(sorted(option.opts, key=len))
    if not option.is_flag:
        metavar = option.metavar or {"integer": "N", "float": "N"}.get(_kind(option), "TEXT")
        names += metavar if metavar.startswith("[") else f" {metavar}"
    default = option.default
    plain = default if isinstance(default, str | int | float) and not isinstance(default, bool) else ""
    said = option.help or ""
    return Word(names, f"{said} Required." if option.required else said, str(plain))


def _kind(option: Any) -> str:
    annotation = str(getattr(option.type_descriptor, "annotation", ""))
    return "integer" if "int" in annotation else "float" if "float" in annotation else "text"


def _paragraphs(text: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip())


def _examples(epilog: str) -> tuple[str, ...]:
    lines = epilog.partition("Examples:\n")[2].partition("\n\n")[0]
    return tuple(line.strip() for line in lines.splitlines() if line.strip())
