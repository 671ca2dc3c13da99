"""docs/reference/commands.md."""

from collections.abc import Iterable
from itertools import groupby

from tidegate.reference.commands import Command, Word, commands, root_options
from tidegate.reference.markdown import WRITTEN_BY, cell, table


def page() -> str:
    """The whole page."""
    parts = [
        "# Commands",
        WRITTEN_BY,
        "`tidegate COMMAND --help` says the same. Then: [exit codes and errors](exit-codes-and-errors.md).",
        "## What every command takes",
        _words(root_options()),
        *_sections(commands()),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(found: Iterable[Command]) -> Iterable[str]:
    for title, group in groupby(found, lambda one: one.section):
        yield f"## {title}"
        for one in group:
            yield from _command(one)


def _command(one: Command) -> Iterable[str]:
    yield f"### {one.name}"
    yield f"```\n{one.usage}\n```"
    yield one.help
    if words := [*one.arguments, *one.options]:
        yield _words(words)
    if one.examples:
        yield "```sh\n" + "\n".join(one.examples) + "\n```"


def _words(words: Iterable[Word]) -> str:
    return table(("", "", "default"), map(_row, words))


def _row(one: Word) -> tuple[str, str, str]:
    default = f"`{cell(one.default)}`" if one.default else ""
    return f"`{cell(one.written)}`", cell(one.help), default
