"""What goes over the wire as lines of text, each of bounded length. Bytes in, text out."""

import re
from typing import Final

LONGEST: Final = 2_000
"""Octets of a line that are shown; a reply's text may have 8,192."""

MOST_CONTENT: Final = 4_096
"""Octets of a content that are shown to those who asked for it."""

_AUTH = re.compile(rb"(AUTH)\b.*", re.IGNORECASE | re.DOTALL)


class Ears:
    """Puts what comes in any pieces together to lines."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def lines(self, data: bytes) -> list[str]:
        """The lines that are complete now; what never ends is a line when it is too long."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            whole.append(self._rest)
            self._rest = b""
        return [_text(line.removesuffix(b"\r")) for line in whole]


def commands(said: bytes) -> list[str]:
    """The commands of one write. Ours have no AUTH; if one ever has, its secret is not shown."""
    return [_text(_AUTH.sub(rb"\1 (not shown)", line)) for line in said.removesuffix(b"\r\n").split(b"\r\n")]


def beginning(content: bytes) -> tuple[list[str], bool]:
    """The first lines of a content, at most MOST_CONTENT octets, and whether there is more."""
    shown = content[:MOST_CONTENT].removesuffix(b"\r\n").split(b"\r\n")
    return [_text(line) for line in shown], len(content) > MOST_CONTENT


def _text(line: bytes) -> str:
    text = line[:LONGEST].decode("utf-8", "backslashreplace")
    return text if len(line) <= LONGEST else text + "…"
