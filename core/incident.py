"""What a person is told about."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress
from core.provider import EVERY
from core.reading import Source, Status


class Severity(StrEnum):
    """How loud, from a line in the digest to a page at night."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    @property
    def status(self) -> Status:
        """What an open incident makes of its IP, whatever the sources say meanwhile."""
        return _STATUS[self]


_STATUS: Final = {
    Severity.INFO: Status.UNKNOWN,
    Severity.WARNING: Status.WARN,
    Severity.CRITICAL: Status.BAD,
}


class IncidentState(StrEnum):
    """Where an incident stands in its life."""

    OPEN = "open"
    RESOLVED = "resolved"


class IncidentKind(StrEnum):
    """What an incident is about. Only IP incidents may throttle an IP."""

    IP = "ip"
    SOURCE = "source"


class Rule(StrEnum):
    """The detection rule that fired; the controller maps each to a cap (reference: control.md 2.2)."""

    DNSBL_LISTED = "dnsbl-listed"
    SNDS_RED = "snds-red"
    SNDS_NON_GREEN = "snds-non-green"
    SNDS_TRAP_HITS = "snds-trap-hits"
    SNDS_COMPLAINTS = "snds-complaints"
    SNDS_BLOCKED = "snds-blocked"
    SNDS_JUNKED = "snds-junked"
    SENDER_SCORE_DROP = "sender-score-drop"
    SENDER_SCORE_LOW = "sender-score-low"
    COMPLAINTS = "complaints"
    HARD_BOUNCES = "hard-bounces"
    REPUTATION_DEFERRALS = "reputation-deferrals"
    BLOCKS = "blocks"
    DECREASE = "decrease"
    BLIND = "blind"
    ALERT = "alert"
    ACCESS = "access"


class Incident(BaseModel):
    """An open or resolved problem with one IP (or one source).

    `fingerprint` names the problem for ever (`ip:203.0.113.7:dnsbl-listed:zen.spamhaus.org`); at most one
    open incident has it. `tier` is the weight of a DNS list: 1 acts on all mail, 2 on some, 3 is told only.
    `evidence_end` is when the newest evidence's activity ended: evidence older than a cut never cuts again.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    fingerprint: str
    kind: IncidentKind
    ip: IpAddress | None
    source: Source
    metric: str = ""
    rule: Rule
    severity: Severity
    tier: int = 3
    provider: str = EVERY
    state: IncidentState
    title: str
    summary: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict)
    evidence_end: datetime
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None

    @property
    def label(self) -> str:
        return f"INC-{self.number}"
