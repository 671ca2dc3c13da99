"""What a rate that is set, and leases that are lifted, would do to the limits of their scopes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core import limit
from core.errors import PeerError
from core.lease import Lease, Origin, Scope, automatic_key
from core.limit import LimitChain, LimitTerm
from storage.orders import OrderKind
from tidegate.acts import limits, plan, records
from tidegate.acts.deeds import Terms
from tidegate.acts.plan import Line, Plan
from tidegate.acts.records import Records, Wish

if TYPE_CHECKING:
    from tidegate.client import EngineClient

_UNTOLD = "is not told: its records are not to be had here"


def pin(client: "EngineClient", kept: Records | None, lease: Lease, terms: Terms) -> Plan:
    """A rate that would be set; the engine is asked and keeps nothing. Raises OperatorError and PeerError."""
    answer = client.put_lease(lease, dry_run=True)
    before = _chain(answer.get("before"))
    after = _without(before, {lease.key}, lease)
    later = _without(after, {automatic_key(lease.scope, lease.directive)}) if kept is not None else after
    scope = lease.scope
    wish = Wish(
        OrderKind.PIN, terms.reason, terms.lasts, scope.source_ip, scope.provider, value=str(lease.value)
    )
    undo = limits.undo_pin(scope)
    lines = (
        Line("limit", _moved(before, after, later)),
        Line("until", plan.until(terms, lease.set_at)),
        Line("controller", _told(OrderKind.PIN, terms) if kept is not None else _UNTOLD),
        Line("command", plan.command_of(wish), exact=True),
        Line("undo", undo, exact=True),
    )
    said = f"Would set {scope} to {lease.value}"
    return Plan(f"{said} {terms.span}.", lines, answer, undo)


def release(
    client: "EngineClient", kept: Records | None, target: str, provider: str | None, terms: Terms
) -> Plan:
    """Leases that would be lifted and orders that would be withdrawn with them. Raises NotFoundError."""
    found = limits.leases_of(client, target, provider)
    concerned = limits.scopes(found, target, provider)
    orders = [] if kept is None else [one for scope in concerned for one in records.on(kept, scope)]
    if not found and not orders:
        raise limits.nothing_on(target)
    undo = limits.undo_release(found)
    withdrawn = [f"Would withdraw order {one.id}: {one.kind}" for one in orders]
    words = [target, *([provider] if provider else [])]
    lines = [
        *_lifted(client, found, concerned),
        *_after_release(kept, found, terms),
        Line("command", plan.typed("release", *words, reason=terms.reason, lasts=terms.lasts), exact=True),
    ]
    lines += [Line("undo", undo, exact=True)] if undo else []
    text = limits.told_release("Would lift", found, withdrawn)
    would = {"released": [dict(one) for one in found], "orders": [one.document for one in orders]}
    return Plan(text, tuple(lines), would, undo)


def _after_release(
    kept: Records | None, found: Iterable[Mapping[str, Any]], terms: Terms
) -> tuple[Line, ...]:
    if kept is None:
        return (Line("controller", _UNTOLD),)
    if any(one.get("origin") == Origin.CONTROLLER for one in found):
        told = Line("controller", _told(OrderKind.RELEASE, terms))
        return (Line("until", plan.until(terms, kept.now)), told)
    return (Line("controller", "goes by its evidence again from its next look on"),)


def _told(kind: OrderKind, terms: Terms) -> str:
    return f"{plan.WILL[kind]}, {terms.span}; afterwards it goes by its evidence"


def _lifted(
    client: "EngineClient", found: Sequence[Mapping[str, Any]], concerned: Iterable[Scope]
) -> list[Line]:
    """One line for each bound that moves."""
    gone = {str(one["key"]) for one in found}
    lines = []
    for scope in concerned:
        for chain in client.explain(str(scope.source_ip), scope.provider):
            if any(term.lease_key in gone for term in chain.terms):
                after = _without(chain, gone)
                lines.append(Line("limit", f"{scope}: {_moved(chain, after, after)}"))
    return lines or [Line("limit", "no rate changes at once")]


def _moved(before: LimitChain, after: LimitChain, later: LimitChain) -> str:
    said = f"{before.effective} → {after.effective}{_by(after)}"
    if after.effective == before.effective:
        said = f"stays {before.effective}{_by(after)}"
    if later.effective != after.effective:
        said += f"; {later.effective} after the controller's next look"
    return said


def _by(chain: LimitChain) -> str:
    """Who holds it then, unless nobody does."""
    binding = next((term for term in chain.terms if term.binding), None)
    if binding is None:
        return ""
    who = "" if binding.set_by == str(binding.origin) else f" ({binding.set_by})"
    return f", bound by {binding.origin}{who}"


def _without(chain: LimitChain, keys: Collection[str], lease: Lease | None = None) -> LimitChain:
    """The chain without some leases, and with a new one."""
    terms = [term for term in chain.terms if term.lease_key not in keys]
    return limit.chain(chain.subject, str(chain.directive), terms + ([_term(lease)] if lease else []))


def _term(lease: Lease) -> LimitTerm:
    return LimitTerm(
        directive=str(lease.directive),
        value=lease.value,
        origin=lease.origin,
        set_by=lease.set_by,
        reason=lease.reason,
        since=lease.set_at,
        until=lease.expires_at,
        lease_key=lease.key,
    )


def _chain(told: object) -> LimitChain:
    try:
        return LimitChain.model_validate(told)
    except ValueError as error:
        raise PeerError("the engine answers a dry run in a shape that is not known") from error
