"""VERP: an envelope sender that names the recipient, so that a bounce tells whom it is about.

`news@example.com` to `jo+x@customer.test` becomes `news+jo=2Bx=customer.test@example.com`: as Postfix and
PowerMTA write it, but what would be ambiguous in the recipient's local part is written as `=` and two hex
digits, so that it can always be read back.
"""

import re
from typing import Final, NamedTuple

_DOMAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9!#$%&'*/?^_`{|}~.-]")
_CODED: Final = re.compile(r"=([0-9A-F]{2})")
_WHOLE: Final = re.compile(r"(?P<local>.+)\+(?P<rcpt>[^+@]+)=(?P<domain>[^=+@]+)@(?P<sender>[^@]+)\Z")


class Verp(NamedTuple):
    """What a VERP address holds: the plain sender, and the recipient that it went to."""

    sender: str
    recipient: str


def encode(sender: str, recipient: str) -> str:
    """The envelope sender for one recipient; the sender itself where there is nothing to write.

    That is the null sender, a quoted sender, and recipients at address literals or IDNs.
    """
    local, at, domain = sender.rpartition("@")
    name, _, host = recipient.rpartition("@")
    if not at or local.startswith('"') or not name or not _DOMAIN.match(host):
        return sender
    coded = _UNSAFE.sub(lambda m: b"=%02X" % m[0][0], name.encode("utf-8")).decode("ascii")
    return f"{local}+{coded}={host}@{domain}"


def decode(address: str) -> Verp | None:
    """Read an address back; None if it is no VERP address."""
    match = _WHOLE.match(address)
    if match is None or not _DOMAIN.match(match["domain"]):
        return None
    try:
        raw = _CODED.sub(lambda m: chr(int(m[1], 16)), match["rcpt"]).encode("latin-1")
        name = raw.decode("utf-8")
    except UnicodeError:
        return None
    return Verp(f"{match['local']}@{match['sender']}", f"{name}@{match['domain']}")
