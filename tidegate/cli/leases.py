"""`hold`, `release`, `override`: the operator's hand on a limit."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.duration import format_duration, parse_duration
from core.errors import ConfigError, NotFoundError, OperatorError
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from tidegate.cli import invocation
from tidegate.cli.app import EVERYWHERE, app
from tidegate.cli.output import block, emit, emit_json, note

if TYPE_CHECKING:
    from tidegate.cli.orders import Records
    from tidegate.client import EngineClient

Ip = Annotated[str, typer.Argument(metavar="IP")]
Provider = Annotated[str | None, typer.Argument(metavar="[PROVIDER]", help="Left out: every provider.")]
ProviderOption = Annotated[str | None, typer.Option("--provider", help="The same as PROVIDER.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Why; kept in the audit and shown wherever the limit is.")
]
For = Annotated[str, typer.Option("--for", metavar="DURATION", help="For how long, like 2h.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


@app.command(epilog=EVERYWHERE)
def hold(
    context: typer.Context,
    *,
    ip: Ip,
    where: Provider = None,
    provider: ProviderOption = None,
    reason: Reason,
    lasts: For = "2h",
) -> None:
    """Keep the controller's hands off an IP: no automatic change, up or down, for a while."""
    from storage.orders import OrderKind  # noqa: PLC0415
    from tidegate.cli import orders  # noqa: PLC0415

    asked = invocation.of(context)
    scope, time = orders.scope_of(ip, provider or where), _duration(lasts)
    order = orders.write_down(orders.records(asked), OrderKind.FREEZE, scope, _said(reason), time)
    _report(
        asked,
        f"Order {order.id}: the controller changes nothing on {scope} for {format_duration(time)}.",
        _undo(scope),
        {"order": order.model_dump(mode="json")},
    )


@app.command(epilog=EVERYWHERE)
def override(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    *,
    ip: Ip,
    where: Provider = None,
    provider: ProviderOption = None,
    rate: Annotated[str, typer.Option("--rate", help="source-ip-max-msg-rate, like 2000/h.")],
    reason: Reason,
    lasts: For = "2h",
    dry_run: DryRun = False,
) -> None:
    """Set the rate of an IP yourself, for a while. The configured limit still holds above it."""
    from tidegate.cli import orders  # noqa: PLC0415

    asked = invocation.of(context)
    scope, time, value = orders.scope_of(ip, provider or where), _duration(lasts), Rate.parse(rate)
    with asked.client() as client:
        lease = _operator_lease(client, scope, value, _said(reason), time)
        answer = client.put_lease(lease, dry_run=dry_run)
    if dry_run:
        _report(asked, f"Would set {scope} to {value} for {format_duration(time)}.", "", {"would": answer})
        return
    number = _pin(asked, scope, value, reason, time)
    told = f" Order {number} tells the controller to keep to it." if number else ""
    _report(
        asked,
        f"{scope}: {Directive.SOURCE_IP_MAX_MSG_RATE} {value} for {format_duration(time)}.{told}",
        _undo(scope),
        {"lease": lease.model_dump(mode="json"), "order": number},
    )


@app.command(epilog=EVERYWHERE)
def release(
    context: typer.Context,
    *,
    target: Annotated[str, typer.Argument(metavar="KEY|IP", help="A lease's key, or an IP.")],
    where: Provider = None,
    provider: ProviderOption = None,
    reason: Reason,
    lasts: Annotated[
        str,
        typer.Option(
            "--for", metavar="DURATION", help="How long the controller leaves a released scope alone."
        ),
    ] = "24h",
) -> None:
    """Lift run-time limits of an IP, or one lease; the controller lets go and leaves it alone."""
    asked = invocation.of(context)
    time, said = _duration(lasts), _said(reason)
    with asked.client() as client:
        found = _leases_of(client, target, provider or where)
        scopes = _scopes(found, target, provider or where)
        taken_back = [text for scope in scopes for text in _tell_release(asked, scope, found, said, time)]
        for lease in found:
            client.delete_lease(lease["key"])
    if not found and not taken_back:
        raise NotFoundError(f"no lease and no order stands on {target}; tidegate show leases lists them")
    lines = [f"Lifted {lease['key']} ({lease.get('value')})" for lease in found] + taken_back
    _report(asked, "\n".join(lines), _undo_release(found), {"released": found, "orders": taken_back})


