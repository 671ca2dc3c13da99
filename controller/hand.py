"""The operator's hand on a scope: what standing orders say about it. Decides only."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from controller.settings import Mode
from core.address import IpAddress
from core.lease import Scope
from core.rate import Rate
from storage.orders import Order, OrderKind


@dataclass(frozen=True, slots=True)
class Hand:
    """What an operator ordered for one scope; newer orders of a kind win."""

    pin: Rate | None = None
    is_frozen: bool = False
    released_at: datetime | None = None
    overridden: tuple[str, ...] = ()
    mode: Mode | None = None
    text: str = ""

    @property
    def stays(self) -> bool:
        """Whether the scope's level is not the automation's to move."""
        return self.is_frozen or self.pin is not None or self.released_at is not None

    def ignores(self, rule: str) -> bool:
        return any(fnmatchcase(rule, pattern) for pattern in self.overridden)


FREE = Hand()
"""Nobody ordered anything."""


class Hands:
    """Standing orders, found by scope."""

    def __init__(self, orders: Iterable[Order]) -> None:
        ordered = sorted(orders, key=lambda order: order.id)
        self._for_all = [order for order in ordered if order.source_ip is None]
        self._by_ip: dict[IpAddress, list[Order]] = defaultdict(list)
        for order in ordered:
            if order.source_ip is not None:
                self._by_ip[order.source_ip].append(order)

    def on(self, scope: Scope) -> Hand:
        """The hand on a scope. An order for every provider speaks about each; one for `*` scopes too."""
        own = self._by_ip.get(scope.source_ip)
        if own is None and not self._for_all:
            return FREE
        return _hand(scope, sorted([*self._for_all, *(own or ())], key=lambda order: order.id))


def on(scope: Scope, orders: Iterable[Order]) -> Hand:
    """The hand on one scope."""
    return Hands(orders).on(scope)


def _hand(scope: Scope, orders: Iterable[Order]) -> Hand:
    hand = FREE
    overridden = []
    for order in orders:
        if not order.concerns(scope.source_ip, scope.provider):
            continue
        text = f"{order.kind} (ordered by {order.author}: {order.reason})"
        match order.kind:
            case OrderKind.PIN if order.value:
                hand = _with(hand, pin=Rate.parse(order.value), text=text)
            case OrderKind.FREEZE | OrderKind.STOP:
                hand = _with(hand, is_frozen=True, text=text)
            case OrderKind.RELEASE:
                hand = _with(hand, released_at=order.created_at, text=text)
            case OrderKind.MODE if order.value:
                hand = _with(hand, mode=Mode(order.value))
            case OrderKind.OVERRIDE:
                overridden.append(order.subject)
            case _:
                pass
    return _with(hand, overridden=tuple(sorted(set(overridden))))


def is_stopped(orders: Iterable[Order]) -> bool:
    """Whether somebody pulled the kill switch: then nothing is decided, sent or renewed."""
    return any(order.kind is OrderKind.STOP for order in orders)


def _with(hand: Hand, **changes: object) -> Hand:
    fields = {name: getattr(hand, name) for name in Hand.__slots__}
    return Hand(**{**fields, **changes})
