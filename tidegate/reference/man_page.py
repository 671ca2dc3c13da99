"""docs/man/tidegate.1, for man(1)."""

import textwrap
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Final

from tidegate.cli.exit_codes import ExitCode
from tidegate.reference.commands import Command, Word, commands, root_options

_DATE: Final = "2026-11-25"
_WIDE: Final = 70
_MARKS: Final = {"\\": "\\e", "-": "\\-", "–": "\\-", "…": "...", "×": "x"}
_ENVIRONMENT: Final = {
    "TIDEGATE_CONFIG": "The configuration; default config.yaml.",
    "TIDEGATE_ENDPOINT": "The engine: http://HOST:PORT or unix:PATH; else as configured.",
    "TIDEGATE_TOKEN": "The engine's bearer token.",
    "TIDEGATE_TOKEN_FILE": "A file that holds it.",
    "NO_COLOR": "If it is set, nothing is coloured.",
}
_FILES: Final = {
    "config.yaml": "The configuration, where no other is named.",
    "data/control.sock": "The engine's control API, unless engine.control-api.listen says otherwise.",
    "data/tidegate.db": "The records of the monitor and the controller.",
    "data/spool": "Mail that was accepted.",
}


def page() -> str:
    """The whole manual."""
    lines = [
        f'.TH TIDEGATE 1 "{_DATE}" "Tidegate {version("tidegate")}" "User Commands"',
        ".SH NAME",
        "tidegate \\- hold back the sending IP that is in trouble, where it is in trouble",
        ".SH SYNOPSIS",
        ".B tidegate",
        ".RI [ OPTIONS ]",
        ".I COMMAND",
        ".RI [ ARGUMENTS ]",
        ".SH DESCRIPTION",
        *_text(_DESCRIPTION, between=".PP"),
        ".SH OPTIONS",
        *_words(root_options()),
        ".SH COMMANDS",
        *_commands(commands()),
        ".SH EXIT STATUS",
        *_pairs((str(int(one)), one.meaning) for one in ExitCode),
        ".SH ENVIRONMENT",
        *_pairs(_ENVIRONMENT.items()),
        ".SH FILES",
        *_pairs(_FILES.items()),
        ".SH SEE ALSO",
        "The how-tos and the reference in the directory docs of the source.",
    ]
    return "\n".join(lines) + "\n"


_DESCRIPTION: Final = """\
Tidegate watches what Microsoft SNDS, Sender Score, DNS lists and the replies of mail servers say about the
IPs that you send mail from. When one gets into trouble it holds back that IP, at the mailbox provider where
it is in trouble, tells by mail what it saw and what it did, and lets the rate rise again in steps. Its words
are PowerMTA's.

Data goes to standard output, everything else to standard error. Everything has --json, whose documents name
their schema."""


def _commands(found: Iterable[Command]) -> Iterator[str]:
    section = ""
    for one in found:
        if one.section != section:
            section = one.section
            yield f".SS {_safe(section)}"
        yield ".TP"
        yield f".B {_safe(one.usage)}"
        yield from _text(one.help)
        if words := [*one.arguments, *one.options]:
            yield ".RS"
            yield from _words(words)
            yield ".RE"


def _words(words: Iterable[Word]) -> Iterator[str]:
    for one in words:
        default = f" Default: {one.default}." if one.default else ""
        yield from _pair(one.written, f"{one.help}{default}")


def _pairs(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, meaning in rows:
        yield from _pair(name, meaning)


def _pair(name: str, meaning: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_safe(name)}"
    yield from _wrapped(meaning) if meaning else ["\\&"]


def _text(text: str, between: str = ".IP") -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield between
        yield from _wrapped(paragraph)


def _wrapped(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDE, break_long_words=False, break_on_hyphens=False):
        yield _safe(line)


def _safe(text: str) -> str:
    """Text that roff prints as it is."""
    plain = text
    for mark, written in _MARKS.items():
        plain = plain.replace(mark, written)
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
