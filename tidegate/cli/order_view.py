"""Standing orders as text."""

from collections.abc import Mapping
from typing import Any

from core.provider import EVERY
from tidegate.cli.output import block, moment, read_time

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
    return "\n".join([*lines, f"{len(found)} order{'s' if len(found) != 1 else ''}"])


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
