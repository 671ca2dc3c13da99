"""The id that every message carries in our Received field, by which reports about it are recognised.

Twelve octets: the time of reception in seconds, then eight random ones. Whoever has not seen the message
cannot name it, so a forged complaint about somebody else's mail is one about nothing.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

SIZE: Final = 12
_RANDOM: Final = 8
_DRAWN_AT_ONCE: Final = 512
_MOST: Final = 50

_OWN: Final = re.compile(rb"\AReceived: (?:[^\r\n]*\r\n[ \t])*?[^\r\n]* id ([0-9a-f]{24});\r\n")
_ANY: Final = re.compile(r"\bid\s+([0-9a-f]{24})\b")


class TraceIds:
    """Makes ids. `entropy` gives so many unguessable octets (`os.urandom`).

    They are drawn for many messages at once: each draw is a system call, and lets the interpreter lock go.
    """

    __slots__ = ("_drawn", "_entropy", "_used")

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._drawn = b""
        self._used = 0

    def next(self, at: float) -> bytes:
        """The id for a message received at POSIX time `at`."""
        if self._used == len(self._drawn):
            self._drawn, self._used = self._entropy(_RANDOM * _DRAWN_AT_ONCE), 0
        start, self._used = self._used, self._used + _RANDOM
        return (int(at) & 0xFFFFFFFF).to_bytes(4, "big") + self._drawn[start : self._used]


def own_trace(content: bytes) -> bytes | None:
    """The id in the Received field that stands on top of a message of ours."""
    match = _OWN.match(content)
    return bytes.fromhex(match[1].decode()) if match else None


def traces_in(text: str) -> Iterator[bytes]:
    """Everything in a Received field, or a text that quotes one, that looks like an id of ours."""
    for count, match in enumerate(_ANY.finditer(text)):
        if count >= _MOST:
            return
        yield bytes.fromhex(match[1])
