"""Leases and orders on a page: what holds now, who said so, why, until when, and what may be done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.address import parse_ip
from core.lease import Origin
from core.rate import Rate
from core.text import printable
from storage.leases import LeaseChange
from storage.orders import Order, OrderKind
from tidegate.cli.order_view import does
from tidegate.web.views.parts import Badge, Tone, When, provider, when, when_told

_ORIGINS = {
    Origin.CONTROLLER: Badge("automatic", Tone.WARN),
    Origin.OPERATOR: Badge("by hand", Tone.INFO),
}


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """One lease. `share` is the part of the base that is left, in percent, where the base is known."""

    key: str
    ip: str
    provider: str
    scope_provider: str
    directive: str
    value: str
    base: str
    share: int | None
    origin: Badge
    is_ramping: bool
    set_by: str
    set_at: When | None
    until: When | None
    rule: str
    reason: str
    evidence: tuple[str, ...]
    undo: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One standing order. A question of the guard is answered, any other order taken back."""

    id: int
    text: str
    is_question: bool
    author: str
    given: When | None
    until: When | None
    reason: str
    undo: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change of a lease; `only` is the mode when it changed nothing on the engine."""

    at: When | None
    ip: str
    provider: str
    change: str
    rule: str
    reason: str
    actor: str
    only: str
    lowers: bool


@dataclass(frozen=True, slots=True)
class Leases:
    """The page."""

    verdict: str
    tone: Tone
    mode: str
    rows: tuple[LeaseRow, ...]
    orders: tuple[OrderRow, ...]
    changes: tuple[ChangeRow, ...]
    is_frozen: bool
    is_stopped: bool


def leases(
    found: Sequence[Mapping[str, Any]],
    orders: Sequence[Order],
    changes: Iterable[LeaseChange],
    mode: str,
    now: datetime,
) -> Leases:
    """The page, the strictest first."""
    rows = sorted((lease_row(one, now) for one in found), key=strictest_first)
    automatic = sum(one.get("origin") == Origin.CONTROLLER for one in found)
    is_stopped = any(order.kind is OrderKind.STOP for order in orders)
    fleet_wide = [order for order in orders if order.source_ip is None]
    verdict, tone = _verdict(len(rows), automatic, mode, is_stopped=is_stopped)
    return Leases(
        verdict=verdict,
        tone=tone,
        mode=mode,
        rows=tuple(rows),
        orders=tuple(order_row(order, now) for order in orders),
        changes=tuple(change_row(change, now) for change in changes),
        is_frozen=any(order.kind is OrderKind.FREEZE for order in fleet_wide),
        is_stopped=is_stopped,
    )


def strictest_first(row: LeaseRow) -> tuple[int, int, str]:
    """The order of a listing: by what is left of the base, then by IP."""
    return (100 if row.share is None else row.share, int(parse_ip(row.ip)), row.provider)


def _verdict(count: int, automatic: int, mode: str, *, is_stopped: bool) -> tuple[str, Tone]:
    if is_stopped:
        return "The controller is switched off: its limits run out by themselves, in steps.", Tone.BAD
    if not count:
        return f"No limits at run time: every limit is the configured one. The mode is {mode}.", Tone.OK
    by_hand = count - automatic
    parts = [f"{automatic} set by the controller"] if automatic else []
    parts += [f"{by_hand} by hand"] if by_hand else []
    return f"{count} limit{'' if count == 1 else 's'} at run time: {', '.join(parts)}.", Tone.WARN


def lease_row(one: Mapping[str, Any], now: datetime) -> LeaseRow:
    """One lease of the engine's listing."""
    scope, key = one["scope"], str(one["key"])
    return LeaseRow(
        key=key,
        ip=scope["source_ip"],
        provider=provider(scope["provider"]),
        scope_provider=scope["provider"],
        directive=str(one["directive"]),
        value=str(one["value"]),
        base=str(one.get("base") or ""),
        share=share_of(str(one["value"]), one.get("base")),
        origin=_ORIGINS.get(one["origin"], Badge(str(one["origin"]), Tone.INFO)),
        is_ramping=one.get("state") == "ramping",
        set_by=printable(str(one.get("set_by") or ""), 120),
        set_at=when_told(one.get("set_at"), now),
        until=when_told(one.get("expires_at"), now),
        rule=str(one.get("rule") or ""),
        reason=printable(str(one.get("reason") or ""), 1_000),
        evidence=tuple(printable(str(text), 500) for text in one.get("evidence", ())),
        undo=f'tidegate release {key} --reason "…"',
    )


def share_of(value: str, base: object) -> int | None:
    """How many percent of the base a rate leaves; None where either is not known or unlimited."""
    if not isinstance(base, str):
        return None
    held, before = Rate.parse(value), Rate.parse(base)
    if held.is_unlimited or before.is_unlimited:
        return None
    return round(100 * held.per_hour / before.per_hour)


def order_row(order: Order, now: datetime) -> OrderRow:
    """One standing order in words."""
    told = order.document
    is_question = order.kind is OrderKind.GUARD
    text = does(told) if order.kind is OrderKind.SILENCE else f"the controller {does(told)}"
    command = "approve" if is_question else "withdraw"
    return OrderRow(
        id=order.id,
        text=printable(text, 500),
        is_question=is_question,
        author=order.author,
        given=when(order.created_at, now),
        until=when(order.expires_at, now),
        reason=printable(order.reason, 1_000),
        undo=f'tidegate {command} {order.id} --reason "…"',
    )


def change_row(change: LeaseChange, now: datetime) -> ChangeRow:
    """One change in words."""
    old, new = change.before, change.after
    return ChangeRow(
        at=when(change.at, now),
        ip=str(change.scope.source_ip),
        provider=provider(change.scope.provider),
        change=f"{old or 'no limit'} → {new or 'no limit'}",
        rule=change.rule,
        reason=printable(change.reason, 1_000),
        actor=change.actor,
        only="" if change.mode == "enforce" else f"{change.mode} only",
        lowers=new is not None and (old is None or new.per_hour < old.per_hour),
    )
