"""What detection concludes about one problem; the incident lifecycle decides what becomes of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.address import IpAddress
from core.incident import IncidentKind, Rule, Severity
from core.provider import EVERY
from core.reading import Source


class FindingState(StrEnum):
    """How sure detection is, from the evidence alone. Silence gives no finding, so it changes nothing."""

    SUSPECT = "seen once, being confirmed"
    ACTIVE = "confirmed"
    CLEARING = "confirmed earlier, now clean but not for long enough"
    CLEAR = "clean for long enough"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's conclusion about one series (or one source).

    `evidence_end` is when the activity behind the newest piece of evidence ended. `look_again_at` asks for
    another poll then. `baseline`: it was so in the very first answer, hence no news.
    """

    fingerprint: str
    kind: IncidentKind
    ip: IpAddress | None
    source: Source
    metric: str
    rule: Rule
    severity: Severity
    title: str
    summary: str
    evidence_end: datetime
    state: FindingState
    evidence: dict[str, Any] = field(default_factory=dict)
    tier: int = 3
    provider: str = EVERY
    look_again_at: datetime | None = None
    baseline: bool = False


def ip_fingerprint(ip: IpAddress, rule: Rule, metric: str) -> str:
    """Names a problem with an IP for ever: `ip:203.0.113.7:dnsbl-listed:zen.spamhaus.org`."""
    return ":".join(part for part in ("ip", str(ip), rule, metric) if part)


def source_fingerprint(source: Source, metric: str) -> str:
    """Names a problem with a source: `source:dnsbl:blind:zen.spamhaus.org`."""
    return ":".join(part for part in ("source", source, Rule.BLIND, metric) if part)
