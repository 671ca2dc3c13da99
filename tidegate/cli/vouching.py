"""The work behind `sources approve`: an order that the watch process obeys within seconds."""

from datetime import timedelta
from typing import Final

from core.errors import NotFoundError, OperatorError
from monitor.collectors.self_test import Trust
from monitor.health import SourceState
from storage import audit, health, orders
from storage.audit import AuditEntry
from storage.orders import NewOrder, Order, OrderKind
from tidegate.acts.records import Records
from tidegate.cli.hand import said_why
from tidegate.cli.invocation import Invocation
from tidegate.cli.orders import records
from tidegate.cli.output import emit, emit_json

_STANDS_FOR: Final = timedelta(days=1)


def approve(asked: Invocation, zone: str, reason: str) -> None:
    """Raises NotFoundError for a list that is not asked, OperatorError for one that nobody stopped."""
    why = said_why(reason)
    kept = records(asked)
    name = zone.removeprefix("dnsbl:")
    _refuse_what_cannot_help(kept, name)
    order = _give(kept, name, why)
    if asked.as_json:
        emit_json({"schema": "order/v1", "order": order.model_dump(mode="json")})
    else:
        emit(f"Order {order.id}: {name} is asked again at once, and believed whatever it lists.")


def _refuse_what_cannot_help(kept: Records, zone: str) -> None:
    with kept.look() as session:
        known = health.find(session, f"dnsbl:{zone}")
    if known is None:
        raise NotFoundError(f"no DNS list {zone} is asked; tidegate show sources names them")
    if known.state != SourceState.QUARANTINED:
        raise OperatorError(f"{zone} is not stopped ({known.state}); there is nothing to approve")
    if str(Trust.BROKEN) in known.detail:
        raise OperatorError(
            f"{zone} cannot be approved: {known.detail}; it is believed again when it passes its self-test"
        )


def _give(kept: Records, zone: str, reason: str) -> Order:
    """To the monitor, which asks the list again, and to the controller's guard, which would ask once more."""
    who = kept.author
    told = {OrderKind.APPROVE: f"dnsbl:{zone}", OrderKind.BELIEVE: zone}
    with kept.open() as session:
        for kind, subject in told.items():
            order = orders.give(
                session,
                NewOrder(
                    kind=kind,
                    subject=subject,
                    author=who,
                    reason=reason,
                    created_at=kept.now,
                    expires_at=kept.now + _STANDS_FOR,
                ),
            )
        entry = AuditEntry(
            at=kept.now, actor=who, action="order.believe", subject=f"dnsbl:{zone}", reason=reason
        )
        audit.append(session, entry)
    return order
