"""The id that every message carries in our Received field, by which reports about it are recognised.

Twelve octets: the time of reception in seconds, then eight random ones. Whoever has not seen the message
cannot name it, so a forged complaint about somebody else's mail is one about nothing.
"""

import re
from collections.abc import Iterator
from typing import Final

SIZE: Final = 12
_MOST: Final = 50

_OWN: Final = re.compile(rb"\AReceived: (?:[^\r\n]*\r\n[ \t])*?[^\r\n]* id ([0-9a-f]{24});\r\n")
_ANY: Final = re.compile(r"\bid\s+([0-9a-f]{24})\b")


def trace_id(at: float, entropy: bytes) -> bytes:
    """The id for a message received at POSIX time `at`; `entropy` is eight random octets."""
    return (int(at) & 0xFFFFFFFF).to_bytes(4, "big") + entropy


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
