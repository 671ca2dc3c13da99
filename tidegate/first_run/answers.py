"""What somebody answers to `tidegate init`, read from words. A decider."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network

from core.address import IpAddress, SourceIp
from core.errors import OperatorError

MOST_IPS = 256
_MAILBOX = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\Z")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_IPS = "write 203.0.113.7, or 203.0.113.7=10.0.0.7 behind NAT, or a network like 203.0.113.16/30"


class SndsWay(StrEnum):
    """How SNDS is opened."""

    NO = "no"
    SIGN_IN = "sign-in"


class WebWay(StrEnum):
    """Whether the web monitor is open to whoever holds a token."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host and its port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answers:
    """All of them. `resolver` None: the system's; no `recipients`: nobody is mailed."""

    sources: tuple[SourceIp, ...]
    hostname: str
    resolver: HostPort | None
    recipients: tuple[str, ...]
    mail_host: HostPort
    sender: str
    snds: SndsWay
    web: WebWay


def sources(text: str) -> tuple[SourceIp, ...]:
    """Addresses, address=bind pairs and networks, parted by spaces or commas. Raises OperatorError."""
    found = {one.address: one for word in _words(text) for one in _source(word)}
    if not found:
        raise OperatorError(f"no IP is given; {_IPS}")
    if len(found) > MOST_IPS:
        raise OperatorError(
            f"{len(found)} IPs are too many to write out; name one, and put {{include: FILE}} into ip-lists "
            "afterwards"
        )
    return tuple(found.values())


def _source(word: str) -> Iterable[SourceIp]:
    public, equals, bind = word.partition("=")
    try:
        if "/" in word:
            return [SourceIp(address=ip, bind=ip) for ip in _few(word)]
        address = ip_address(public)
        return [SourceIp(address=address, bind=ip_address(bind) if equals else address)]
    except ValueError as error:
        raise OperatorError(f"{word!r} is not an IP: {error}; {_IPS}") from None


def _few(word: str) -> list[IpAddress]:
    network = ip_network(word)
    if network.num_addresses > MOST_IPS:
        raise ValueError(f"it has more than {MOST_IPS} addresses")
    return list(network)


def hostname(text: str) -> str:
    """A host name. Raises OperatorError."""
    name = text.strip().rstrip(".").lower()
    if not _is_name(name):
        raise OperatorError(f"{text!r} is not a host name; write it like mta.example.com")
    return name


def resolver(text: str) -> HostPort | None:
    """An address with or without a port; None for `system`. Raises OperatorError."""
    if text.strip().lower() == "system":
        return None
    found = host_port(text, 53)
    try:
        ip_address(found.host)
    except ValueError:
        raise OperatorError(
            f"{text!r} is not an address; write it like 127.0.0.1, 192.0.2.53:5353, or system"
        ) from None
    return found


def recipients(text: str) -> tuple[str, ...]:
    """Mail addresses; none for an empty text. Raises OperatorError."""
    return tuple(mailbox(word) for word in _words(text))


def mailbox(text: str) -> str:
    """One mail address. Raises OperatorError."""
    if not _MAILBOX.match(text.strip()):
        raise OperatorError(f"{text!r} is not a mail address; write it like ops@example.com")
    return text.strip()


def host_port(text: str, otherwise: int) -> HostPort:
    """`host`, `host:port`, `[address]:port`, or a bare IPv6 address. Raises OperatorError."""
    word = text.strip()
    host, colon, port = word.rpartition(":")
    if not colon or (host.count(":") and not host.startswith("[")):
        host, port = word, str(otherwise)
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdecimal() or not 0 < int(port) < 65_536 or not _is_host(host):
        raise OperatorError(f"{text!r} is not a host; write it like mail.example.com or mail.example.com:587")
    return HostPort(host, int(port))


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _is_name(text)
    return True


def _is_name(text: str) -> bool:
    return len(text) <= 253 and all(_LABEL.match(label) for label in text.split("."))


def snds(text: str) -> SndsWay:
    """sign-in or no. Raises OperatorError."""
    word = text.strip().lower()
    if word in {"yes", "y"}:
        return SndsWay.SIGN_IN
    if word in {"n", ""}:
        return SndsWay.NO
    try:
        return SndsWay(word)
    except ValueError:
        raise OperatorError(f"{text!r} is neither sign-in nor no") from None


def web(text: str) -> WebWay:
    """yes or no. Raises OperatorError."""
    word = text.strip().lower()
    try:
        return WebWay({"y": "yes", "n": "no"}.get(word, word))
    except ValueError:
        raise OperatorError(f"{text!r} is neither yes nor no") from None


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text.strip()) if word]
