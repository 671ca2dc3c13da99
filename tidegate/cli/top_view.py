"""One picture of `tidegate top`. A decider: what the engine said goes in, lines come out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from core.text import printable
from tidegate.cli.output import ago, read_time, rough, table
from tidegate.cli.queue_view import flags

SORTS: Final = ("rcpt", "size", "name")
_LEASES_SHOWN: Final = 8
_WIDE: Final = 400


@dataclass(frozen=True, slots=True)
class Choice:
    """What the keys have chosen."""

    sort: str = "rcpt"
    errors: bool = False
    paused: bool = False

    def after(self, key: str) -> "Choice":
        """The choice after a key; other keys change nothing."""
        if key == "s":
            return replace(self, sort=SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)])
        if key == "e":
            return replace(self, errors=not self.errors)
        if key == "p":
            return replace(self, paused=not self.paused)
        return self


@dataclass(frozen=True, slots=True)
class Look:
    """What the engine said; `before` is the look before it, for rates."""

    status: Mapping[str, Any]
    queues: Sequence[Mapping[str, Any]]
    matching: int
    leases: Sequence[Mapping[str, Any]]
    before: Mapping[str, Any] = field(default_factory=dict)


def picture(look: Look, choice: Choice, columns: int, rows: int) -> list[str]:
    """At most `rows` lines of at most `columns` characters."""
    now = read_time(look.status.get("now"))
    head = _head(look, now)
    held = _leases(look.leases, now, columns)
    around = 5 + bool(held)  # blank lines, the table's head and foot, the keys
    room = max(3, rows - len(head) - len(held) - around)
    lines = [*head, "", *_queues(look, choice, columns, room)]
    if held:
        lines += ["", *held]
    return [line[:columns] for line in lines[: rows - 1]] + [_keys(choice)[:columns]]


def trouble(said: str, columns: int) -> list[str]:
    """The picture while nobody answers."""
    return [
        line[:columns]
        for line in ("tidegate top", "", printable(said, _WIDE), "", "q quits; it goes on trying")
    ]


def _head(look: Look, now: datetime | None) -> list[str]:
    status, queues, wires = look.status, look.status.get("queues", {}), look.status.get("connections", {})
    started = read_time(status.get("started_at"))
    up = rough(now - started) if now and started else "-"
    rates = ", ".join(f"{rate} {name}" for name, rate in _rates(look)) or "(after the next look)"
    at = f"{now.astimezone():%H:%M:%S %Z}" if now else "-"
    modes = ", ".join(f"{queues.get(mode, 0)} {mode}" for mode in ("normal", "backoff", "paused"))
    counted = f"{queues.get('recipients', 0)} recipients queued; queues {modes}; "
    return [
        f"tidegate top - {status.get('hostname', '')}, {at}, up {up}",
        counted + f"connections {wires.get('in', 0)} in, {wires.get('out', 0)} out",
        f"a minute: {rates}",
    ]


def _rates(look: Look) -> Iterable[tuple[str, int]]:
    """Counts a minute between the two looks, on the engine's own clock."""
    now, then = read_time(look.status.get("now")), read_time(look.before.get("now"))
    if now is None or then is None or now <= then:
        return
    minutes = (now - then) / timedelta(minutes=1)
    counted = look.before.get("traffic", {})
    for name, count in look.status.get("traffic", {}).items():
        grown = max(0, count - counted.get(name, 0))
        yield name.replace("_", " "), round(grown / minutes)


def _queues(look: Look, choice: Choice, columns: int, room: int) -> list[str]:
    shown = look.queues[:room]
    rows = [
        (
            q["name"],
            q["recipients"],
            f"{q['kbytes']:.0f}",
            q["connections"],
            flags(q),
            q.get("last_error") or "",
        )
        for q in shown
    ]
    headers = ("queue", "#rcpt", "kbytes", "conn", "st", "last error")
    lines = table(headers, rows, right=(1, 2, 3), columns=columns).splitlines()
    only = " with an error" * choice.errors + " paused" * choice.paused
    return [*lines, f"{len(shown)} of {look.matching} queues{only}, by {choice.sort}"]


def _leases(leases: Sequence[Mapping[str, Any]], now: datetime | None, columns: int) -> list[str]:
    if not leases or now is None:
        return []
    rows = [
        (scope["source_ip"], "all" if scope["provider"] == "*" else scope["provider"], one["value"],
         one["set_by"], ago(read_time(one.get("expires_at")), now) if one.get("expires_at") else "-",
         one["reason"])
        for one in leases[:_LEASES_SHOWN] for scope in [one["scope"]]
    ]  # fmt: skip
    lines = table(("IP", "provider", "rate", "by", "ends", "why"), rows, columns=columns).splitlines()
    more = len(leases) - _LEASES_SHOWN
    return [*lines, f"and {more} more leases"] if more > 0 else lines


def _keys(choice: Choice) -> str:
    marks = {"e": choice.errors, "p": choice.paused}
    errors, paused = (" (on)" if marks[key] else "" for key in "ep")
    return f"q quit  s sort ({choice.sort})  e errors{errors}  p paused{paused}  space now"
