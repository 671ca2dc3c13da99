"""What operators say about incidents: a silence about a problem, or that somebody looks after it.

Both end by themselves: what is silenced for ever is forgotten.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from core.errors import ConflictError
from core.incident import Incident, IncidentState
from storage import audit, incidents, orders
from storage.audit import AuditEntry
from storage.incidents import EventKind, IncidentEvent
from storage.orders import NewOrder, Order, OrderKind

HUSHES = frozenset({OrderKind.SILENCE, OrderKind.ACKNOWLEDGE})


@dataclass(frozen=True, slots=True)
class Word:
    """Who says it, when, why, and for how long it holds."""

    author: str
    reason: str
    at: datetime
    lasts: timedelta


def silence(session: Session, about: NewOrder) -> Order:
    """No mail about what the order names (`orders.NewOrder.subject`) until it expires."""
    order = orders.give(session, about)
    where = order.source_ip or "every IP"
    entry = AuditEntry(
        at=order.created_at, actor=order.author, action="order.silence", subject=f"{where} {order.subject}",
        reason=order.reason,
    )  # fmt: skip
    audit.append(session, entry)
    return order


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


def take_back(session: Session, number: int, word: Word) -> Order:
    """End a silence or an acknowledgement. Raises NotFoundError, and ConflictError for other orders."""
    order = orders.find(session, number)
    if order.kind not in HUSHES:
        raise ConflictError(f"order {number} is no silence but: {order.kind}; tidegate release takes it back")
    entry = AuditEntry(
        at=word.at, actor=word.author, action="order.withdrawn", subject=f"order {number}",
        reason=word.reason,
    )  # fmt: skip
    audit.append(session, entry)
    return orders.withdraw(session, number, word.at)
