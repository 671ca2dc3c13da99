"""`--sort` and `--maxitems` over a document's list, for text and JSON alike."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from tidegate.cli.exit_codes import UsageError

Sorts = Mapping[str, Callable[[Mapping[str, Any]], Any] | None]
"""What to sort by, by name; None leaves the order as it is."""


def check(sort: str, sorts: Sorts) -> None:
    """Raises UsageError for an order that is not known."""
    if sort not in sorts:
        *some, last = sorts
        raise UsageError(f"--sort={sort} is not known; write {', '.join(some)} or {last}")


def pick(
    document: Mapping[str, Any], key: str, sorts: Sorts, sort: str, most: int | None = None
) -> dict[str, Any]:
    """The document with its list in order and at most so long; `matching` is how many there are."""
    order, found = sorts[sort], document.get(key, [])
    ordered = sorted(found, key=order) if order else list(found)
    return {**document, key: ordered[:most], "matching": len(ordered)}


def address_order(text: object) -> tuple[int, int]:
    """203.0.113.9 before 203.0.113.10, IPv6 last; what is no address first."""
    try:
        address = ip_address(str(text))
    except ValueError:
        return 0, 0
    return address.version, int(address)


def counted(document: Mapping[str, Any], key: str, what: str) -> str:
    """`20 of 45 IPs`, or nothing where all are shown."""
    shown, matching = len(document[key]), document.get("matching", 0)
    return f"{shown} of {matching} {what}" if matching > shown else ""
