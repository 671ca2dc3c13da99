"""What an act would do, before it is done: a terminal and a page show the same plan. Nothing here writes."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from core.duration import format_duration
from core.errors import OperatorError, PeerError
from core.provider import EVERY
from storage.orders import Order, OrderKind
from tidegate.acts.deeds import Deed, Terms
from tidegate.acts.records import Records, Wish
from tidegate.cli.output import moment

if TYPE_CHECKING:
    from tidegate.client import EngineClient

_WITHDRAW: Final = 'tidegate withdraw ORDER --reason "…", with the number that is told then'
WILL: Final = {
    OrderKind.PIN: "keeps to this rate, whatever the evidence says",
    OrderKind.FREEZE: "neither cuts nor raises there; what it holds it renews",
    OrderKind.RELEASE: "sets no limit there, whatever the evidence says",
    OrderKind.OVERRIDE: "counts this signal no more; what rests on it alone comes back in steps, never at "
    "once; every other signal still cuts",
    OrderKind.MODE: "goes by this mode from its next look on",
    OrderKind.STOP: "decides, sends and renews nothing; its limits run out in steps",
    OrderKind.APPROVE: "may cut on this source's word from its next look on",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a plan says. `exact`: to be typed as it stands."""

    label: str
    value: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`text` is what would be done, a line each; `would` the same for programs; `undo` a command or empty."""

    text: str
    lines: tuple[Line, ...]
    would: Any
    undo: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {"would": self.would, "plan": {line.label: line.value for line in self.lines}}


def of_deeds(
    engine: "EngineClient | None", kept: Records, deeds: Sequence[Deed], terms: Terms, command: str = ""
) -> Plan:
    """Orders that would be given; the first speaks for all. `command` where they answer a question."""
    wish = deeds[0].wish
    undo = deeds[0].undo or _WITHDRAW
    lines = (
        Line("limit", _stays(engine, wish)),
        Line("until", until(terms, kept.now)),
        Line("controller", WILL.get(wish.kind, "")),
        Line("command", command or command_of(wish), exact=True),
        Line("undo", undo, exact=True),
    )
    would = [one.wish.order(kept.now, kept.author).model_dump(mode="json") for one in deeds]
    return Plan(f"Would order: {deeds[0].text}", lines, would if len(would) > 1 else would[0], undo)


def of_withdrawal(
    engine: "EngineClient | None", found: Sequence[Order], now: datetime, reason: str, command: Sequence[str]
) -> Plan:
    """Orders that would be taken back."""
    wishes = [_wish(order, now) for order in found]
    undo = "; ".join(filter(None, (command_of(wish) for wish in wishes)))
    wide = wishes[0] if len(wishes) == 1 else Wish(OrderKind.FREEZE, reason, None)
    lines = [
        Line("limit", _stays(engine, wide)),
        Line(
            "controller",
            "goes by its evidence again from its next look on; what it raises, it raises in steps",
        ),
        Line("command", typed(*command, reason=reason), exact=True),
    ]
    lines += [Line("undo", undo, exact=True)] if undo else []
    text = "\n".join(f"Would withdraw order {one.id}: {one.kind}, given by {one.author}" for one in found)
    would = [one.document for one in found]
    return Plan(text, tuple(lines), would, undo)


def answer(verb: str, number: int, terms: Terms) -> str:
    """The command that answers a question of the guard."""
    return typed(verb, str(number), reason=terms.reason, lasts=terms.lasts)


def until(terms: Terms, now: datetime) -> str:
    """When it ends by itself."""
    return moment(now + terms.lasts, now) if terms.lasts else "it is withdrawn"


def command_of(wish: Wish) -> str:
    """The command that gives this order; empty where the command line has none."""
    where = place(wish.source_ip, wish.provider)
    match wish.kind:
        case OrderKind.STOP:
            return typed("kill-switch", "on", reason=wish.reason)
        case OrderKind.FREEZE if wish.source_ip is None:
            words = ["freeze", *(() if wish.provider == EVERY else ("--provider", wish.provider))]
        case OrderKind.FREEZE:
            words = ["hold", *where]
        case OrderKind.PIN:
            words = ["pin", *where, "--rate", str(wish.value)]
        case OrderKind.OVERRIDE:
            words = ["override", *where, "--ignore", wish.subject]
        case OrderKind.MODE:
            words = ["set-mode", str(wish.value), *where]
        case _:
            return ""
    return typed(*words, reason=wish.reason, lasts=wish.lasts)


def typed(*words: str, reason: str, lasts: timedelta | None = None) -> str:
    """A command as a shell takes it."""
    time = ["--for", format_duration(lasts)] if lasts else []
    return shlex.join(["tidegate", *words, *time, "--reason", reason])


def place(ip: object, provider: str) -> tuple[str, ...]:
    """A scope as words of a command."""
    if ip is None:
        return ("--everything", *(() if provider == EVERY else ("--provider", provider)))
    return (str(ip),) if provider == EVERY else (str(ip), provider)


def _wish(order: Order, now: datetime) -> Wish:
    """The wish behind an order, as it would be given again now."""
    lasts = order.expires_at - now if order.expires_at else None
    return Wish(order.kind, order.reason, lasts, order.source_ip, order.provider, order.subject, order.value)


def _stays(engine: "EngineClient | None", wish: Wish) -> str:
    """An order alone moves no rate: what holds now, and that it stays."""
    if engine is None:
        return "no rate changes at once"
    try:
        if wish.source_ip is None:
            return _fleet(engine.leases().get("leases", []), wish)
        chains = engine.explain(str(wish.source_ip), wish.provider)
    except (OperatorError, PeerError) as error:
        return f"no rate changes at once; what holds now is not known: {error}"
    rates = [f"{one.effective} ({one.directive})" for one in chains if not one.effective.is_unlimited]
    return f"stays {', '.join(rates)}" if rates else "stays unlimited"


def _fleet(leases: Iterable[Mapping[str, Any]], wish: Wish) -> str:
    count = len(list(leases))
    limits = "the 1 limit" if count == 1 else f"the {count} limits"
    if not count:
        return "none at run time, and none is set"
    if wish.kind is OrderKind.STOP:
        return f"{limits} at run time stay until they expire, and then rise in steps"
    return f"{limits} at run time stay as they are at once"
