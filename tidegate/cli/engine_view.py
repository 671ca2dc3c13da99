"""The engine's status, leases and limit chains as text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from core.limit import LimitChain, LimitTerm
from core.text import printable
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.ordering import Sorts, address_order
from tidegate.cli.output import ago, block, moment, read_time

if TYPE_CHECKING:
    from tidegate.cli.invocation import Invocation

LEASES: Final = Sheet(
    Column("IP", also=("source-ip",)),
    Column("provider"),
    Column("directive"),
    Column("value", right=True),
    Column("was", right=True, also=("base",)),
    Column("state"),
    Column("by", also=("set-by",)),
    Column("set", right=True, also=("set-at",)),
    Column("until", right=True, also=("expires",)),
    Column("reason", also=("why",)),
    Column("key", hidden=True),
    Column("rule", hidden=True),
)
LEASE_SORTS: Final[Sorts] = {
    "engine": None,  # as they come
    "ip": lambda lease: (address_order(lease["scope"]["source_ip"]), lease["scope"]["provider"]),
    "until": lambda lease: (lease.get("expires_at") is None, lease.get("expires_at") or ""),
    "set": lambda lease: str(lease.get("set_at") or ""),
}
SETTINGS: Final = Sheet(
    Column("directive", also=("name",)), Column("value"), Column("from", also=("origin",))
)


def status(document: Mapping[str, Any]) -> str:
    """Who, since when, how much."""
    now, started = read_time(document.get("now")), read_time(document.get("started_at"))
    queues, connections = document.get("queues", {}), document.get("connections", {})
    rows = [
        ("engine", document.get("hostname", "")),
        ("started", moment(started, now) if started and now else "-"),
        ("queues", ", ".join(f"{queues.get(key, 0)} {key}" for key in ("normal", "backoff", "paused"))),
        ("recipients queued", queues.get("recipients", 0)),
        ("connections", f"{connections.get('in', 0)} in, {connections.get('out', 0)} out"),
        ("leases", f"{document.get('leases', 0)} (epoch {document.get('epoch', 0)})"),
    ]
    counts = [(name.replace("_", " "), count) for name, count in document.get("traffic", {}).items()]
    return block([*rows, *counts], indent=0)


def nagios(asked: "Invocation") -> int:
    """The engine for Nagios and Icinga: not there or not ready is CRITICAL, what to look at WARNING."""
    from tidegate.cli import nagios as plugin  # noqa: PLC0415

    def look() -> plugin.Word:
        with asked.client() as client:
            ready, document = client.ready(), client.status()
        queues = document["queues"]
        numbers = {name: int(queues[name]) for name in ("recipients", "backoff", "paused")}
        warnings = [str(text) for text in ready.get("warnings", ())]
        state = plugin.State.WARNING if warnings else plugin.State.OK
        said = f"{queues['recipients']} recipients queued, {queues['backoff']} queues in backoff"
        return state, "; ".join([*warnings, said]), {**numbers, "leases": int(document["leases"])}

    return plugin.say(look, plugin.State.CRITICAL)


def leases(found: Sequence[Mapping[str, Any]], now: datetime, more: str = "") -> str:
    """One line a lease, its reason and key below it; `more` tells of those that are not shown."""
    if not found:
        return "No leases: every limit is the configured one."
    lines = []
    for lease in found:
        scope = lease.get("scope", {})
        until = read_time(lease.get("expires_at"))
        ramp = " (ramping back)" if lease.get("state") == "ramping" else ""
        base = f", was {lease['base']}" if lease.get("base") else ""
        lines.append(
            f"{scope.get('source_ip')} × {_provider(scope.get('provider'))}: "
            f"{lease.get('directive')} {lease.get('value')}{base}{ramp}"
        )
        lines.append(
            block(
                [
                    ("set by", f"{lease.get('set_by')}, {ago(read_time(lease.get('set_at')), now)}"),
                    ("reason", lease.get("reason", "")),
                    *[("evidence", text) for text in lease.get("evidence", ())],
                    ("until", moment(until, now) if until else "released by hand"),
                    ("undo", f"tidegate release {lease.get('key')} --reason TEXT"),
                ],
                indent=4,
            )
        )
    return "\n".join([*lines, more or f"{len(found)} lease{'s' if len(found) != 1 else ''}"])


def leases_grid(found: Sequence[Mapping[str, Any]], now: datetime, more: str = "") -> Grid:
    """The same as a table."""
    rows = [
        (
            lease.get("scope", {}).get("source_ip"),
            _provider(lease.get("scope", {}).get("provider")),
            lease.get("directive"),
            lease.get("value"),
            lease.get("base") or "-",
            lease.get("state") or "-",
            lease.get("set_by"),
            ago(read_time(lease.get("set_at")), now),
            ago(until, now) if (until := read_time(lease.get("expires_at"))) else "released",
            lease.get("reason", ""),
            lease.get("key"),
            lease.get("rule") or "-",
        )
        for lease in found
    ]
    return Grid(rows, more)


def settings(document: Mapping[str, Any]) -> str:
    """PowerMTA's `show settings`: every directive that is set, its value, and where it comes from."""
    return SETTINGS.draw(settings_grid(document).rows)


def settings_grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    rows = [
        (one["name"], _written(one["value"]), one["origin"])
        for one in document.get("directives", [])
        if one["value"] is not None
    ]
    return Grid(rows)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return str(value)


def reloaded(document: Mapping[str, Any]) -> str:
    """What a reload changed, or would."""
    changes, later = document.get("changes", []), document.get("needs_restart", [])
    if not changes and not later:
        return "Nothing has changed."
    head = "Would change" if document.get("dry_run") else "Changed"
    parts = [f"{head}:\n" + "\n".join(f"  {printable(text, 1_000)}" for text in changes)] if changes else []
    parts += (
        ["Needs a restart:\n" + "\n".join(f"  {printable(text, 1_000)}" for text in later)] if later else []
    )
    return "\n".join(parts)


def _provider(name: object) -> str:
    return "all providers" if name == "*" else str(name)


def chains(found: Iterable[LimitChain], now: datetime) -> str:
    """Each chain: what holds, then every term, strictest first, the binding one marked."""
    texts = []
    for chain in found:
        head = f"{printable(chain.subject)}: {chain.directive} = {chain.effective}"
        texts.append("\n".join([head, *(_term(term, now) for term in chain.terms)]))
    return "\n".join(texts) or "No limits."


def _term(term: LimitTerm, now: datetime) -> str:
    mark = "*" if term.binding else " "
    times = [f"since {moment(term.since, now)}"] if term.since else []
    times += [f"until {moment(term.until, now)}"] if term.until else []
    place = f" [{term.where}]" if term.where else ""
    key = [f"undo: tidegate release {term.lease_key} --reason TEXT"] if term.lease_key else []
    tail = "".join(f"\n      {printable(text)}" for text in [*times, *key])
    said = printable(f"{term.set_by}: {term.reason}{place}", 1_000)
    return f"  {mark} {term.value!s:<12} {term.origin:<14} {said}{tail}"
