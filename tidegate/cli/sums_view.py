"""Queues summed up by domain, VirtualMTA or provider; waiting messages; the engine's audit."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from core.text import printable
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.output import clock_time, read_time

if TYPE_CHECKING:
    from tidegate.client import EngineClient

_MOST: Final = 100_000
_SHORT: Final = 60
_NOBODY: Final = "-"

MESSAGES: Final = Sheet(
    Column("id"),
    Column("queue"),
    Column("from", spare=True, also=("orig",)),
    Column("tries", right=True, spare=True, also=("attempts",)),
    Column("job", spare=True),
    Column("next", also=("next-attempt",)),
    Column("to", also=("rcpt",)),
    Column("received", hidden=True),
    Column("size", right=True, hidden=True),
)
AUDIT: Final = Sheet(
    Column("at", also=("time",)),
    Column("who", also=("actor",)),
    Column("did", also=("action",)),
    Column("to", also=("subject",)),
    Column("why", also=("reason",)),
    Column("before", hidden=True),
    Column("after", hidden=True),
    Column("request", hidden=True),
)

SORTS: Final[dict[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]] = {
    "name": lambda row: (row["name"],),
    "rcpt": lambda row: (-row["recipients"], row["name"]),
    "size": lambda row: (-row["kbytes"], row["name"]),
}


def sums(client: "EngineClient", by: str, sort: str, most: int) -> dict[str, Any]:
    """Recipients, kilobytes, connections and troubled queues for each value of `by`."""
    rows: dict[str, dict[str, Any]] = {}
    for queue in client.queues(sort="name", limit=_MOST).get("queues", []):
        name = queue.get(by) or _NOBODY
        row = rows.setdefault(name, dict.fromkeys(_COUNTED, 0) | {"name": name})
        row["queues"] += 1
        row["recipients"] += queue["recipients"]
        row["kbytes"] = round(row["kbytes"] + queue["kbytes"], 1)
        row["connections"] += queue["connections"]
        row["backoff"] += queue["mode"] == "backoff"
        row["paused"] += bool(queue["paused"])
    found = sorted(rows.values(), key=SORTS[sort])
    return {"schema": f"{by}-sums/v1", "by": by, "matching": len(found), "rows": found[:most]}


_COUNTED: Final = ("queues", "recipients", "kbytes", "connections", "backoff", "paused")


def sheet(by: str) -> Sheet:
    """The table of sums by domain, VirtualMTA or provider."""
    return Sheet(
        Column(by, also=("name",)),
        Column("#rcpt", right=True, also=("recipients",)),
        Column("kbytes", right=True, spare=True, also=("size",)),
        Column("conn", right=True, spare=True, also=("connections",)),
        Column("queues", right=True),
        Column("backoff", right=True),
        Column("paused", right=True),
    )


def text(document: Mapping[str, Any]) -> str:
    """One line each."""
    found = grid(document)
    return f"{sheet(document['by']).draw(found.rows)}\n{found.foot}"


def grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    rows = [
        (row["name"], row["recipients"], f"{row['kbytes']:.1f}", row["connections"], row["queues"],
         row["backoff"] or "", row["paused"] or "")
        for row in document["rows"]
    ]  # fmt: skip
    return Grid(rows, f"{len(rows)} of {document['matching']}")


def messages_text(document: Mapping[str, Any]) -> str:
    """One line a recipient."""
    found = messages_grid(document)
    return f"{MESSAGES.draw(found.rows)}\n{found.foot}" if found.rows else "No mail waits that fits."


def messages_grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    found: Sequence[Mapping[str, Any]] = document["messages"]
    rows = [
        (one["id"], one["queue"], one["orig"] or "<>", one["attempts"], one["job"] or "-",
         clock_time(read_time(one["next_attempt_at"])) or "ready", one["rcpt"], _at(one, "received_at"),
         one.get("size", ""))
        for one in found
    ]  # fmt: skip
    return Grid(rows, f"{len(found)} of {document['matching']} recipients")


def audit_text(document: Mapping[str, Any]) -> str:
    """One line a change, with its reason."""
    rows = audit_grid(document).rows
    return AUDIT.draw(rows) if rows else "Nothing was changed at run time."


def audit_grid(document: Mapping[str, Any]) -> Grid:
    """The table alone."""
    words = ("actor", "action", "subject", "reason")
    rows = [
        (_at(one, "at"), *(one.get(word, "") for word in words),
         _short(one.get("before")), _short(one.get("after")), one.get("request_id", ""))
        for one in document["entries"]
    ]  # fmt: skip
    return Grid(rows)


def _short(value: object) -> str:
    if value is None:
        return "-"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _SHORT)


def _at(entry: Mapping[str, Any], key: str) -> str:
    at = read_time(entry.get(key))
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""
