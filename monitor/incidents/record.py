"""Writes what the lifecycle decided: the incident, the line of its timeline, the account of who was told."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from core.incident import Incident, IncidentKind
from monitor.detection.finding import Finding
from monitor.incidents.lifecycle import FLAP_WINDOW, Action, Move, flips_of, transition
from storage import incidents, notices
from storage.incidents import EventKind, NewIncident
from storage.notices import Notice

FLAPPING: Final = "flapping"


def as_baseline(finding: Finding) -> Finding:
    """The same finding, said about a series that was never seen before."""
    return replace(finding, baseline=finding.kind is IncidentKind.IP)


def apply(
    session: Session, finding: Finding, now: datetime, flap_after: int
) -> tuple[Action, Incident | None]:
    """Decide about one finding and write it. The incident is the one after the change, if there is one."""
    known = incidents.incident_by_fingerprint(session, finding.fingerprint)
    flips = _flips(session, finding, now) if known else 0
    action = transition(known, finding, flips, flap_after)
    match action.move:
        case Move.OPEN:
            return action, _open(session, finding, now)
        case Move.UPDATE | Move.ESCALATE | Move.REFRESH if known:
            return action, _change(session, known, finding, action, now)
        case Move.HOLD if known:
            return _hold(session, known, action, now)
        case Move.RESOLVE if known:
            return action, incidents.resolve_incident(session, known.number, now, action.reason)
        case _:
            return action, known


def _flips(session: Session, finding: Finding, now: datetime) -> int:
    return flips_of(finding.fingerprint, incidents.between(session, now - FLAP_WINDOW, now), now)


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
    return opened


def _change(session: Session, known: Incident, finding: Finding, action: Action, now: datetime) -> Incident:
    kind = EventKind.ESCALATED if action.move is Move.ESCALATE else EventKind.UPDATED
    text = "" if action.move is Move.REFRESH else action.reason
    return incidents.update_incident(session, changed(known, finding, now), kind=kind, text=text)


def _hold(session: Session, known: Incident, action: Action, now: datetime) -> tuple[Action, Incident]:
    if known.evidence.get(FLAPPING):
        return Action(Move.NOTHING, action.reason), known
    flapping = known.model_copy(update={"evidence": {**known.evidence, FLAPPING: True}, "updated_at": now})
    return action, incidents.update_incident(session, flapping, text=action.reason)
