"""Orders to the controller, each with the sentence that says what it does and the command that undoes it."""

from collections.abc import Iterable
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
from tidegate.acts import records
from tidegate.acts.records import Records, Wish
from tidegate.cli.exit_codes import UsageError
from tidegate.config.problems import did_you_mean

SIGNALS = sorted({*map(str, Rule), *evidence.MEASURED, coupling.RULE} - {Rule.BLIND, Rule.DECREASE})


_ABSENT = {OrderKind.FREEZE: "the fleet is not frozen", OrderKind.STOP: "the kill switch is not on"}


@dataclass(frozen=True, slots=True)
class Place:
    """What an order is about; `ip` None: every IP."""

    ip: IpAddress | None
    provider: str = EVERY


@dataclass(frozen=True, slots=True)
class Terms:
    """Why, and for how long (None: until it is withdrawn)."""

    reason: str
    lasts: timedelta | None = None

    @property
    def span(self) -> str:
        return f"for {format_duration(self.lasts)}" if self.lasts else "until it is withdrawn"


@dataclass(frozen=True, slots=True)
class Deed:
    """An order and what it does, in words. `undo` is empty where the order's own number is needed for it."""

    wish: Wish
    text: str
    undo: str = ""


def hold(where: Place, terms: Terms) -> Deed:
    """Freeze a scope: the controller changes nothing there."""
    wish = _wish(OrderKind.FREEZE, where, terms)
    return Deed(wish, f"the controller changes nothing on {wish.where} {terms.span}.")


def freeze(provider: str | None, terms: Terms) -> Deed:
    """Freeze every scope."""
    wish = _wish(OrderKind.FREEZE, Place(None, provider or EVERY), terms)
    text = f"the controller changes nothing on {wish.where} {terms.span}; what it holds stays held."
    return Deed(wish, text, 'tidegate thaw --reason "…"')


def override(where: Place, signal: str, subject: str, terms: Terms) -> Deed:
    """Ignore one signal on a scope; `subject` is the signal as the controller compares it."""
    wish = _wish(OrderKind.OVERRIDE, where, terms, subject=subject)
    return Deed(wish, f"the controller ignores {signal} about {wish.where} {terms.span}.")


def set_mode(where: Place, mode: str, terms: Terms) -> Deed:
    """Another mode on a scope. Raises UsageError for what is no mode."""
    if mode not in set(Mode):
        meant = did_you_mean(mode, map(str, Mode)) or "write observe, advise or enforce"
        raise UsageError(f"{mode!r} is no mode; {meant}")
    wish = _wish(OrderKind.MODE, where, terms, value=mode)
    return Deed(wish, f"on {wish.where} the controller {Mode(mode).meaning} {terms.span}.")


def stop(terms: Terms) -> Deed:
    """Pull the kill switch."""
    text = (
        "the controller decides, sends and renews nothing. Its limits run out by themselves: "
        "in steps, never at once."
    )
    return Deed(_wish(OrderKind.STOP, Place(None), terms), text, 'tidegate kill-switch off --reason "…"')


def approve(asking: Order, terms: Terms) -> Deed:
    """Believe a source that the guard holds back."""
    wish = _wish(OrderKind.APPROVE, Place(None), terms, subject=asking.subject)
    return Deed(wish, f"{asking.subject} is believed {terms.span}.")


def deny(asking: Order, terms: Terms) -> list[Deed]:
    """Ignore a source that the guard holds back, for the whole fleet: one order for each of its signals."""
    everyone = asking.subject == suspicion.FLEET
    subjects = sorted(caution.SLOW_SOURCES) if everyone else [asking.subject]
    text = f"{', '.join(subjects)} ignored about every IP {terms.span}."
    return [Deed(_wish(OrderKind.OVERRIDE, Place(None), terms, subject=one), text) for one in subjects]


def undo(order: Order) -> str:
    """The command that takes an order back."""
    return f'tidegate withdraw {order.id} --reason "…"'


def question(kept: Records, number: int) -> Order:
    """The guard's question of that number. Raises NotFoundError or ConflictError."""
    found = order_of(kept, number)
    if found.kind is not OrderKind.GUARD:
        raise ConflictError(
            f"order {number} is a {found.kind.name.lower()}; only a guard's order is answered"
        )
    return found


def order_of(kept: Records, number: int) -> Order:
    """The standing order of that number. Raises NotFoundError."""
    found = next((order for order in records.standing(kept) if order.id == number), None)
    if found is None:
        raise NotFoundError(f"no order {number} stands; tidegate show orders lists those that do")
    return found


def standing_of(standing: Iterable[Order], kind: OrderKind) -> list[Order]:
    """The orders of a kind that are about every IP. Raises NotFoundError when none stands."""
    found = [order for order in standing if order.kind is kind and order.source_ip is None]
    if not found:
        raise NotFoundError(_ABSENT[kind])
    return found


def subject(kept: Records, signal: str) -> str:
    """What an override is about, as the controller compares it. Raises UsageError or NotFoundError."""
    if signal.startswith("INC-") and signal[4:].isdecimal():
        with kept.look() as session:
            return incidents.find(session, int(signal[4:])).fingerprint
    plausible = ":" in signal or any(fnmatchcase(name, signal) for name in SIGNALS)
    if not plausible:
        meant = did_you_mean(signal, SIGNALS) or f"write one of {', '.join(SIGNALS)}"
        raise UsageError(f"--ignore={signal} is no signal; {meant}")
    return signal


def _wish(kind: OrderKind, where: Place, terms: Terms, **more: Any) -> Wish:
    return Wish(kind, terms.reason, terms.lasts, where.ip, where.provider, **more)
