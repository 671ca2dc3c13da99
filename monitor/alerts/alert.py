"""One alert of another monitor, whatever form it came in, and what could not be taken."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.address import IpAddress
from core.incident import Rule, Severity
from core.provider import EVERY
from monitor.alerts.settings import AlertSettings

_PLAIN_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class AlertState(StrEnum):
    """Whether the other monitor says that the problem is there."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """What another monitor says about one of our IPs. All texts are printable and short.

    `sender` is the name of the token that it came with, `key` what tells its alerts apart: the same
    two and the same IP are the same alert sent again. After `until` it holds no more, unless sent again.
    `tier` is the weight of a DNS list, for `Rule.DNSBL_LISTED`.
    """

    sender: str
    key: str
    ip: IpAddress
    state: AlertState
    severity: Severity
    title: str
    text: str
    until: datetime
    provider: str = EVERY
    rule: Rule = Rule.ALERT
    tier: int = 3
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An alert that cannot be taken: where it stands in the body (a JSON pointer), and why."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a body came to."""

    alerts: tuple[Alert, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What the formats need to know: who sends, when, our addresses (those of sockets too), our providers."""

    sender: str
    now: datetime
    addresses: Mapping[IpAddress, IpAddress]
    providers: frozenset[str]
    settings: AlertSettings


class UnusableAlert(ValueError):  # noqa: N818 - reads as what it is
    """One alert of a body cannot be taken; the text is for the person who set the other monitor up."""


def key_of(text: str) -> str:
    """A key that is safe in fingerprints and URLs: the text itself if it is plain, else its digest."""
    if _PLAIN_KEY.match(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
