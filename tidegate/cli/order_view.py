"""Standing orders as text."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from core.provider import EVERY
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.ordering import counted
from tidegate.cli.output import ago, block, moment, read_time

SHEET: Final = Sheet(
    Column("no.", right=True, also=("id",)),
    Column("order", also=("kind",)),
    Column("IP"),
    Column("provider"),
    Column("value"),
    Column("by", also=("author",)),
    Column("given", also=("created",)),
    Column("until", also=("expires",)),
    Column("reason", also=("why",)),
    Column("subject", hidden=True),
)

_DOES = {
    "pin": "holds {where} at {value}",
    "override": "ignores {subject} about {where}",
    "freeze": "changes nothing on {where}",
    "release": "leaves {where} alone",
    "mode": "is in mode {value} on {where}",
    "stop": "is switched off",
    "silence": "no mail about {subject} on {where}",
    "acknowledge": "no reminders of {subject}: {author} looks after it",
    "guard": "asks: {subject} {reason}",
    "approve": "believes {subject} whatever it names",
}


def text(document: Mapping[str, Any]) -> str:
    """One paragraph an order, oldest first."""
    found = document["orders"]
    if not found:
        return "No orders: the controller does as it is configured."
    now = read_time(document["now"])
    lines = []
    for order in found:
        lines.append(f"{order['id']:>4}  the controller {does(order)}".replace("the controller no ", "no "))
        until = read_time(order["expires_at"])
        rows = [
            (
                "by",
                f"{order['author']}, {moment(read_time(order['created_at']), now)}"
                if now
                else order["author"],
            ),
            *([("reason", order["reason"])] if order["kind"] != "guard" else []),
            ("until", moment(until, now) if until and now else "withdrawn"),
            *_commands(order),
        ]
        lines.append(block(rows, indent=6))
    count = counted(document, "orders", "orders") or f"{len(found)} order{'s' if len(found) != 1 else ''}"
    return "\n".join([*lines, count])


def grid(document: Mapping[str, Any]) -> Grid:
    """The same as a table."""
    now = read_time(document["now"])
    rows = [
        (
            order["id"],
            order["kind"],
            order["source_ip"] or "all",
            "all" if order["provider"] == EVERY else order["provider"],
            order["value"] or "-",
            order["author"],
            _ago(order["created_at"], now),
            _ago(order["expires_at"], now) if order["expires_at"] else "withdrawn",
            order["reason"],
            order["subject"],
        )
        for order in document["orders"]
    ]
    return Grid(rows, counted(document, "orders", "orders"))


def _ago(text: object, now: datetime | None) -> str:
    return ago(read_time(text), now) if now else "-"


def does(order: Mapping[str, Any]) -> str:
    """What the order makes the controller do: `holds 203.0.113.7 × microsoft at 50/h`."""
    ip, provider = order["source_ip"] or "every IP", order["provider"]
    where = ip if provider == EVERY else f"{ip} × {provider}"
    return _DOES[order["kind"]].format(**{**order, "where": where})


def _commands(order: Mapping[str, Any]) -> list[tuple[str, str]]:
    number = order["id"]
    if order["kind"] == "guard":
        return [
            ("believe", f'tidegate approve {number} --reason "…"'),
            ("ignore", f'tidegate deny {number} --reason "…"'),
        ]
    return [("undo", f'tidegate withdraw {number} --reason "…"')]
