"""Orders as they are written down: for the controller, and for the audit."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from core.address import IpAddress
from core.lease import Scope
from core.provider import EVERY
from storage import audit, orders


@dataclass(frozen=True, slots=True)
class Records:
    """The monitor's and controller's database, the time that they go by, and in whose name is written."""

    open: Callable[[], AbstractContextManager[Session]]
    look: Callable[[], AbstractContextManager[Session]]
    now: datetime
    author: str


@dataclass(frozen=True, slots=True)
class Wish:
    """An order before it is written. `source_ip` None: every IP; `lasts` None: until it is withdrawn."""

    kind: orders.OrderKind
    reason: str
    lasts: timedelta | None
    source_ip: IpAddress | None = None
    provider: str = EVERY
    subject: str = "*"
    value: str | None = None

    @property
    def where(self) -> str:
        """The scope in words."""
        if self.source_ip is not None:
            return str(Scope(source_ip=self.source_ip, provider=self.provider))
        return "every IP" if self.provider == EVERY else f"every IP × {self.provider}"

    def order(self, now: datetime, author: str) -> orders.NewOrder:
        """The order as of now, in somebody's name."""
        return orders.NewOrder(
            kind=self.kind,
            source_ip=self.source_ip,
            provider=self.provider,
            subject=self.subject,
            value=self.value,
            author=author,
            reason=self.reason,
            created_at=now,
            expires_at=now + self.lasts if self.lasts else None,
        )


def write_down(kept: Records, wish: Wish) -> orders.Order:
    """Give the controller an order; it obeys from its next look on."""
    with kept.open() as session:
        return _give(session, wish, kept)


def replace(kept: Records, number: int, wishes: Iterable[Wish]) -> list[orders.Order]:
    """Withdraw an order and give others in its place, all at once. Raises NotFoundError."""
    with kept.open() as session:
        given = [_give(session, wish, kept) for wish in wishes]
        reason = given[0].reason if given else ""
        _withdraw(session, number, kept, reason)
        return given


def withdraw(kept: Records, numbers: Iterable[int], reason: str) -> list[orders.Order]:
    """Take orders back. Raises NotFoundError."""
    with kept.open() as session:
        return [_withdraw(session, number, kept, reason) for number in numbers]


def standing(kept: Records) -> list[orders.Order]:
    """Every order in force, oldest first."""
    with kept.look() as session:
        return orders.standing(session, kept.now)


def withdraw_all(kept: Records, scope: Scope, reason: str) -> list[orders.Order]:
    """Take back every pin, freeze and release on exactly this scope."""
    with kept.open() as session:
        found = _on(orders.standing(session, kept.now), scope)
        return [_withdraw(session, order.id, kept, reason) for order in found]


def on(kept: Records, scope: Scope) -> list[orders.Order]:
    """What `withdraw_all` would take back."""
    return _on(standing(kept), scope)


def _on(found: Iterable[orders.Order], scope: Scope) -> list[orders.Order]:
    return [
        order
        for order in found
        if order.source_ip == scope.source_ip
        and order.provider == scope.provider
        and order.kind in _ON_SCOPES
    ]


_ON_SCOPES = {orders.OrderKind.PIN, orders.OrderKind.FREEZE, orders.OrderKind.RELEASE}


def note(kept: Records, action: str, subject: str, **more: Any) -> None:
    """An audit row of its own, for what is no order."""
    with kept.open() as session:
        _audit(session, kept, action, subject, **more)


def _give(session: Session, wish: Wish, kept: Records) -> orders.Order:
    order = orders.give(session, wish.order(kept.now, kept.author))
    after = wish.value or (None if wish.subject == "*" else wish.subject)
    _audit(session, kept, f"order.{wish.kind.name.lower()}", wish.where, after=after, reason=wish.reason)
    return order


def _withdraw(session: Session, number: int, kept: Records, reason: str) -> orders.Order:
    order = orders.withdraw(session, number, kept.now)
    subject = f"order {number}: {order.kind.name.lower()}"
    _audit(session, kept, "order.withdrawn", subject, before=order.value or order.subject, reason=reason)
    return order


def _audit(session: Session, kept: Records, action: str, subject: str, **more: Any) -> None:
    entry = audit.AuditEntry(at=kept.now, actor=kept.author, action=action, subject=subject, **more)
    audit.append(session, entry)
