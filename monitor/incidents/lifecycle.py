"""What a finding does to the incident about it. Silence does nothing: only clean evidence resolves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.address import IpAddress
from core.incident import Incident, IncidentKind, IncidentState
from core.reading import Source
from monitor.detection import blind
from monitor.detection.finding import Finding, FindingState

FLAP_WINDOW: Final = timedelta(hours=24)
FLAPPING: Final = "flapping"
"""The key in an incident's evidence that says that its problem comes and goes."""


class Presence(StrEnum):
    """Whether an incident about the problem is open."""

    ABSENT = "no open incident"
    OPEN = "an open incident"
    FLAPPING = "an open incident about a problem that comes and goes"


class Move(StrEnum):
    """What becomes of the incident."""

    OPEN = "open it"
    REOPEN = "open it again: it flaps"
    UPDATE = "it changed"
    ESCALATE = "it got worse"
    NOTE = "it changed to what was told in the last day; noted only"
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
    Presence.FLAPPING: {
        FindingState.SUSPECT: Move.NOTHING,
        FindingState.ACTIVE: Move.NOTE,
        FindingState.CLEARING: Move.NOTHING,
        FindingState.CLEAR: Move.HOLD,
    },
}
"""OPEN, UPDATE, NOTE, HOLD and RESOLVE are refined below by what changed and by how often it flapped."""


@dataclass(frozen=True, slots=True)
class Action:
    """The move and why, as a line for the timeline."""

    move: Move
    reason: str


@dataclass(frozen=True, slots=True)
class Past:
    """What the last 24 hours saw of the problem: openings and ends, and the lines of its open incident."""

    flips: int = 0
    lines: tuple[str, ...] = ()


def transition(
    incident: Incident | None, finding: Finding, past: Past, flap_after: int, now: datetime
) -> Action:
    """Decide what a finding does to the open incident about its problem, or to none."""
    move = TRANSITIONS[_presence(incident)][finding.state]
    reason = finding.summary or finding.title
    flaps = past.flips + 1 >= flap_after
    match move:
        case Move.OPEN if flaps:
            return Action(Move.REOPEN, _flapping(past.flips + 1))
        case Move.UPDATE | Move.NOTE if incident is not None:
            return _change(incident, finding, past)
        case Move.RESOLVE if flaps:
            return Action(Move.HOLD, _flapping(past.flips + 1))
        case Move.HOLD if incident is not None and _holds_still(incident, now):
            return Action(Move.RESOLVE, reason)
        case Move.HOLD:
            return Action(Move.NOTHING, "clean, but it has not held still for 24 hours")
        case _:
            return Action(move, reason)


def _presence(incident: Incident | None) -> Presence:
    if incident is None:
        return Presence.ABSENT
    return Presence.FLAPPING if incident.evidence.get(FLAPPING) else Presence.OPEN


def _flapping(changes: int) -> str:
    return f"flapping: {changes} changes in 24 hours; kept open, and quiet, until it holds still for 24 hours"


def _holds_still(incident: Incident, now: datetime) -> bool:
    return now - max(incident.evidence_end, incident.opened_at) >= FLAP_WINDOW


def _change(incident: Incident, finding: Finding, past: Past) -> Action:
    """What was told in the last day is noted and not told again; of a flapping problem only the worst is."""
    flapping = _presence(incident) is Presence.FLAPPING
    if finding.severity is not incident.severity:
        turn = f"{incident.severity} became {finding.severity}"
        worse = finding.severity.rank > incident.severity.rank
        quiet = _was_said(turn, past) or (flapping and not worse)
        move = Move.NOTE if quiet else Move.ESCALATE if worse else Move.UPDATE
        return Action(move, f"{turn}: {finding.summary}")
    # the words about a silent source differ at every try and say nothing new
    if finding.kind is IncidentKind.IP and finding.summary != incident.summary:
        quiet = flapping or _was_said(finding.summary, past)
        return Action(Move.NOTE if quiet else Move.UPDATE, finding.summary)
    if finding.evidence_end > incident.evidence_end:
        return Action(Move.REFRESH, "newer evidence of the same")
    return Action(Move.NOTHING, "nothing new")


def _was_said(beginning: str, past: Past) -> bool:
    return any(line.startswith(beginning) for line in past.lines)


def flips_of(recent: Iterable[Incident], now: datetime) -> int:
    """How often incidents about one problem opened or were resolved in the last 24 hours."""
    since = now - FLAP_WINDOW
    moments = [at for i in recent for at in (i.opened_at, i.resolved_at)]
    return sum(at is not None and at > since for at in moments)


class Mutes:
    """The open incidents that make others not worth a mail of their own: a worse one about the same IP.

    For sources: the one about all DNS lists speaks for the single ones.
    """

    def __init__(self, open_incidents: Iterable[Incident]) -> None:
        self._worst: dict[IpAddress | None, Incident] = {}
        self._resolvers: dict[Source, Incident] = {}
        for one in open_incidents:
            if one.state is not IncidentState.OPEN:
                continue
            if one.kind is IncidentKind.IP:
                known = self._worst.get(one.ip, one)
                self._worst[one.ip] = max(known, one, key=lambda i: (i.severity.rank, -i.number))
            elif one.metric == blind.RESOLVER:
                self._resolvers[one.source] = one

    def muted_by(self, incident: Incident) -> Incident | None:
        """The incident that speaks for this one, if any does."""
        if incident.kind is IncidentKind.IP:
            worst = self._worst.get(incident.ip)
            return worst if worst and worst.severity.rank > incident.severity.rank else None
        resolver = self._resolvers.get(incident.source)
        return resolver if resolver and resolver.number != incident.number else None
