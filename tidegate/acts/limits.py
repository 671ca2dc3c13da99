"""An operator's rates: leases on the engine, and orders that keep the controller to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.address import IpAddress, parse_ip
from core.clock import SystemClock
from core.duration import format_duration
from core.errors import NotFoundError, OperatorError
from core.lease import Directive, Lease, Origin, Scope
from core.provider import EVERY
from core.rate import Rate
from storage.orders import OrderKind
from tidegate.acts import records
from tidegate.acts.deeds import Terms
from tidegate.acts.records import Records, Wish
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.output import read_time
from tidegate.config.problems import did_you_mean

if TYPE_CHECKING:
    from tidegate.client import EngineClient


@dataclass(frozen=True, slots=True)
class Pinned:
    """A rate that was set; `order` is the number of what the controller was told, if it was."""

    lease: Lease
    order: int | None
    text: str
    undo: str


@dataclass(frozen=True, slots=True)
class Released:
    """Leases that were lifted, and in words what became of orders."""

    leases: tuple[Mapping[str, Any], ...]
    orders: tuple[str, ...]
    text: str
    undo: str


def scope_of(ip: str, provider: str | None) -> Scope:
    """The scope that the words name. Raises UsageError."""
    try:
        address: IpAddress = parse_ip(ip)
    except ValueError:
        raise UsageError(f"{ip!r} is not an IP address; write it like 203.0.113.7") from None
    return Scope(source_ip=address, provider=provider or EVERY)


def refuse_strangers(client: "EngineClient", scope: Scope) -> None:
    """A typing error must not become a limit on nothing. Raises NotFoundError."""
    there = client.scopes().get("scopes", [])
    ips = {str(one.get("source_ip")) for one in there}
    providers = {str(one.get("provider")) for one in there}
    if str(scope.source_ip) not in ips:
        raise NotFoundError(
            f"{scope.source_ip} is no source IP of this engine; it has {', '.join(sorted(ips))}"
        )
    if scope.provider not in providers | {EVERY}:
        meant = did_you_mean(scope.provider, providers) or f"it knows {', '.join(sorted(providers))}"
        raise NotFoundError(f"the engine knows no provider {scope.provider!r}; {meant}")


def engine_time(client: "EngineClient") -> datetime:
    """The engine's time, which a rehearsal runs faster than ours."""
    return read_time(client.status().get("now")) or SystemClock().now()


def lease_for(scope: Scope, value: Rate, terms: Terms, author: str, now: datetime) -> Lease:
    """The lease of an operator on a scope, as of now. `terms.lasts` None: until it is released."""
    return Lease(
        key=f"operator:{scope.source_ip}:{scope.provider}",
        scope=scope,
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=value,
        origin=Origin.OPERATOR,
        reason=terms.reason,
        set_by=author,
        set_at=now,
        expires_at=now + terms.lasts if terms.lasts else None,
    )


def pin(client: "EngineClient", kept: Records | None, lease: Lease, terms: Terms) -> Pinned:
    """Put an operator's lease on the engine, and tell the controller to keep to the rate.

    Without the second it would hold the scope lower. `kept` None: there is no controller here.
    """
    client.put_lease(lease)
    number = None
    if kept is not None:
        scope = lease.scope
        wish = Wish(
            OrderKind.PIN, terms.reason, terms.lasts, scope.source_ip, scope.provider, value=str(lease.value)
        )
        number = records.write_down(kept, wish).id
    told = f" Order {number} tells the controller to keep to it." if number else ""
    text = f"{lease.scope}: {lease.directive} {lease.value} {terms.span}.{told}"
    return Pinned(lease, number, text, undo_pin(lease.scope))


def release(
    client: "EngineClient",
    kept: Records | None,
    target: str,
    provider: str | None,
    terms: Terms,
) -> Released:
    """Lift leases, withdraw orders, and keep the controller away for a while. Raises NotFoundError."""
    found = leases_of(client, target, provider)
    concerned = scopes(found, target, provider)
    said = [text for scope in concerned for text in _tell(kept, scope, found, terms)]
    for lease in found:
        client.delete_lease(lease["key"], terms.reason)
        if kept is not None:
            before = str(lease.get("value"))
            records.note(kept, "lease.released", str(lease["key"]), before=before, reason=terms.reason)
    if not found and not said:
        raise nothing_on(target)
    return Released(tuple(found), tuple(said), told_release("Lifted", found, said), undo_release(found))


def nothing_on(target: str) -> NotFoundError:
    """There is nothing to release."""
    return NotFoundError(f"no lease and no order stands on {target}; tidegate show leases lists them")


def told_release(verb: str, found: Sequence[Mapping[str, Any]], said: Sequence[str] = ()) -> str:
    """What was released, a line each."""
    lines = [f"{verb} {lease['key']} ({lease.get('value')})" for lease in found] + list(said)
    return "\n".join(lines) or f"{verb} nothing."


def _tell(kept: Records | None, scope: Scope, found: Sequence[Mapping[str, Any]], terms: Terms) -> list[str]:
    if kept is None:
        return []
    withdrawn = records.withdraw_all(kept, scope, terms.reason)
    said = [f"Withdrew order {order.id}: {order.kind}" for order in withdrawn]
    automatic = [lease for lease in found if lease.get("origin") == Origin.CONTROLLER]
    if terms.lasts and any(scope_in(lease) == scope for lease in automatic):
        wish = Wish(OrderKind.RELEASE, terms.reason, terms.lasts, scope.source_ip, scope.provider)
        order = records.write_down(kept, wish)
        said.append(
            f"Order {order.id}: the controller leaves {scope} alone for {format_duration(terms.lasts)}"
        )
    return said


def leases_of(client: "EngineClient", target: str, provider: str | None) -> list[dict[str, Any]]:
    """The leases under a key, or on an IP (at one provider if it is given)."""
    every = client.leases().get("leases", [])
    exact = [lease for lease in every if lease.get("key") == target]
    if exact or ":" in target.replace("::", ""):
        return exact
    return [
        lease
        for lease in every
        if lease["scope"]["source_ip"] == target and provider in {None, lease["scope"]["provider"]}
    ]


def scopes(found: Sequence[Mapping[str, Any]], target: str, provider: str | None) -> list[Scope]:
    """The scopes that leases are on, and the one that the words name. Raises NotFoundError."""
    named = [scope_in(lease) for lease in found]
    try:
        named.append(scope_of(target, provider))
    except OperatorError:
        if not named:
            raise NotFoundError(f"there is no lease {target!r}; tidegate show leases lists them") from None
    return list(dict.fromkeys(named))


def scope_in(lease: Mapping[str, Any]) -> Scope:
    return Scope.model_validate(lease["scope"])


def undo_pin(scope: Scope) -> str:
    """The command that takes a pin back."""
    return f'tidegate release {_where(scope)} --reason "…"'


def undo_release(found: Sequence[Mapping[str, Any]]) -> str:
    """The command that puts the first of some released leases back."""
    if not found:
        return ""
    where, value = _where(scope_in(found[0])), found[0].get("value")
    return f'tidegate pin {where} --rate {value} --for 2h --reason "…"'


def _where(scope: Scope) -> str:
    return str(scope.source_ip) if scope.provider == EVERY else f"{scope.source_ip} {scope.provider}"
