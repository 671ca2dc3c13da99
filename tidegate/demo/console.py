"""What the demo prints: timed lines, quoted output, a closing card. Plain text of 100 columns."""

import os
import sys
import textwrap
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TextIO

from core.text import printable

WIDTH = 100
_MARGIN = 27


class Tone(StrEnum):
    """What a line is, as an ANSI colour."""

    ACT = "1;36"
    DONE = "32"
    TROUBLE = "33"
    FAILED = "1;31"
    QUIET = "2"


class Console:
    """Prints. `started` is a real monotonic time in seconds; colours only on a terminal without NO_COLOR."""

    def __init__(self, started: float, *, plain: bool = False, out: TextIO | None = None) -> None:
        self._started = started
        self._out = out or sys.stdout
        tty = self._out.isatty()
        self._colour = tty and not plain and not os.environ.get("NO_COLOR")

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def act(self, number: int, title: str) -> None:
        """A heading."""
        self.line()
        self.line(self._painted(f"{number}. {title} ".ljust(WIDTH, "─"), Tone.ACT))

    def event(self, real: float, at: datetime, text: str, tone: Tone = Tone.DONE) -> None:
        """`  12.3s  Mon 14:20:07  ✓ text`, wrapped under itself; `real` is a monotonic time in seconds."""
        stamp = f"{real - self._started:6.1f}s  {at:%a %H:%M:%S}"
        mark = {Tone.DONE: "✓", Tone.FAILED: "✗", Tone.TROUBLE: "!", Tone.QUIET: "·"}.get(tone, " ")
        first, *rest = wrapped(text, WIDTH - _MARGIN)
        self.line(f"{self._painted(stamp, Tone.QUIET)}   {self._painted(mark, tone)} {first}")
        for more in rest:
            self.line(" " * (_MARGIN - 3) + more)

    def quote(self, text: str, most: int = 30, *, table: bool = False) -> None:
        """Somebody else's output, indented, `most` lines of it.

        What is too wide goes on below itself, or is cut in a table.
        """
        parts = 1 if table else None
        lines = [part for one in text.rstrip().splitlines() for part in folded(one, WIDTH - 6)[:parts]]
        for one in lines[:most]:
            self.line(self._painted("    │ ", Tone.QUIET) + one)
        if len(lines) > most:
            self.line(self._painted(f"    │ … {len(lines) - most} more lines", Tone.QUIET))

    def command(self, words: Iterable[str]) -> None:
        """The command whose output follows."""
        self.line(self._painted("    $ tidegate " + " ".join(words), Tone.ACT))

    def card(self, title: str, lines: Iterable[str]) -> None:
        """A box."""
        inner = WIDTH - 4
        self.line()
        self.line("┌─ " + f"{title} ".ljust(inner, "─") + "┐")
        for text in lines:
            for one in wrapped(text, inner - 1):
                self.line(f"│ {one.ljust(inner)} │")
        self.line("└" + "─" * (inner + 2) + "┘")

    def _painted(self, text: str, tone: Tone) -> str:
        return f"\x1b[{tone}m{text}\x1b[0m" if self._colour else text


def folded(text: str, width: int) -> list[str]:
    """One line made printable, its columns kept, broken at spaces into lines of `width` at most."""
    kept = "".join(c if c.isprintable() else " " for c in text).rstrip()
    indent = " " * min(len(kept) - len(kept.lstrip(" ")) + 6, width // 2)
    return textwrap.wrap(kept, width, subsequent_indent=indent, drop_whitespace=True) or [""]


def wrapped(text: str, width: int) -> list[str]:
    """Words in lines of `width` at most; a longer word stands alone, cut."""
    lines = [""]
    for word in printable(text, 2_000).split(" "):
        grown = f"{lines[-1]} {word}".strip()
        if len(grown) <= width:
            lines[-1] = grown
        else:
            lines.append(word[:width])
    return lines
