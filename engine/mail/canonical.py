"""DKIM's canonical forms (RFC 6376 section 3.4). Everything large is done by C loops, a slice at a time."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from engine.mail.choices import Form
from engine.mail.header import Field

_SLICE: Final = 1 << 18
"""Octets of a body handled at once; between two slices other threads get their turn."""

_SPACES: Final = re.compile(rb"[ \t]+")
_CRLF: Final = b"\r\n"


def field(found: Field, form: Form) -> bytes:
    """A header field as it is hashed, without its line end."""
    if form is Form.SIMPLE:
        return found.name + b":" + found.body
    unfolded = found.body.replace(_CRLF, b"")
    return found.key + b":" + _SPACES.sub(b" ", unfolded).strip(b" ")


def body_hash(content: bytes, start: int, form: Form) -> bytes:
    """SHA-256 over the canonical form of the body, which begins at `start`."""
    digest = hashlib.sha256()
    for part in _body(content, start, form):
        digest.update(part)
    return digest.digest()


def _body(content: bytes, start: int, form: Form) -> Iterator[bytes]:
    """The canonical body in parts: empty lines at the end left out, a line end after the last line."""
    empty_lines, wrote = 0, False
    for part in _slices(content, start):
        text = _relaxed(part) if form is Form.RELAXED else part
        kept = text.rstrip(_CRLF)
        if kept:
            yield _CRLF * empty_lines
            yield kept
            empty_lines, wrote = 0, True
        empty_lines += (len(text) - len(kept)) // 2
    if wrote or form is Form.SIMPLE:
        yield _CRLF


def _relaxed(text: bytes) -> bytes:
    """Runs of white space become one space, and none stays before a line end."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \r\n", _CRLF) if b" \r\n" in text else text


def _slices(content: bytes, start: int) -> Iterator[bytes]:
    """The body in slices of whole lines; a line longer than a slice makes its slice longer."""
    end = len(content)
    while start < end:
        cut = content.find(_CRLF, start + _SLICE)
        cut = end if cut < 0 else cut + 2
        yield content[start:cut] if start or cut < end else content
        start = cut
