"""Which name servers this machine uses, as resolv.conf(5) names them."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from monitor.dns.exchange import Peer

_RESOLV_CONF: Final = Path("/etc/resolv.conf")
_MOST: Final = 3
"""As many as the C library looks at."""

_PORT: Final = 53
_NONE_NAMED: Final[Peer] = ("127.0.0.1", _PORT)


def named_in(text: str) -> list[Peer]:
    """The servers that the text of a resolv.conf names, or this machine when it names none."""
    found: list[Peer] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            found.append((str(ip_address(words[1])), _PORT))
        except ValueError:
            continue  # a scoped or misspelt address; the C library skips it, too
    return found[:_MOST] or [_NONE_NAMED]


def of_this_machine() -> list[Peer]:
    """What /etc/resolv.conf says now."""
    try:
        return named_in(_RESOLV_CONF.read_text("utf-8", "replace"))
    except OSError:
        return [_NONE_NAMED]
