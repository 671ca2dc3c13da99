"""The work behind the orders to the controller: what is ordered, what follows, and how it is undone."""

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from controller import caution, coupling, evidence, suspicion
from controller.settings import Mode
from core.address import IpAddress
from core.duration import format_duration
from core.errors import ConflictError, NotFoundError
from core.incident import Rule
from core.provider import EVERY
from storage import incidents
from storage.orders import Order, OrderKind
from tidegate.cli import hand, known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.config.problems import did_you_mean

_SIGNALS = sorted({*map(str, Rule), *evidence.MEASURED, coupling.RULE} - {Rule.BLIND, Rule.DECREASE})


@dataclass(frozen=True, slots=True)
class Terms:
    """Why, for how long as typed (empty: until it is withdrawn), and whether only to say what would be."""

    reason: str
    lasts: str
    dry_run: bool

    @property
    def time(self) -> timedelta | None:
        return hand.duration(self.lasts) if self.lasts else None

    @property
    def span(self) -> str:
        return f"for {format_duration(self.time)}" if self.time else "until it is withdrawn"


@dataclass(frozen=True, slots=True)
class Place:
    """What an order is about; `ip` None: every IP."""

    ip: IpAddress | None
    provider: str = EVERY


def place(ip: str | None, provider: str | None, *, everything: bool) -> Place:
    """The place that the words name. Raises UsageError unless it is one IP, or everything on purpose."""
    if everything == (ip is not None):
        raise UsageError("name one IP, or write --everything")
    if ip is None:
        return Place(None, provider or EVERY)
    scope = known.scope_of(ip, provider)
    return Place(scope.source_ip, scope.provider)


def hold(asked: Invocation, ip: str, provider: str | None, terms: Terms) -> None:
    """Freeze a scope: the controller changes nothing there."""
    where = place(ip, provider, everything=False)
    wish = _wish(OrderKind.FREEZE, where, terms)
    _give(asked, wish, f"the controller changes nothing on {wish.where} {terms.span}.", terms)


def freeze(asked: Invocation, provider: str | None, terms: Terms) -> None:
    """Freeze every scope."""
    wish = _wish(OrderKind.FREEZE, Place(None, provider or EVERY), terms)
    text = f"the controller changes nothing on {wish.where} {terms.span}; what it holds stays held."
    _give(asked, wish, text, terms, undo='tidegate thaw --reason "…"')


def override(asked: Invocation, where: Place, signal: str, terms: Terms) -> None:
    """Ignore one signal on a scope."""
    subject = _subject(asked, signal)
    wish = _wish(OrderKind.OVERRIDE, where, terms, subject=subject)
    _give(asked, wish, f"the controller ignores {signal} about {wish.where} {terms.span}.", terms)


def set_mode(asked: Invocation, where: Place, mode: str, terms: Terms) -> None:
    """Another mode on a scope."""
    if mode not in set(Mode):
        meant = did_you_mean(mode, map(str, Mode)) or "write observe, advise or enforce"
        raise UsageError(f"{mode!r} is no mode; {meant}")
    wish = _wish(OrderKind.MODE, where, terms, value=mode)
    _give(asked, wish, f"on {wish.where} the controller {Mode(mode).meaning} {terms.span}.", terms)


def stop(asked: Invocation, terms: Terms) -> None:
    """Pull the kill switch."""
    text = (
        "the controller decides, sends and renews nothing. Its limits run out by themselves: "
        "in steps, never at once."
    )
    wish = _wish(OrderKind.STOP, Place(None), terms)
    _give(asked, wish, text, terms, undo='tidegate kill-switch off --reason "…"')


def start(asked: Invocation, terms: Terms) -> None:
    """Let go of the kill switch."""
    _withdraw_kind(asked, OrderKind.STOP, "the kill switch is not on", terms)


def thaw(asked: Invocation, terms: Terms) -> None:
    """End every freeze of the whole fleet."""
    _withdraw_kind(asked, OrderKind.FREEZE, "the fleet is not frozen", terms)


def approve(asked: Invocation, number: int, terms: Terms) -> None:
    """Let a source act although it names much of the fleet."""
    kept = orders.records(asked)
    asking = _question(kept, number)
    wish = _wish(OrderKind.APPROVE, Place(None), terms, subject=asking.subject)
    _answer(asked, kept, asking, [wish], f"{asking.subject} is believed {terms.span}.", terms)


