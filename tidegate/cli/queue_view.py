"""Queues as PowerMTA prints them, and Backoff Insight for one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.text import printable
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.output import block, clock_time, moment, read_time

if TYPE_CHECKING:
    from tidegate.client import EngineClient

Queue = Mapping[str, Any]

SHEET = Sheet(
    Column("queue", also=("name",)),
    Column("#rcpt", right=True, also=("recipients",)),
    Column("kbytes", right=True, spare=True, also=("size",)),
    Column("conn", right=True, spare=True, also=("connections",)),
    Column("st", also=("state",)),
    Column("retry", right=True, also=("next-retry",)),
    Column("last error", also=("error",)),
    Column("domain", hidden=True),
    Column("vmta", hidden=True),
    Column("provider", hidden=True),
    Column("mode", hidden=True),
    Column("paused", hidden=True),
)
_MOST = 100_000


def now_of(client: "EngineClient") -> datetime:
    """The engine's time, which a rehearsal runs faster than ours."""
    now = read_time(client.status().get("now"))
    if now is None:
        from core.clock import SystemClock  # noqa: PLC0415 - brings asyncio

        return SystemClock().now()
    return now


def select(
    client: "EngineClient", name: str | None, sort: str, filters: Mapping[str, Any]
) -> tuple[dict[str, Any], int]:
    """The queues to show, and how many matched."""
    narrowed = filters["paused"] or filters["errors"]
    limit = _MOST if narrowed else filters["maxitems"]
    document = client.queues(name, mode=filters["mode"], sort=sort, limit=limit)
    found = [
        queue
        for queue in document.get("queues", [])
        if (queue.get("paused") or not filters["paused"])
        and (queue.get("last_error") or not filters["errors"])
    ]
    matching = len(found) if narrowed else int(document.get("matching", len(found)))
    shown = found[: filters["maxitems"]]
    return {"schema": "queues/v1", **document, "queues": shown, "matching": matching}, matching


def listing(queues: Sequence[Queue], matching: int, *, errors: bool = False) -> str:
    """PowerMTA's table: queue, #rcpt, kbytes, conn, st, retry, last error."""
    lines = SHEET.draw([_row(queue, error=not errors) for queue in queues]).splitlines()
    if errors:
        end = 2 + len(queues)
        below = [f"    {printable(_error_text(queue.get('last_error')), 2_000)}" for queue in queues]
        lines[2:end] = [line for pair in zip(lines[2:end], below, strict=True) for line in pair]
    legend = "   st: B backoff, P paused" if any(flags(queue) for queue in queues) else ""
    return "\n".join([*lines, f"{len(queues)} of {matching} matching queues{legend}"])


def grid(queues: Sequence[Queue], matching: int) -> Grid:
    """The table alone."""
    return Grid([_row(queue) for queue in queues], f"{len(queues)} of {matching} matching queues")


def _row(queue: Queue, *, error: bool = True) -> tuple[object, ...]:
    return (
        queue["name"],
        queue["recipients"],
        _kbytes(queue),
        queue["connections"],
        flags(queue),
        clock_time(read_time(queue.get("next_retry_at"))),
        _error_text(queue.get("last_error")) if error else "",
        queue.get("domain", ""),
        queue.get("vmta", ""),
        queue.get("provider") or "-",
        queue.get("mode", ""),
        _yes(queue.get("paused")),
    )


def _yes(holds: object) -> str:
    return "yes" if holds else "no"


def flags(queue: Queue) -> str:
    """PowerMTA's state flags."""
    return ("B" if queue.get("mode") == "backoff" else "") + ("P" if queue.get("paused") else "")


def detail(queue: Queue, now: datetime) -> str:
    """One queue with its Backoff Insight: why it waits, in the remote server's own words."""
    parts = [
        f"Queue {queue['name']}",
        block(
            [
                ("provider", queue.get("provider", "")),
                ("#rcpt", queue["recipients"]),
                ("kbytes", _kbytes(queue)),
                ("connections", queue["connections"]),
                ("paused", _yes(queue.get("paused"))),
                ("mode", queue["mode"]),
                ("next retry", _when(queue.get("next_retry_at"), now)),
            ]
        ),
        _backoff(queue.get("backoff"), now),
        _last_errors(queue, now),
        _mode_changes(queue, now),
        _limits(queue, now),
        _recipient_events(queue),
    ]
    return "\n\n".join(part for part in parts if part)


def _backoff(backoff: Mapping[str, Any] | None, now: datetime) -> str:
    if not backoff:
        return ""
    rows = [
        ("since", _when(backoff.get("since"), now)),
        ("pattern", backoff.get("pattern") or "set by hand"),
        ("remote reply", backoff.get("reply") or "-"),
        ("peer", backoff.get("peer") or "-"),
        ("source IP", backoff.get("source_ip") or "-"),
        (
            "until",
            _when(backoff.get("until"), now) if backoff.get("until") else "a delivery, a pattern or a hand",
        ),
    ]
    return "Backoff reason\n" + block(rows)


def _last_errors(queue: Queue, now: datetime) -> str:
    rows = [
        (
            _when(one.get("at"), now),
            " ".join(filter(None, (one.get("source_ip"), one.get("peer"), one.get("text")))),
        )
        for one in queue.get("last_errors", [])
    ]
    return "Last errors\n" + block(rows) if rows else ""


def _mode_changes(queue: Queue, now: datetime) -> str:
    rows = [
        (_when(one.get("at"), now), f"{_modes(one)}: {one.get('cause', '')}")
        for one in queue.get("mode_changes", [])
    ]
    return "Mode changes\n" + block(rows) if rows else ""


def _modes(change: Mapping[str, Any]) -> str:
    return f"{change.get('from') or change.get('before')} -> {change.get('to') or change.get('after')}"


def _limits(queue: Queue, now: datetime) -> str:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - a listing does without

    from core.limit import LimitChain  # noqa: PLC0415
    from tidegate.cli.engine_view import chains  # noqa: PLC0415

    try:
        found = TypeAdapter(tuple[LimitChain, ...]).validate_python(queue.get("chains", ()))
    except ValidationError:
        return ""
    binding = [chain for chain in found if not chain.effective.is_unlimited]
    return "Limits, strictest first (* binds)\n" + chains(binding, now) if binding else "No limits."


def _recipient_events(queue: Queue) -> str:
    events = queue.get("recipient_events", [])
    if not events:
        return ""
    counts = {kind: sum(1 for e in events if e.get("kind") == kind) for kind in _kinds(events)}
    said = ", ".join(f"{kind}: {count}" for kind, count in counts.items())
    lines = [" | ".join(_event(event)) for event in events]
    return "\n".join([f"Recipient events ({said})", *lines])


def _kinds(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(event.get("kind")) for event in events))


def _event(event: Mapping[str, Any]) -> list[str]:
    at = read_time(event.get("at"))
    when = at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "-"
    rest = [str(event.get(key) or "-") for key in ("source_ip", "recipient", "job", "peer", "reply")]
    return [str(event.get("kind")), when, *(printable(text) for text in rest)]


def _kbytes(queue: Queue) -> str:
    return f"{float(queue.get('kbytes') or 0):.1f}"


def _error_text(error: object) -> str:
    if isinstance(error, Mapping):
        return str(error.get("text", ""))
    return str(error or "")


def _when(text: object, now: datetime) -> str:
    at = read_time(text)
    return moment(at, now) if at else "-"
