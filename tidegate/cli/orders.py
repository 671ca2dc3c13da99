"""What an operator orders: written down for the controller, and put on the engine at once."""

import getpass
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from core.address import IpAddress
from core.errors import NotFoundError
from core.lease import Scope
from core.provider import EVERY, OTHER
from storage import audit, database, orders
from tidegate.cli.invocation import Invocation
from tidegate.config import peek
from tidegate.config.problems import did_you_mean


@dataclass(frozen=True, slots=True)
class Records:
    """The monitor's and controller's database, and the time that they go by."""

    open: Callable[[], AbstractContextManager[Session]]
    look: Callable[[], AbstractContextManager[Session]]
    now: datetime


def records(asked: Invocation) -> Records:
    """Open the database that the configuration names. Raises ConfigError or OperatorError."""
    found = peek.sections(asked.config_path, "database", "clock")
    engine = database.open_database(found["database"])
    database.upgrade(engine)
    return Records(
        lambda: database.session(engine), lambda: database.reading(engine), found["clock"].clock().now()
    )


def author() -> str:
    """Who types: the person behind sudo, if there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def refuse_strangers(asked: Invocation, ip: IpAddress | None, provider: str) -> None:
    """Raises NotFoundError for an IP that is in no ip-list, or a provider that the engine does not know."""
    found = peek.sections(asked.config_path, "ip_lists", "engine")
    listed = (source for one in found["ip_lists"].values() for source in one)
    if ip is not None and not any(source.address == ip for source in listed):
        raise NotFoundError(f"{ip} is in no ip-list of {asked.config_path}")
    known = {*found["engine"].provider_map(), OTHER, EVERY}
    if provider not in known:
        meant = did_you_mean(provider, known) or f"it knows {', '.join(sorted(known - {EVERY}))}"
        raise NotFoundError(f"{asked.config_path} knows no provider {provider!r}; {meant}")


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

    def order(self, now: datetime) -> orders.NewOrder:
        """The order as of now, in the name of whoever types."""
        return orders.NewOrder(
            kind=self.kind,
            source_ip=self.source_ip,
            provider=self.provider,
            subject=self.subject,
            value=self.value,
            author=author(),
            reason=self.reason,
            created_at=now,
            expires_at=now + self.lasts if self.lasts else None,
        )


def write_down(kept: Records, wish: Wish) -> orders.Order:
    """Give the controller an order; it obeys from its next look on."""
    with kept.open() as session:
        return _give(session, wish, kept.now)


def replace(kept: Records, number: int, wishes: Iterable[Wish]) -> list[orders.Order]:
    """Withdraw an order and give others in its place, all at once. Raises NotFoundError."""
    with kept.open() as session:
        given = [_give(session, wish, kept.now) for wish in wishes]
        reason = given[0].reason if given else ""
        _withdraw(session, number, kept.now, reason)
        return given


def withdraw(kept: Records, numbers: Iterable[int], reason: str) -> list[orders.Order]:
    """Take orders back. Raises NotFoundError."""
    with kept.open() as session:
        return [_withdraw(session, number, kept.now, reason) for number in numbers]


def standing(kept: Records) -> list[orders.Order]:
    """Every order in force, oldest first."""
    with kept.look() as session:
        return orders.standing(session, kept.now)


def _give(session: Session, wish: Wish, now: datetime) -> orders.Order:
    order = orders.give(session, wish.order(now))
    after = wish.value or (None if wish.subject == "*" else wish.subject)
    _audit(session, now, f"order.{wish.kind.name.lower()}", wish.where, after=after, reason=wish.reason)
    return order


def _withdraw(session: Session, number: int, now: datetime, reason: str) -> orders.Order:
    order = orders.withdraw(session, number, now)
    subject = f"order {number}: {order.kind.name.lower()}"
    _audit(session, now, "order.withdrawn", subject, before=order.value or order.subject, reason=reason)
    return order


def withdraw_all(kept: Records, scope: Scope, reason: str) -> list[orders.Order]:
    """Take back every pin, freeze and release on exactly this scope."""
    with kept.open() as session:
        found = [
            order
            for order in orders.standing(session, kept.now)
            if order.source_ip == scope.source_ip
            and order.provider == scope.provider
            and order.kind in _ON_SCOPES
        ]
        return [_withdraw(session, order.id, kept.now, reason) for order in found]


_ON_SCOPES = {orders.OrderKind.PIN, orders.OrderKind.FREEZE, orders.OrderKind.RELEASE}


def _audit(session: Session, at: datetime, action: str, subject: str, **more: Any) -> None:
    audit.append(session, audit.AuditEntry(at=at, actor=author(), action=action, subject=subject, **more))