def deny(asked: Invocation, number: int, terms: Terms) -> None:
    """Ignore a source for the whole fleet."""
    kept = orders.records(asked)
    asking = _question(kept, number)
    everyone = asking.subject == suspicion.FLEET
    subjects = sorted(caution.SLOW_SOURCES) if everyone else [asking.subject]
    wishes = [_wish(OrderKind.OVERRIDE, Place(None), terms, subject=subject) for subject in subjects]
    text = f"{', '.join(subjects)} ignored about every IP {terms.span}."
    _answer(asked, kept, asking, wishes, text, terms)


def withdraw(asked: Invocation, number: int, terms: Terms) -> None:
    """Take one order back."""
    reason, kept = hand.said_why(terms.reason), orders.records(asked)
    found = [order for order in orders.standing(kept) if order.id == number]
    if not found:
        raise NotFoundError(f"no order {number} stands; tidegate show orders lists those that do")
    _take_back(asked, kept, found, reason, terms)


def _wish(kind: OrderKind, where: Place, terms: Terms, **more: Any) -> orders.Wish:
    return orders.Wish(kind, hand.said_why(terms.reason), terms.time, where.ip, where.provider, **more)


def _give(asked: Invocation, wish: orders.Wish, text: str, terms: Terms, undo: str = "") -> None:
    orders.refuse_strangers(asked, wish.source_ip, wish.provider)
    kept = orders.records(asked)
    if terms.dry_run:
        would = wish.order(kept.now).model_dump(mode="json")
        hand.report(asked, f"Would order: {text}", "", {"would": would})
        return
    order = orders.write_down(kept, wish)
    back = undo or f'tidegate withdraw {order.id} --reason "…"'
    hand.report(asked, f"Order {order.id}: {text}", back, {"order": _document(order)})


def _answer(
    asked: Invocation,
    kept: orders.Records,
    asking: Order,
    wishes: list[orders.Wish],
    text: str,
    terms: Terms,
) -> None:
    if terms.dry_run:
        would = [wish.order(kept.now).model_dump(mode="json") for wish in wishes]
        hand.report(asked, f"Would order: {text}", "", {"would": would})
        return
    given = orders.replace(kept, asking.id, wishes)
    numbers = ", ".join(str(order.id) for order in given)
    undo = f'tidegate withdraw {given[0].id} --reason "…"'
    hand.report(asked, f"Order {numbers}: {text}", undo, {"orders": [_document(order) for order in given]})


def _withdraw_kind(asked: Invocation, kind: OrderKind, absent: str, terms: Terms) -> None:
    reason, kept = hand.said_why(terms.reason), orders.records(asked)
    found = [order for order in orders.standing(kept) if order.kind is kind and order.source_ip is None]
    if not found:
        raise NotFoundError(absent)
    _take_back(asked, kept, found, reason, terms)


def _take_back(
    asked: Invocation, kept: orders.Records, found: list[Order], reason: str, terms: Terms
) -> None:
    if not terms.dry_run:
        found = orders.withdraw(kept, [order.id for order in found], reason)
    verb = "Would withdraw" if terms.dry_run else "Withdrew"
    lines = [f"{verb} order {order.id}: {order.kind}, given by {order.author}" for order in found]
    key = "would" if terms.dry_run else "withdrawn"
    hand.report(asked, "\n".join(lines), "", {key: [_document(order) for order in found]})


def _question(kept: orders.Records, number: int) -> Order:
    """The guard's question of that number. Raises NotFoundError or ConflictError."""
    found = next((order for order in orders.standing(kept) if order.id == number), None)
    if found is None:
        raise NotFoundError(f"no order {number} stands; tidegate show orders lists those that do")
    if found.kind is not OrderKind.GUARD:
        raise ConflictError(
            f"order {number} is a {found.kind.name.lower()}; only a guard's order is answered"
        )
    return found


def _subject(asked: Invocation, signal: str) -> str:
    """What an override is about, as the controller compares it. Raises UsageError or NotFoundError."""
    if signal.startswith("INC-") and signal[4:].isdecimal():
        with orders.records(asked).look() as session:
            return incidents.find(session, int(signal[4:])).fingerprint
    plausible = ":" in signal or any(fnmatchcase(name, signal) for name in _SIGNALS)
    if not plausible:
        meant = did_you_mean(signal, _SIGNALS) or f"write one of {', '.join(_SIGNALS)}"
        raise UsageError(f"--ignore={signal} is no signal; {meant}")
    return signal


def _document(order: Order) -> dict[str, Any]:
    return {**order.model_dump(mode="json"), "kind": order.kind.name.lower()}


def listing(asked: Invocation) -> dict[str, Any]:
    """Every order in force."""
    kept = orders.records(asked)
    found = [_document(order) for order in orders.standing(kept)]
    return {"schema": "orders/v1", "now": kept.now.isoformat(), "orders": found}
