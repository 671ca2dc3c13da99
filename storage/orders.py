"""What operators told the automation: pins, overrides, freezes, silences; each with author, reason, end."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, delete, func, or_, select

from core.address import IpAddress
from core.errors import NotFoundError
from core.provider import EVERY
from storage.tables import OrderRow


class OrderKind(StrEnum):
    """What was ordered."""

    PIN = "hold this scope at a fixed rate"
    OVERRIDE = "ignore one signal for this scope"
    FREEZE = "change nothing on this scope"
    RELEASE = "let go of this scope and leave it alone"
    MODE = "use another mode for this scope"
    STOP = "change nothing anywhere"
    SILENCE = "send no mail about this"
    ACKNOWLEDGE = "somebody looks after it: no reminders"
    BELIEVE = "believe this DNS list again"
    GUARD = "let nobody be throttled on this source's word until a person decides"
    APPROVE = "believe this source although it names much of the fleet"


class NewOrder(BaseModel):
    """An order before it has a number. `source_ip` None: every IP.

    `subject` is what a silence, an acknowledgement or an override is about (an incident's label, a
    fingerprint or a rule, `*` for all), or the list to believe; `value` a pin's rate or a mode's name.
    """

    model_config = ConfigDict(frozen=True)

    kind: OrderKind
    source_ip: IpAddress | None = None
    provider: str = EVERY
    subject: str = "*"
    value: str | None = None
    author: str
    reason: str
    created_at: datetime
    expires_at: datetime | None = None


class Order(NewOrder):
    """An order that stands until it expires or is withdrawn."""

    id: int
    withdrawn_at: datetime | None = None

    @property
    def document(self) -> dict[str, Any]:
        """For JSON, its kind by name."""
        return {**self.model_dump(mode="json"), "kind": self.kind.name.lower()}

    def concerns(self, ip: IpAddress | None, provider: str = EVERY) -> bool:
        """Whether the order speaks about this IP at this provider."""
        return self.source_ip in {None, ip} and self.provider in {EVERY, provider}


def give(session: Session, order: NewOrder) -> Order:
    """Write an order and give it its number."""
    fields = order.model_dump(exclude={"kind", "source_ip"})
    address = None if order.source_ip is None else str(order.source_ip)
    row = OrderRow(kind=order.kind.name, source_ip=address, **fields)
    session.add(row)
    session.flush()
    return _order(row)


def withdraw(session: Session, number: int, at: datetime) -> Order:
    """Take an order back. Raises NotFoundError."""
    row = session.get(OrderRow, number)
    if row is None:
        raise NotFoundError(f"there is no order {number}")
    row.withdrawn_at = row.withdrawn_at or at
    session.add(row)
    session.flush()
    return _order(row)


def standing(session: Session, now: datetime) -> list[Order]:
    """Orders in force at `now`, oldest first."""
    rows = session.exec(
        select(OrderRow)
        .where(
            OrderRow.created_at <= now,
            or_(col(OrderRow.expires_at).is_(None), col(OrderRow.expires_at) > now),
            or_(col(OrderRow.withdrawn_at).is_(None), col(OrderRow.withdrawn_at) > now),
        )
        .order_by(col(OrderRow.id))
    )
    return [_order(row) for row in rows]


def given(session: Session, since: datetime) -> list[Order]:
    """Orders that were given, withdrawn or ran out at or after `since`, or stand; oldest first."""
    rows = session.exec(
        select(OrderRow)
        .where(
            or_(col(OrderRow.expires_at).is_(None), col(OrderRow.expires_at) >= since),
            or_(col(OrderRow.withdrawn_at).is_(None), col(OrderRow.withdrawn_at) >= since),
        )
        .order_by(col(OrderRow.id))
    )
    return [_order(row) for row in rows]


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` orders that ran out or were withdrawn before then. Returns how many.

    The newest stays, whatever its age, so that no number is given twice.
    """
    over = session.exec(
        select(OrderRow.id)
        .where(
            or_(col(OrderRow.expires_at) < before, col(OrderRow.withdrawn_at) < before),
            col(OrderRow.id) < select(func.max(OrderRow.id)).scalar_subquery(),
        )
        .limit(limit)
    ).all()
    session.exec(delete(OrderRow).where(col(OrderRow.id).in_(over)))
    return len(over)


def _order(row: OrderRow) -> Order:
    return Order.model_validate({**row.model_dump(), "kind": OrderKind[row.kind]})
