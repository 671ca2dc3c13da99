"""What operators say about an incident: that somebody looks after it, for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from core.errors import ConflictError
from core.incident import Incident, IncidentState
from storage import audit, incidents, orders
from storage.audit import AuditEntry
from storage.incidents import EventKind, IncidentEvent
from storage.orders import NewOrder, Order, OrderKind


@dataclass(frozen=True, slots=True)
class Word:
    """Who says it, when, why, and for how long it holds."""

    author: str
    reason: str
    at: datetime
    lasts: timedelta


def acknowledge(session: Session, number: int, word: Word) -> tuple[Incident, Order]:
    """Somebody looks after an incident: it is not repeated daily. What is new about it is told all the same.

    Raises NotFoundError, and ConflictError for an incident that is over.
    """
    incident = incidents.find(session, number)
    if incident.state is not IncidentState.OPEN:
        raise ConflictError(f"{incident.label} is over already; tidegate show incidents lists the open ones")
    new = NewOrder(
        kind=OrderKind.ACKNOWLEDGE, source_ip=incident.ip, subject=incident.label, author=word.author,
        reason=word.reason, created_at=word.at, expires_at=word.at + word.lasts,
    )  # fmt: skip
    order = orders.give(session, new)
    text = f"{word.author} looks after it{': ' if word.reason else ''}{word.reason}"
    incidents.append_event(
        session, IncidentEvent(number=number, at=word.at, kind=EventKind.ACKNOWLEDGED, text=text)
    )
    entry = AuditEntry(
        at=word.at, actor=word.author, action="order.acknowledge", subject=incident.label, reason=word.reason
    )
    audit.append(session, entry)
    return incident, order
