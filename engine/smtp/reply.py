"""Replies: what a server says to a command (RFC 5321 section 4.2), parsed with tolerance, written strictly.

Judged by the first digit alone: a peer that answers 459 or 571 is understood, and so is one that has no
enhanced status code (RFC 3463) or one that contradicts its basic code.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

MAX_LINE: Final = 8_192
"""RFC 5321 section 4.5.3.1.5 says 512 octets; filters with long texts exceed it daily."""

MAX_REPLY: Final = 65_536
"""Octets of one whole reply; what goes on for longer is not an answer but a flood."""

_LINE = re.compile(rb"(\d{3})(?:([ -])(.*))?\Z", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |\Z)")


class Speaker(StrEnum):
    """Who said it. Replies that we made up ourselves never count as the peer's opinion."""

    PEER = "the peer"
    OURSELVES = "Tidegate"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `lines` are the texts without the codes, one per line, as far as they repeat `enhanced`."""

    code: int
    enhanced: str | None
    lines: tuple[str, ...]
    speaker: Speaker = Speaker.PEER
    _text: str = field(default="", init=False, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The reply verbatim in one line, `550 5.7.1 …`. A stranger wrote it: core.text before showing it."""
        if not self._text:  # a peer says the same few lines all day
            words = " ".join(part for part in (f"{self.code:03}", self.enhanced, *self.lines) if part)
            object.__setattr__(self, "_text", words)
        return self._text

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code <= 299

    @property
    def is_intermediate(self) -> bool:
        return 300 <= self.code <= 399

    @property
    def is_transient(self) -> bool:
        return 400 <= self.code <= 499

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code <= 599


@dataclass(frozen=True, slots=True)
class Garbled:
    """What came is no SMTP reply; nothing on this connection can be trusted from here on."""

    reason: str


def local(code: int, enhanced: str, text: str) -> Reply:
    """A reply in the peer's stead, marked as ours: `local(451, "4.4.2", "connection lost")`."""
    return Reply(code, enhanced, (text,), Speaker.OURSELVES)


def encode(reply: Reply) -> bytes:
    """The reply as it goes over the wire; line breaks inside a text become spaces."""
    mark = f"{reply.enhanced} " if reply.enhanced else ""
    *before, last = [_one_line(text) for text in reply.lines] or [""]
    rows = [f"{reply.code:03}-{mark}{text}".rstrip() for text in before]
    rows.append(f"{reply.code:03} {mark}{last}".rstrip())
    return ("\r\n".join(rows) + "\r\n").encode("utf-8", "replace")


def _one_line(text: str) -> str:
    return " ".join(text.split()) if not text.isprintable() else text


class ReplyParser:
    """Cuts a byte stream into replies. After a Garbled it says nothing more."""

    __slots__ = ("_buffer", "_dead", "_rows", "_size")

    def __init__(self) -> None:
        self._buffer = b""
        self._rows: list[tuple[int, bytes]] = []
        self._size = 0
        self._dead = False

    def feed(self, data: bytes) -> list[Reply | Garbled]:
        """The replies that `data` completes, in order."""
        # Bare LF ends a line too: servers are seen that send it, and a reply can smuggle nothing.
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        found: list[Reply | Garbled] = []
        for line in lines:
            answer = None if self._dead else self._take(line.removesuffix(b"\r"))
            if answer is not None:
                found.append(answer)
        if len(self._buffer) > MAX_LINE and not self._dead:
            found.append(self._die("a line of the reply is too long"))
        if self._dead:
            self._buffer = b""
        return found

    def _take(self, line: bytes) -> Reply | Garbled | None:
        self._size += len(line)
        if len(line) > MAX_LINE or self._size > MAX_REPLY:
            return self._die("the reply is too long")
        if not self._rows and line[3:4] != b"-":
            self._size = 0
            return _single(line) or self._die(f"not an SMTP reply: {line[:80].decode('ascii', 'replace')}")
        return self._continue(line)

    def _continue(self, line: bytes) -> Reply | Garbled | None:
        match = _LINE.match(line)
        if not match:
            return self._die(f"not an SMTP reply: {line[:80].decode('ascii', 'replace')}")
        self._rows.append((int(match[1]), match[3] or b""))
        if match[2] == b"-":
            return None
        rows, self._rows, self._size = self._rows, [], 0
        return _compose(rows)

    def _die(self, reason: str) -> Garbled:
        self._dead = True
        return Garbled(reason)


@lru_cache(maxsize=1_024)
def _single(line: bytes) -> Reply | None:
    """A reply of one line. Cached: a peer says the same few lines all day."""
    match = _LINE.match(line)
    return _compose([(int(match[1]), match[3] or b"")]) if match else None


def _compose(rows: list[tuple[int, bytes]]) -> Reply:
    """One reply from its lines; where the codes differ the last one counts, as in Postfix."""
    texts = [text.decode("utf-8", "replace") for _, text in rows]
    match = _ENHANCED.match(texts[0])
    if not match:
        return Reply(rows[-1][0], None, tuple(texts))
    prefix = match[1]
    stripped = [_without(prefix, text) for text in texts]
    return Reply(rows[-1][0], prefix, tuple(stripped))


def _without(prefix: str, text: str) -> str:
    if text == prefix:
        return ""
    return text.removeprefix(f"{prefix} ")
