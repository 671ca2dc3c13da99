"""What the controller would do, as advise mode mails it."""

from collections.abc import Iterable

from core.lease import Directive
from core.provider import EVERY
from monitor.notifications.views import PlannedChange
from storage.leases import LeaseChange

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


def _by_hand(change: LeaseChange) -> str:
    """The CLI sets message rates alone; other directives have no command."""
    if change.directive is not Directive.SOURCE_IP_MAX_MSG_RATE:
        return ""
    scope = change.scope
    where = f"{scope.source_ip}" if scope.provider == EVERY else f"{scope.source_ip} {scope.provider}"
    if change.after is None:
        return f'tidegate release {where} --reason "…"'
    return f'tidegate override {where} --rate {change.after} --for 6h --reason "…"'
