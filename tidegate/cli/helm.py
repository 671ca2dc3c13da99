"""The work behind the orders to the controller: words to orders, and what is printed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.errors import NotFoundError
from core.provider import EVERY
from storage.orders import Order, OrderKind
from tidegate.acts import deeds, records
from tidegate.acts.deeds import Deed, Place
from tidegate.acts.records import Records, Wish
from tidegate.cli import hand, known, orders
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation


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
    def agreed(self) -> deeds.Terms:
        """The same as values. Raises UsageError for an empty reason or time."""
        return deeds.Terms(hand.said_why(self.reason), self.time)


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
    _give(asked, deeds.hold(place(ip, provider, everything=False), terms.agreed), terms)


def freeze(asked: Invocation, provider: str | None, terms: Terms) -> None:
    """Freeze every scope."""
    _give(asked, deeds.freeze(provider, terms.agreed), terms)


def override(asked: Invocation, where: Place, signal: str, terms: Terms) -> None:
    """Ignore one signal on a scope."""
    subject = deeds.subject(orders.records(asked), signal)
    _give(asked, deeds.override(where, signal, subject, terms.agreed), terms)


def set_mode(asked: Invocation, where: Place, mode: str, terms: Terms) -> None:
    """Another mode on a scope."""
    _give(asked, deeds.set_mode(where, mode, terms.agreed), terms)


def stop(asked: Invocation, terms: Terms) -> None:
    """Pull the kill switch."""
    _give(asked, deeds.stop(terms.agreed), terms)


def start(asked: Invocation, terms: Terms) -> None:
    """Let go of the kill switch."""
    _withdraw_kind(asked, OrderKind.STOP, "the kill switch is not on", terms)


def thaw(asked: Invocation, terms: Terms) -> None:
    """End every freeze of the whole fleet."""
    _withdraw_kind(asked, OrderKind.FREEZE, "the fleet is not frozen", terms)


def approve(asked: Invocation, number: int, terms: Terms) -> None:
    """Let a source act although it names much of the fleet."""
    kept = orders.records(asked)
    asking = deeds.question(kept, number)
    _answer(asked, kept, asking, [deeds.approve(asking, terms.agreed)], terms)


def deny(asked: Invocation, number: int, terms: Terms) -> None:
    """Ignore a source for the whole fleet."""
    kept = orders.records(asked)
    asking = deeds.question(kept, number)
    _answer(asked, kept, asking, deeds.deny(asking, terms.agreed), terms)


def withdraw(asked: Invocation, number: int, terms: Terms) -> None:
    """Take one order back."""
    reason, kept = hand.said_why(terms.reason), orders.records(asked)
    _take_back(asked, kept, [deeds.order_of(kept, number)], reason, terms)


def _give(asked: Invocation, deed: Deed, terms: Terms) -> None:
    orders.refuse_strangers(asked, deed.wish.source_ip, deed.wish.provider)
    kept = orders.records(asked)
    if terms.dry_run:
        would = _would(kept, deed.wish)
        hand.report(asked, f"Would order: {deed.text}", "", {"would": would})
        return
    order = records.write_down(kept, deed.wish)
    back = deed.undo or deeds.undo(order)
    hand.report(asked, f"Order {order.id}: {deed.text}", back, {"order": _document(order)})


def _answer(asked: Invocation, kept: Records, asking: Order, given: list[Deed], terms: Terms) -> None:
    text, wishes = given[0].text, [deed.wish for deed in given]
    if terms.dry_run:
        would = [_would(kept, wish) for wish in wishes]
        hand.report(asked, f"Would order: {text}", "", {"would": would})
        return
    found = records.replace(kept, asking.id, wishes)
    numbers = ", ".join(str(order.id) for order in found)
    document = {"orders": [_document(order) for order in found]}
    hand.report(asked, f"Order {numbers}: {text}", deeds.undo(found[0]), document)


def _would(kept: Records, wish: Wish) -> dict[str, Any]:
    return wish.order(kept.now, kept.author).model_dump(mode="json")


def _withdraw_kind(asked: Invocation, kind: OrderKind, absent: str, terms: Terms) -> None:
    reason, kept = hand.said_why(terms.reason), orders.records(asked)
    found = deeds.of_fleet(records.standing(kept), kind)
    if not found:
        raise NotFoundError(absent)
    _take_back(asked, kept, found, reason, terms)


def _take_back(asked: Invocation, kept: Records, found: list[Order], reason: str, terms: Terms) -> None:
    if not terms.dry_run:
        found = records.withdraw(kept, [order.id for order in found], reason)
    verb = "Would withdraw" if terms.dry_run else "Withdrew"
    lines = [f"{verb} order {order.id}: {order.kind}, given by {order.author}" for order in found]
    key = "would" if terms.dry_run else "withdrawn"
    hand.report(asked, "\n".join(lines), "", {key: [_document(order) for order in found]})


def _document(order: Order) -> dict[str, Any]:
    return {**order.model_dump(mode="json"), "kind": order.kind.name.lower()}


def listing(asked: Invocation) -> dict[str, Any]:
    """Every order in force."""
    kept = orders.records(asked)
    found = [_document(order) for order in records.standing(kept)]
    return {"schema": "orders/v1", "now": kept.now.isoformat(), "orders": found}
