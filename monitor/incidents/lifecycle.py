"""What a finding does to the incident about it. Silence does nothing: only clean evidence resolves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.incident import Incident, IncidentKind, IncidentState
from monitor.detection import blind
from monitor.detection.finding import Finding, FindingState

FLAP_WINDOW: Final = timedelta(hours=24)


class Presence(StrEnum):
    """Whether an incident about the problem is open."""

    ABSENT = "no open incident"
    OPEN = "an open incident"


class Move(StrEnum):
    """What becomes of the incident."""

    OPEN = "open it"
    UPDATE = "it changed"
    ESCALATE = "it got worse"
    REFRESH = "newer evidence of the same; nothing to tell"
    HOLD = "clean, but flapping: kept open"
    RESOLVE = "it is over"
    NOTHING = "nothing changes"


TRANSITIONS: Final[dict[Presence, dict[FindingState, Move]]] = {
    Presence.ABSENT: {
        FindingState.SUSPECT: Move.NOTHING,
        FindingState.ACTIVE: Move.OPEN,
        FindingState.CLEARING: Move.NOTHING,
        FindingState.CLEAR: Move.NOTHING,
    },
    Presence.OPEN: {
        FindingState.SUSPECT: Move.NOTHING,
        FindingState.ACTIVE: Move.UPDATE,
        FindingState.CLEARING: Move.NOTHING,
        FindingState.CLEAR: Move.RESOLVE,
    },
}
"""UPDATE and RESOLVE are refined below by what changed and by how often it flapped."""


@dataclass(frozen=True, slots=True)
class Action:
    """The move and why, as a line for the timeline."""

    move: Move
    reason: str


def transition(incident: Incident | None, finding: Finding, flips: int, flap_after: int) -> Action:
    """Decide. `flips`: openings and resolutions of this problem in the last 24 hours (see `flips_of`)."""
    presence = Presence.ABSENT if incident is None else Presence.OPEN
    move = TRANSITIONS[presence][finding.state]
    if incident is not None and move is Move.UPDATE:
        return _change(incident, finding)
    if move is Move.RESOLVE and flips + 1 >= flap_after:
        return Action(Move.HOLD, f"flapping: {flips} changes in 24 hours; kept open until it holds still")
    return Action(move, finding.summary or finding.title)


def _change(incident: Incident, finding: Finding) -> Action:
    if finding.severity.rank > incident.severity.rank:
        return Action(Move.ESCALATE, f"{incident.severity} became {finding.severity}: {finding.summary}")
    if finding.severity is not incident.severity:
        return Action(Move.UPDATE, f"{incident.severity} became {finding.severity}: {finding.summary}")
    # the words about a silent source differ at every try and say nothing new
    if finding.kind is IncidentKind.IP and finding.summary != incident.summary:
        return Action(Move.UPDATE, finding.summary)
    if finding.evidence_end > incident.evidence_end:
        return Action(Move.REFRESH, "newer evidence of the same")
    return Action(Move.NOTHING, "nothing new")


def flips_of(fingerprint: str, recent: list[Incident], now: datetime) -> int:
    """How often the problem opened or was resolved in the last 24 hours."""
    since = now - FLAP_WINDOW
    mine = [i for i in recent if i.fingerprint == fingerprint]
    opened = sum(i.opened_at > since for i in mine)
    resolved = sum(i.resolved_at is not None and i.resolved_at > since for i in mine)
    return opened + resolved


def muted_by(incident: Incident, others: list[Incident]) -> Incident | None:
    """The open incident that makes this one not worth a mail of its own: a worse one about the same IP.

    For sources: the one about all DNS lists speaks for the single ones.
    """
    return next((other for other in others if _speaks_for(other, incident)), None)


def _speaks_for(other: Incident, incident: Incident) -> bool:
    if other.number == incident.number or other.state is not IncidentState.OPEN:
        return False
    if incident.kind is IncidentKind.IP:
        worse = other.severity.rank > incident.severity.rank
        return other.kind is IncidentKind.IP and other.ip == incident.ip and worse
    return other.metric == blind.RESOLVER and other.source is incident.source
