"""A scope's story as text: five numbered parts in the order in which one led to the next."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from core.provider import EVERY
from core.text import printable
from tidegate.cli.output import moment, read_time

_INDENT = " " * 15
_CURRENT = timedelta(minutes=2)
"""What was so as recently as this is said to be so."""


def text(story: Mapping[str, Any], now: datetime) -> str:
    """What is known, what follows, what holds, what flows, and what is next."""
    return "\n".join([head(story), *(_part(label, lines) for label, lines in parts(story, now))])


def parts(story: Mapping[str, Any], now: datetime) -> list[tuple[str, list[str]]]:
    """The numbered parts, each with its lines."""
    return [
        ("1 evidence", _clues(story["clues"], now)),
        ("2 rule", _rule(story, now)),
        ("3 lease", _leases(story, now)),
        ("4 effect", _effect(story["flow"])),
        ("5 next", _next(story, now)),
        *([("  ordered", list(story["orders"]))] if story["orders"] else []),
        *([("  elsewhere", list(story["elsewhere"]))] if story["elsewhere"] else []),
        *([("  so far", _changes(story["changes"], now))] if story.get("changes") else []),
    ]


def _part(label: str, lines: Iterable[str]) -> str:
    shown = [printable(line, 1_000) for line in lines]
    return f"  {label:<13}" + f"\n{_INDENT}".join(shown)


def head(story: Mapping[str, Any]) -> str:
    """The scope and what holds it, in one line."""
    where = _where(story["scope"])
    if story["rate"] is None:
        return f"{where}: nothing holds it (mode {story['mode']})"
    share = f", {story['level']:.0%} of {story['base']}" if story["base"] else ""
    verb = "held at" if story["mode"] == "enforce" else "would be held at"
    return f"{where}: {verb} {story['rate']}{share} (mode {story['mode']})"


def _where(scope: Mapping[str, str]) -> str:
    provider = "all providers" if scope["provider"] == EVERY else scope["provider"]
    return f"{scope['source_ip']} × {provider}"


def _clues(clues: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    lines = []
    for clue in clues:
        lines.append(clue["text"])
        ends = read_time(clue["ends"])
        when = f"activity until {moment(ends, now)}" if ends and now - ends > _CURRENT else "it stands now"
        lines.append(f"  {clue['rule']}: {clue['does']}; {when}")
    return lines or ["nothing speaks against it now"]


def _rule(story: Mapping[str, Any], now: datetime) -> list[str]:
    rule = f" (rule {story['rule']})" if story["rule"] else ""
    lines = [f"{story['reason']}{rule}"]
    if story["since"]:
        lines.append(f"throttled since {_moment(story['since'], now)}")
    if story["advised"] is not None:
        lines.append(f"advised, and not done because the IP is protected: {story['advised']}")
    return lines


def _leases(story: Mapping[str, Any], now: datetime) -> list[str]:
    lines = []
    for lease in story["leases"]:
        ramps = ", ramping back by itself" if lease.get("state") == "ramping" else ""
        until = _moment(lease["expires_at"], now) if lease.get("expires_at") else "released"
        lines.append(f"{lease['directive']} {lease['value']} by {lease['set_by']}, until {until}{ramps}")
        lines.append(f'  undo: tidegate release {lease["key"]} --reason "…"')
    if lines:
        return lines
    return ["none in the engine" if story["rate"] is None else "none in the engine yet: see the mode"]


def _effect(flow: Mapping[str, int]) -> list[str]:
    answers = f"{flow['delivered']} accepted, {flow['deferred']} deferred, {flow['bounced']} refused"
    return [
        f"last hour: {flow['attempted']} recipients attempted, {answers}",
        f"{flow['about_ip']} of these replies were about the IP; {flow['queued']} recipients wait",
    ]


def _next(story: Mapping[str, Any], now: datetime) -> list[str]:
    if story["rate"] is None:
        return ["nothing: there is no limit of ours to lift"]
    lines = []
    if story["next_step_at"]:
        lines.append(f"to {story['next_rate']}, not before {_moment(story['next_step_at'], now)}")
    elif story["next_rate"]:
        lines.append(f"to {story['next_rate']}, once the cause has ended")
    return [*lines, *(f"waits for {text}" for text in story["waits_for"])]


def _changes(changes: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    lines = []
    for change in changes:
        old, new = change["before"] or "no limit", change["after"] or "no limit"
        only = "" if change["mode"] == "enforce" else f" ({change['mode']} only)"
        lines.append(
            f"{_moment(change['at'], now)}  {change['directive']} {old} → {new}{only}: {change['rule']}"
        )
    return lines


def _moment(told: object, now: datetime) -> str:
    at = read_time(told)
    return moment(at, now) if at else "-"
