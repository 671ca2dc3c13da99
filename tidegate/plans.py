"""What the controller would do, and what its guard asks, as it is mailed."""

from collections.abc import Iterable

from core.lease import Directive
from core.provider import EVERY
from monitor.notifications.views import PlannedChange
from storage.leases import LeaseChange
from storage.orders import Order

_NONE = "no limit of its own"


def of(changes: Iterable[LeaseChange]) -> list[PlannedChange]:
    """The changes in plain words, each with the command that makes it by hand."""
    return [
        PlannedChange(
            scope=str(change.scope),
            directive=str(change.directive),
            before=str(change.before) if change.before else _NONE,
            after=str(change.after) if change.after else _NONE,
            rule=change.rule,
            reason=change.reason,
            command=_by_hand(change),
        )
        for change in changes
    ]


def questions(asked: Iterable[Order]) -> list[PlannedChange]:
    """What the guard holds back, each with the two answers."""
    return [
        PlannedChange(
            scope=order.subject,
            directive="new caps on its word",
            before="held back",
            after="your decision",
            rule="guard",
            reason=order.reason,
            command=f'tidegate approve {order.id} --reason "…"   or   tidegate deny {order.id} --reason "…"',
        )
        for order in asked
    ]


def _by_hand(change: LeaseChange) -> str:
    """The CLI sets message rates alone; other directives have no command."""
    if change.directive is not Directive.SOURCE_IP_MAX_MSG_RATE:
        return ""
    scope = change.scope
    where = f"{scope.source_ip}" if scope.provider == EVERY else f"{scope.source_ip} {scope.provider}"
    if change.after is None:
        return f'tidegate release {where} --reason "…"'
    return f'tidegate pin {where} --rate {change.after} --for 6h --reason "…"'
