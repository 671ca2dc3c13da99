"""Takes a message from a stranger apart, within bounds, and never raises.

Only as much of MIME as reports need: parts, their types, base64 and quoted-printable. What exceeds a bound
is left out, not refused: a report with a thousand attachments still has its second part.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.mail import header
from engine.mail.header import Field

MAX_SIZE: Final = 1 << 20
"""Octets of a message that are looked at; a report with its original's header needs a hundredth."""

MAX_DEPTH: Final = 5
MAX_PARTS: Final = 30
MAX_FIELDS: Final = 300
_MAX_HEADER: Final = 1 << 17

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BOUNDARY: Final = re.compile(r""";\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)
_TYPE: Final = re.compile(r"\s*([A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60})")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message, or the message itself. `type` in lower case; `body` decoded, CR LF line ends."""

    type: str
    fields: tuple[Field, ...]
    body: bytes

    def field(self, name: str) -> str:
        """The text of the first field of that name; empty if there is none."""
        return header.first(list(self.fields), name.lower().encode())


def parts(content: bytes) -> list[Part]:
    """The message and all its parts, depth first, parents before children; at most MAX_PARTS."""
    text = _LINE_END.sub(b"\r\n", content[:MAX_SIZE])
    found: list[Part] = []
    _collect(text, 0, found)
    return found


def block(text: bytes) -> tuple[Field, ...]:
    """The fields of a piece that looks like a header: of a delivery-status, or of an original's header."""
    start, _ = header.split(text.lstrip(b"\r\n"))
    return tuple(header.fields(start[:_MAX_HEADER], MAX_FIELDS))


def blocks(text: bytes) -> list[tuple[Field, ...]]:
    """Every group of fields between empty lines (RFC 3464 section 2.1), at most MAX_FIELDS groups."""
    pieces = re.split(rb"(?:\r\n[ \t]*){2,}", text, maxsplit=MAX_FIELDS)
    return [found for piece in pieces if (found := block(piece))]


def _collect(text: bytes, depth: int, found: list[Part]) -> None:
    if len(found) >= MAX_PARTS:
        return
    start, offset = header.split(text)
    fields = tuple(header.fields(start[:_MAX_HEADER], MAX_FIELDS))
    content_type = header.first(list(fields), b"content-type")
    kind = match[1].lower() if (match := _TYPE.match(content_type)) else "text/plain"
    body = _decoded(text[offset:], header.first(list(fields), b"content-transfer-encoding"))
    found.append(Part(kind, fields, body))
    if depth >= MAX_DEPTH:
        return
    if kind.startswith("multipart/"):
        for child in _children(body, content_type):
            _collect(child, depth + 1, found)
    elif kind in {"message/rfc822", "message/global"}:
        _collect(body.lstrip(b"\r\n"), depth + 1, found)


def _children(body: bytes, content_type: str) -> Iterator[bytes]:
    match = _BOUNDARY.search(content_type)
    if not match:
        return
    boundary = re.escape((match[1] or match[2]).encode("utf-8", "replace"))
    pieces = re.split(rb"(?:\A|\r\n)--" + boundary + rb"(?=--|[ \t]*(?:\r\n|\Z))", body, maxsplit=MAX_PARTS)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        yield piece.partition(b"\r\n")[2]


def _decoded(body: bytes, encoding: str) -> bytes:
    match encoding.strip().lower():
        case "base64":
            try:
                body = base64.b64decode(re.sub(rb"[^A-Za-z0-9+/]", b"", body) + b"==")
            except binascii.Error:
                return b""
        case "quoted-printable":
            body = quopri.decodestring(body)
        case _:
            return body
    return _LINE_END.sub(b"\r\n", body)
