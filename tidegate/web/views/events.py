"""What happens, in one list: to incidents, to leases, and by hand."""

from dataclasses import dataclass
from datetime import datetime

from controller.settings import Mode
from core.incident import Incident, Severity
from core.text import printable
from storage.audit import AuditEntry
from storage.incidents import EventKind, IncidentEvent
from storage.leases import LeaseChange
from tidegate.web.views.glance import Glance
from tidegate.web.views.parts import Badge, Tone, When, provider, when

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Event:
    """One line of what happens."""

    at: When | None
    kind: Badge
    text: str
    address: str


def events(facts: Glance) -> tuple[Event, ...]:
    """The newest of what happened to incidents, to leases, and by hand."""
    told = [(e.at, _incident_event(one, e, facts.now)) for one, e in facts.events]
    told += [(c.at, _change_event(c, facts.now)) for c in facts.changes]
    told += [(a.at, _act_event(a, facts.now)) for a in facts.acts]
    told.sort(key=lambda one: one[0], reverse=True)
    return tuple(event for _, event in told[:SHOWN])


def _incident_event(one: Incident, event: IncidentEvent, now: datetime) -> Event:
    tone = Tone.OK if event.kind is EventKind.RESOLVED else Tone.INFO
    if event.kind in {EventKind.OPENED, EventKind.ESCALATED}:
        tone = Tone.BAD if one.severity is Severity.CRITICAL else Tone.WARN
    text = f"{one.label} {event.text}" if one.label not in event.text else event.text
    badge = Badge(str(event.kind), tone)
    return Event(when(event.at, now), badge, printable(text, 200), f"/incidents/{one.number}")


def _change_event(change: LeaseChange, now: datetime) -> Event:
    ip, where = change.scope.source_ip, provider(change.scope.provider)
    lower = change.after is not None and (
        change.before is None or change.after.per_hour < change.before.per_hour
    )
    text = f"{ip} × {where}: {change.before or 'no limit'} → {change.after or 'no limit'}, {change.rule}"
    badge = Badge("held" if lower else "eased", Tone.WARN if lower else Tone.OK)
    if change.mode != Mode.ENFORCE:
        badge = Badge(change.mode, Tone.INFO)
    return Event(when(change.at, now), badge, text, f"/ips/{ip}")


def _act_event(act: AuditEntry, now: datetime) -> Event:
    text = f"{act.actor}: {act.action} {act.subject}, {act.reason}"
    return Event(when(act.at, now), Badge("by hand", Tone.INFO), printable(text, 200), "/audit")
