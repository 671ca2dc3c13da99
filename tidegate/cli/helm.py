"""The work behind the orders to the controller: words to orders, and what is printed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.provider import EVERY
from storage.orders import Order, OrderKind
from tidegate.acts import deeds, plan, records
from tidegate.acts.deeds import Deed, Place
from tidegate.acts.records import Records
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
    _withdraw_kind(asked, OrderKind.STOP, terms, ("kill-switch", "off"))


def thaw(asked: Invocation, terms: Terms) -> None:
    """End every freeze of the whole fleet."""
    _withdraw_kind(asked, OrderKind.FREEZE, terms, ("thaw",))


def approve(asked: Invocation, number: int, terms: Terms) -> None:
    """Let a source act although it names much of the fleet."""
    kept = orders.records(asked)
    asking = deeds.question(kept, number)
    _answer(asked, kept, asking, [deeds.approve(asking, terms.agreed)], terms, "approve")


def deny(asked: Invocation, number: int, terms: Terms) -> None:
    """Ignore a source for the whole fleet."""
    kept = orders.records(asked)
    asking = deeds.question(kept, number)
    _answer(asked, kept, asking, deeds.deny(asking, terms.agreed), terms, "deny")


def withdraw(asked: Invocation, number: int, terms: Terms) -> None:
    """Take one order back."""
    reason, kept = hand.said_why(terms.reason), orders.records(asked)
    words = ("withdraw", str(number))
    _take_back(asked, kept, [deeds.order_of(kept, number)], reason, terms, words)


def _give(asked: Invocation, deed: Deed, terms: Terms) -> None:
    orders.refuse_strangers(asked, deed.wish.source_ip, deed.wish.provider)
    kept = orders.records(asked)
    if terms.dry_run:
        with asked.client() as engine:
            hand.show_plan(asked, plan.of_deeds(engine, kept, [deed], terms.agreed))
        return
    order = records.write_down(kept, deed.wish)
    back = deed.undo or deeds.undo(order)
    hand.report(asked, f"Order {order.id}: {deed.text}", back, {"order": order.document})


def _answer(
    asked: Invocation, kept: Records, asking: Order, given: list[Deed], terms: Terms, verb: str
) -> None:
    text, wishes = given[0].text, [deed.wish for deed in given]
    if terms.dry_run:
        command = plan.answer(verb, asking.id, terms.agreed)
        with asked.client() as engine:
            hand.show_plan(asked, plan.of_deeds(engine, kept, given, terms.agreed, command))
        return
    found = records.replace(kept, asking.id, wishes)
    numbers = ", ".join(str(order.id) for order in found)
    document = {"orders": [order.document for order in found]}
    hand.report(asked, f"Order {numbers}: {text}", deeds.undo(found[0]), document)


def _withdraw_kind(asked: Invocation, kind: OrderKind, terms: Terms, words: tuple[str, ...]) -> None:
    reason, kept = hand.said_why(terms.reason), orders.records(asked)
    found = deeds.standing_of(records.standing(kept), kind)
    _take_back(asked, kept, found, reason, terms, words)


def _take_back(
    asked: Invocation, kept: Records, found: list[Order], reason: str, terms: Terms, words: tuple[str, ...]
) -> None:
    if terms.dry_run:
        with asked.client() as engine:
            hand.show_plan(asked, plan.of_withdrawal(engine, found, kept.now, reason, words))
        return
    found = records.withdraw(kept, [order.id for order in found], reason)
    lines = [f"Withdrew order {order.id}: {order.kind}, given by {order.author}" for order in found]
    hand.report(asked, "\n".join(lines), "", {"withdrawn": [order.document for order in found]})


def listing(asked: Invocation) -> dict[str, Any]:
    """Every order in force."""
    kept = orders.records(asked)
    found = [order.document for order in records.standing(kept)]
    return {"schema": "orders/v1", "now": kept.now.isoformat(), "orders": found}
