"""Writes what the lifecycle decided: the incident, the line of its timeline, the account of who was told."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from core.incident import Incident, IncidentKind
from monitor.detection.finding import Finding, FindingState
from monitor.incidents.lifecycle import FLAP_WINDOW, FLAPPING, Action, Move, Past, flips_of, transition
from storage import incidents, notices
from storage.incidents import EventKind, IncidentEvent, NewIncident
from storage.notices import Notice

_KINDS: Final = {Move.ESCALATE: EventKind.ESCALATED, Move.NOTE: EventKind.NOTED}


def as_baseline(finding: Finding) -> Finding:
    """The same finding, said about a series that was never seen before."""
    return replace(finding, baseline=finding.kind is IncidentKind.IP)


def apply(
    session: Session, finding: Finding, now: datetime, flap_after: int
) -> tuple[Action, Incident | None]:
    """Decide about one finding and write it. The incident is the one after the change, if there is one."""
    known = incidents.incident_by_fingerprint(session, finding.fingerprint)
    if known is None and finding.state is not FindingState.ACTIVE:
        return Action(Move.NOTHING, "nothing was open"), None  # most of a sweep
    action = transition(known, finding, _past(session, finding, known, now), flap_after, now)
    if known is not None:
        return action, _follow(session, known, finding, action, now)
    opened = _open(session, finding, now)
    return action, _mark(session, opened, action, now) if action.move is Move.REOPEN else opened


def _follow(session: Session, known: Incident, finding: Finding, action: Action, now: datetime) -> Incident:
    match action.move:
        case Move.UPDATE | Move.ESCALATE | Move.NOTE | Move.REFRESH:
            return _change(session, known, finding, action, now)
        case Move.HOLD:
            return _mark(session, known, action, now)
        case Move.RESOLVE:
            return incidents.resolve_incident(session, known.number, now, action.reason)
        case _:
            return known


def _past(session: Session, finding: Finding, known: Incident | None, now: datetime) -> Past:
    recent = incidents.of_problem(session, finding.fingerprint, now - FLAP_WINDOW)
    lines = incidents.events(session, known.number) if known else []
    said = tuple(line.text for line in lines if line.at > now - FLAP_WINDOW)
    return Past(flips_of(recent, now), said)


def new_incident(finding: Finding, now: datetime) -> NewIncident:
    """The incident that a finding opens."""
    return NewIncident(
        fingerprint=finding.fingerprint,
        kind=finding.kind,
        ip=finding.ip,
        source=finding.source,
        metric=finding.metric,
        rule=finding.rule,
        severity=finding.severity,
        tier=finding.tier,
        provider=finding.provider,
        title=finding.title,
        summary=finding.summary,
        evidence=finding.evidence,
        evidence_end=finding.evidence_end,
        opened_at=now,
    )


def changed(known: Incident, finding: Finding, now: datetime) -> Incident:
    """The incident after a finding about it; the title stays: it is the subject of a thread of mail."""
    kept: dict[str, Any] = {FLAPPING: True} if known.evidence.get(FLAPPING) else {}
    return known.model_copy(
        update={
            "severity": finding.severity,
            "tier": finding.tier,
            "provider": finding.provider,
            "summary": finding.summary,
            "evidence": {**finding.evidence, **kept},
            "evidence_end": max(finding.evidence_end, known.evidence_end),
            "updated_at": now,
        }
    )


def _open(session: Session, finding: Finding, now: datetime) -> Incident:
    opened = incidents.open_incident(session, new_incident(finding, now))
    notice = Notice(incident=opened.number, lead=opened.number, baseline=finding.baseline)
    notices.save(session, notice)
    if finding.summary not in {"", finding.title}:  # what it said first outlives what it says later
        line = IncidentEvent(number=opened.number, at=now, kind=EventKind.NOTED, text=finding.summary)
        incidents.append_event(session, line)
    return opened


def _change(session: Session, known: Incident, finding: Finding, action: Action, now: datetime) -> Incident:
    kind = _KINDS.get(action.move, EventKind.UPDATED)
    text = "" if action.move is Move.REFRESH else action.reason
    return incidents.update_incident(session, changed(known, finding, now), kind=kind, text=text)


def _mark(session: Session, incident: Incident, action: Action, now: datetime) -> Incident:
    """Remember that it flaps, and say so once."""
    evidence = {**incident.evidence, FLAPPING: True}
    flapping = incident.model_copy(update={"evidence": evidence, "updated_at": now})
    return incidents.update_incident(session, flapping, text=action.reason)
