"""Queues summed up by domain, VirtualMTA or provider; waiting messages; the engine's audit."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tidegate.cli.output import clock_time, read_time, table

if TYPE_CHECKING:
    from tidegate.client import EngineClient

_MOST: Final = 100_000
_NOBODY: Final = "-"

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


def text(document: Mapping[str, Any]) -> str:
    """One line each."""
    rows = [
        (row["name"], row["recipients"], f"{row['kbytes']:.1f}", row["connections"], row["queues"],
         row["backoff"] or "", row["paused"] or "")
        for row in document["rows"]
    ]  # fmt: skip
    headers = (document["by"], "#rcpt", "kbytes", "conn", "queues", "backoff", "paused")
    lines = table(headers, rows, right=range(1, 7))
    return f"{lines}\n{len(rows)} of {document['matching']}"


def messages_text(document: Mapping[str, Any]) -> str:
    """One line a recipient."""
    found: Sequence[Mapping[str, Any]] = document["messages"]
    if not found:
        return "No mail waits that fits."
    rows = [
        (one["id"], one["queue"], one["orig"] or "<>", one["attempts"], one["job"] or "-",
         clock_time(read_time(one["next_attempt_at"])) or "ready", one["rcpt"])
        for one in found
    ]  # fmt: skip
    headers = ("id", "queue", "from", "tries", "job", "next", "to")
    return f"{table(headers, rows, right=(3,))}\n{len(found)} of {document['matching']} recipients"


def audit_text(document: Mapping[str, Any]) -> str:
    """One line a change, with its reason."""
    entries = document["entries"]
    if not entries:
        return "Nothing was changed at run time."
    rows = [
        (_at(one), one.get("actor", ""), one.get("action", ""), one.get("subject", ""), one.get("reason", ""))
        for one in entries
    ]
    return table(("at", "who", "did", "to", "why"), rows)


def _at(entry: Mapping[str, Any]) -> str:
    at = read_time(entry.get("at"))
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""
