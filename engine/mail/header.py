"""A message's header: where it ends, its fields in order, their text unfolded. Nothing in it can raise."""

import re
from typing import NamedTuple

_MAX_TEXT = 4096
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)(?:\r\n|\Z)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)', re.DOTALL)
_IN_BRACKETS = re.compile(r"<[^<>]*@([^<>@\s]+)>")
_BARE = re.compile(r"@([^\s<>(),;:\"@]+)")


class Field(NamedTuple):
    """One field: its name as written, what follows the colon (folding and all, no line end)."""

    name: bytes
    body: bytes

    @property
    def key(self) -> bytes:
        return self.name.lower()

    @property
    def text(self) -> str:
        """The body in one line, cut at 4,096 octets; octets that are not UTF-8 become U+FFFD."""
        lines = self.body[:_MAX_TEXT].decode("utf-8", "replace").split("\r\n")
        return " ".join(line.strip(" \t") for line in lines).strip()


def split(content: bytes) -> tuple[bytes, int]:
    """The header with its last line end, and the offset of the body. CR LF line ends are expected."""
    if content.startswith(b"\r\n"):
        return b"", 2
    end = content.find(b"\r\n\r\n")
    return (content, len(content)) if end < 0 else (content[: end + 2], end + 4)


def fields(header: bytes, most: int = 1000) -> list[Field]:
    """The first `most` fields in order; lines that are no field are passed over."""
    found = []
    for match in _FIELD.finditer(header):
        if match.start() and header[match.start() - 1] != 0x0A:
            continue  # not at the start of a line: a colon in the middle of garbage
        found.append(Field(match[1], match[2]))
        if len(found) >= most:
            break
    return found


def first(found: list[Field], name: bytes) -> str:
    """The text of the first field of that (lower-case) name; empty if there is none."""
    return next((field.text for field in found if field.key == name), "")


def mail_domain(text: str) -> str:
    """The domain of the first mailbox in the text of a From field, in lower case, IDNs as A-labels.

    Empty if there is none. What stands in quotation marks or comments does not count.
    """
    bare = _QUOTED.sub("", text)
    match = _IN_BRACKETS.search(bare) or _BARE.search(bare)
    return a_label(match[1]) if match else ""


def a_label(domain: str) -> str:
    """A domain as DNS has it: lower case, no trailing dot, IDNs in ASCII; empty if it cannot be one."""
    low = domain.rstrip(".").lower()
    if low.isascii():
        return low
    try:
        return low.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
