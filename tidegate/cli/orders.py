"""What an operator orders: written down for the controller, and put on the engine at once."""

import getpass
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from core.errors import NotFoundError
from core.lease import Scope
from storage import audit, database, orders
from tidegate.cli.invocation import Invocation
from tidegate.config import peek


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


def refuse_strangers(asked: Invocation, scope: Scope) -> None:
    """Raises NotFoundError for an IP that is in no ip-list."""
    lists = peek.sections(asked.config_path, "ip_lists")["ip_lists"]
    if not any(source.address == scope.source_ip for listed in lists.values() for source in listed):
        raise NotFoundError(f"{scope.source_ip} is in no ip-list of {asked.config_path}")


def write_down(
    kept: Records,
    kind: orders.OrderKind,
    scope: Scope,
    reason: str,
    lasts: timedelta | None,
    value: str | None = None,
) -> orders.Order:
    """Give the controller an order; it obeys from its next look on."""
    who = author()
    with kept.open() as session:
        order = orders.give(
            session,
            orders.NewOrder(
                kind=kind,
                source_ip=scope.source_ip,
                provider=scope.provider,
                value=value,
                author=who,
                reason=reason,
                created_at=kept.now,
                expires_at=kept.now + lasts if lasts else None,
            ),
        )
        _audit(session, kept.now, f"order.{kind.name.lower()}", str(scope), after=value, reason=reason)
    return order


def withdraw_all(kept: Records, scope: Scope, reason: str) -> list[orders.Order]:
    """Take back every pin, freeze and release on exactly this scope."""
    with kept.open() as session:
        standing = [
            order
            for order in orders.standing(session, kept.now)
            if order.source_ip == scope.source_ip
            and order.provider == scope.provider
            and order.kind in _ON_SCOPES
        ]
        for order in standing:
            orders.withdraw(session, order.id, kept.now)
            _audit(session, kept.now, "order.withdrawn", str(scope), before=order.value, reason=reason)
    return standing


_ON_SCOPES = {orders.OrderKind.PIN, orders.OrderKind.FREEZE, orders.OrderKind.RELEASE}


def _audit(session: Session, at: datetime, action: str, subject: str, **more: Any) -> None:
    audit.append(session, audit.AuditEntry(at=at, actor=author(), action=action, subject=subject, **more))
