"""The work behind `pin` and `release`: leases on the engine, and orders that keep the controller to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.duration import format_duration, parse_duration
from core.errors import ConfigError, NotFoundError, OperatorError
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from storage.orders import OrderKind
from tidegate.cli import known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import block, emit, emit_json, note
from tidegate.cli.queue_view import now_of
from tidegate.client import EngineClient


@dataclass(frozen=True, slots=True)
class Pin:
    """A rate that an operator wants, as typed."""

    ip: str
    provider: str | None
    rate: str
    reason: str
    lasts: str


def pin(asked: Invocation, wish: Pin, *, dry_run: bool) -> None:
    """Put an operator's lease on the engine, and tell the controller to keep to the rate."""
    scope, time = known.scope_of(wish.ip, wish.provider), duration(wish.lasts)
    value, reason = Rate.parse(wish.rate), said_why(wish.reason)
    with asked.client() as client:
        known.refuse_strangers(client, scope)
        lease = operator_lease(client, scope, value, reason, time)
        answer = client.put_lease(lease, dry_run=dry_run)
    if dry_run:
        report(asked, f"Would set {scope} to {value} for {format_duration(time)}.", "", {"would": answer})
        return
    number = _tell_pin(asked, scope, value, reason, time)
    told = f" Order {number} tells the controller to keep to it." if number else ""
    report(
        asked,
        f"{scope}: {Directive.SOURCE_IP_MAX_MSG_RATE} {value} for {format_duration(time)}.{told}",
        undo(scope),
        {"lease": lease.model_dump(mode="json"), "order": number},
    )


def release(
    asked: Invocation, target: str, provider: str | None, reason: str, lasts: str, *, dry_run: bool
) -> None:
    """Delete leases, withdraw orders, and keep the controller away for a while."""
    time, said = duration(lasts), said_why(reason)
    with asked.client() as client:
        found = leases_of(client, target, provider)
        concerned = scopes(found, target, provider)
        if dry_run:
            _report_release(asked, "Would lift", found, ())
            return
        taken_back = [text for scope in concerned for text in tell_release(asked, scope, found, said, time)]
        for lease in found:
            client.delete_lease(lease["key"])
    if not found and not taken_back:
        raise NotFoundError(f"no lease and no order stands on {target}; tidegate show leases lists them")
    _report_release(asked, "Lifted", found, taken_back)


def _report_release(
    asked: Invocation, verb: str, found: list[dict[str, Any]], taken_back: Sequence[str]
) -> None:
    lines = [f"{verb} {lease['key']} ({lease.get('value')})" for lease in found] + list(taken_back)
    document = {"released": found, "orders": list(taken_back)}
    report(asked, "\n".join(lines) or f"{verb} nothing.", undo_release(found), document)


def operator_lease(client: EngineClient, scope: Scope, value: Rate, reason: str, lasts: timedelta) -> Lease:
    now = now_of(client)
    return Lease(
        key=f"operator:{scope.source_ip}:{scope.provider}",
        scope=scope,
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=value,
        origin=Origin.OPERATOR,
        reason=reason,
        set_by=orders.author(),
        set_at=now,
        expires_at=now + lasts,
    )


def _tell_pin(asked: Invocation, scope: Scope, value: Rate, reason: str, lasts: timedelta) -> int | None:
    """Tell the controller too, or it would hold the scope lower. None where there is no controller here."""
    kept = _records(asked)
    if kept is None:
        return None
    wish = orders.Wish(OrderKind.PIN, reason, lasts, scope.source_ip, scope.provider, value=str(value))
    return orders.write_down(kept, wish).id


def tell_release(
    asked: Invocation, scope: Scope, found: list[dict[str, Any]], reason: str, lasts: timedelta
) -> list[str]:
    kept = _records(asked)
    if kept is None:
        return []
    said = [f"Withdrew order {order.id}: {order.kind}" for order in orders.withdraw_all(kept, scope, reason)]
    automatic = [lease for lease in found if lease.get("origin") == Origin.CONTROLLER]
    if any(_scope(lease) == scope for lease in automatic):
        wish = orders.Wish(OrderKind.RELEASE, reason, lasts, scope.source_ip, scope.provider)
        order = orders.write_down(kept, wish)
        said.append(f"Order {order.id}: the controller leaves {scope} alone for {format_duration(lasts)}")
    return said


def _records(asked: Invocation) -> orders.Records | None:
    try:
        return orders.records(asked)
    except (ConfigError, OperatorError) as error:
        note(f"tidegate: the controller was not told, only the engine: {error}")
        return None


def leases_of(client: EngineClient, target: str, provider: str | None) -> list[dict[str, Any]]:
    every = client.leases().get("leases", [])
    exact = [lease for lease in every if lease.get("key") == target]
    if exact or ":" in target.replace("::", ""):
        return exact
    return [
        lease
        for lease in every
        if lease["scope"]["source_ip"] == target and provider in {None, lease["scope"]["provider"]}
    ]


def scopes(found: list[dict[str, Any]], target: str, provider: str | None) -> list[Scope]:
    scopes = [_scope(lease) for lease in found]
    try:
        scopes.append(known.scope_of(target, provider))
    except OperatorError:
        if not scopes:
            raise NotFoundError(f"there is no lease {target!r}; tidegate show leases lists them") from None
    return list(dict.fromkeys(scopes))


def _scope(lease: dict[str, Any]) -> Scope:
    return Scope.model_validate(lease["scope"])


def duration(text: str) -> timedelta:
    found = parse_duration(text)
    if not found:
        raise UsageError("--for must be longer than nothing, like 2h")
    return found


def said_why(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason must say why")
    return reason.strip()


def undo(scope: Scope) -> str:
    where = "" if scope.provider == "*" else f" {scope.provider}"
    return f'tidegate release {scope.source_ip}{where} --reason "…"'


def undo_release(found: list[dict[str, Any]]) -> str:
    if not found:
        return ""
    scope = _scope(found[0])
    where = "" if scope.provider == "*" else f" {scope.provider}"
    return f'tidegate pin {scope.source_ip}{where} --rate {found[0].get("value")} --for 2h --reason "…"'


def report(asked: Invocation, text: str, undo: str, document: dict[str, Any]) -> None:
    if asked.as_json:
        emit_json({"schema": "change/v1", **document, "undo": undo or None})
        return
    emit(text)
    if undo:
        emit(block([("undo", undo)]))