def _operator_lease(
    client: "EngineClient", scope: Scope, value: Rate, reason: str, lasts: timedelta
) -> Lease:
    from tidegate.cli.orders import author  # noqa: PLC0415
    from tidegate.cli.queue_view import now_of  # noqa: PLC0415

    now = now_of(client)
    return Lease(
        key=f"operator:{scope.source_ip}:{scope.provider}",
        scope=scope,
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=value,
        origin=Origin.OPERATOR,
        reason=reason,
        set_by=author(),
        set_at=now,
        expires_at=now + lasts,
    )


def _pin(
    asked: invocation.Invocation, scope: Scope, value: Rate, reason: str, lasts: timedelta
) -> int | None:
    """Tell the controller too, or it would hold the scope lower. None where there is no controller here."""
    from storage.orders import OrderKind  # noqa: PLC0415
    from tidegate.cli import orders  # noqa: PLC0415

    kept = _records(asked)
    if kept is None:
        return None
    return orders.write_down(kept, OrderKind.PIN, scope, reason, lasts, str(value)).id


def _tell_release(
    asked: invocation.Invocation, scope: Scope, found: list[dict[str, Any]], reason: str, lasts: timedelta
) -> list[str]:
    from storage.orders import OrderKind  # noqa: PLC0415
    from tidegate.cli import orders  # noqa: PLC0415

    kept = _records(asked)
    if kept is None:
        return []
    said = [f"Withdrew order {order.id}: {order.kind}" for order in orders.withdraw_all(kept, scope, reason)]
    automatic = [lease for lease in found if lease.get("origin") == Origin.CONTROLLER]
    if any(_scope(lease) == scope for lease in automatic):
        order = orders.write_down(kept, OrderKind.RELEASE, scope, reason, lasts)
        said.append(f"Order {order.id}: the controller leaves {scope} alone for {format_duration(lasts)}")
    return said


def _records(asked: invocation.Invocation) -> "Records | None":
    from tidegate.cli import orders  # noqa: PLC0415

    try:
        return orders.records(asked)
    except (ConfigError, OperatorError) as error:
        note(f"tidegate: the controller was not told, only the engine: {error}")
        return None


def _leases_of(client: "EngineClient", target: str, provider: str | None) -> list[dict[str, Any]]:
    every = client.leases().get("leases", [])
    exact = [lease for lease in every if lease.get("key") == target]
    if exact or ":" in target.replace("::", ""):
        return exact
    return [
        lease
        for lease in every
        if lease["scope"]["source_ip"] == target and provider in {None, lease["scope"]["provider"]}
    ]


def _scopes(found: list[dict[str, Any]], target: str, provider: str | None) -> list[Scope]:
    from tidegate.cli import orders  # noqa: PLC0415

    scopes = [_scope(lease) for lease in found]
    try:
        scopes.append(orders.scope_of(target, provider))
    except OperatorError:
        if not scopes:
            raise NotFoundError(f"there is no lease {target!r}; tidegate show leases lists them") from None
    return list(dict.fromkeys(scopes))


def _scope(lease: dict[str, Any]) -> Scope:
    return Scope.model_validate(lease["scope"])


def _duration(text: str) -> timedelta:
    found = parse_duration(text)
    if not found:
        raise OperatorError("--for must be longer than nothing, like 2h")
    return found


def _said(reason: str) -> str:
    if not reason.strip():
        raise OperatorError("--reason must say why")
    return reason.strip()


def _undo(scope: Scope) -> str:
    where = "" if scope.provider == "*" else f" {scope.provider}"
    return f'tidegate release {scope.source_ip}{where} --reason "…"'


def _undo_release(found: list[dict[str, Any]]) -> str:
    if not found:
        return ""
    scope = _scope(found[0])
    where = "" if scope.provider == "*" else f" {scope.provider}"
    return f'tidegate override {scope.source_ip}{where} --rate {found[0].get("value")} --for 2h --reason "…"'


def _report(asked: invocation.Invocation, text: str, undo: str, document: dict[str, Any]) -> None:
    if asked.as_json:
        emit_json({"schema": "change/v1", **document, "undo": undo or None})
        return
    emit(text)
    if undo:
        emit(block([("undo", undo)]))
