"""Charts as data: what the script draws, and the same numbers as a table for those who do without."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core.incident import Incident
from core.reading import Reading
from core.text import printable
from storage.audit import AuditEntry
from storage.leases import LeaseChange
from tidegate.web.views.parts import Badge, Tone, When, when

HOUR: Final = timedelta(hours=1)
_COUNTS = (
    ("delivered", "accepted", Tone.OK),
    ("deferred", "deferred", Tone.WARN),
    ("bounced", "refused", Tone.BAD),
)
_MARKS = 24
_LATEST_HOURS = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, numbered on the chart and told below it."""

    number: int
    at: When | None
    kind: Badge
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """`data` is the JSON that the script draws; `rows` are its newest numbers, `head` names them."""

    title: str
    words: str
    data: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """A mark before it has a number."""

    at: datetime
    kind: Badge
    text: str
    address: str = ""


def delivery(
    title: str,
    hours: Iterable[tuple[datetime, Mapping[str, int]]],
    happened: Iterable[Happening],
    since: datetime,
    now: datetime,
) -> Chart:
    """Recipients an hour: accepted, deferred, refused; an hour without mail is 0, for nothing was sent."""
    counted = dict(hours)
    start = since.replace(minute=0, second=0, microsecond=0)
    times = [start + n * HOUR for n in range(int((now - start) / HOUR) + 1)]
    marks = numbered((h for h in happened if h.at >= start), now)
    lines = [
        {"label": label, "tone": str(tone), "values": [counted.get(t, {}).get(name, 0) for t in times]}
        for name, label, tone in _COUNTS
    ]
    rows = [
        (f"{t.astimezone():%a %H:%M}", *(f"{counted.get(t, {}).get(name, 0):,}" for name, _, _ in _COUNTS))
        for t in reversed(times[-_LATEST_HOURS:])
    ]
    total = {name: sum(counted.get(t, {}).get(name, 0) for t in times) for name, _, _ in _COUNTS}
    words = ", ".join(f"{total[name]:,} {label}" for name, label, _ in _COUNTS)
    return Chart(
        title=title,
        words=f"since {start.astimezone():%-d %b %H:%M}: {words}",
        data=_json(times, lines, marks),
        head=("hour", *(label for _, label, _ in _COUNTS)),
        rows=tuple(rows),
        marks=tuple(_mark(n, h, now) for n, h in marks),
    )


def scores(readings: Sequence[Reading], now: datetime) -> Chart | None:
    """Sender Score over time; None where there are fewer than two."""
    known = [(r.period_end, r.value) for r in readings if r.value is not None and r.period_end <= now]
    if len(known) < 2:
        return None
    values = [value for _, value in known]
    line = {"label": "Sender Score", "tone": str(Tone.INFO), "values": values}
    rows = [(f"{at.astimezone():%-d %b %H:%M}", f"{value:g}") for at, value in reversed(known[-10:])]
    return Chart(
        title="Sender Score",
        words=f"{values[-1]:g} now, between {min(values):g} and {max(values):g} before",
        data=_json(
            [at for at, _ in known], [line], [], low=max(0, int(min(values)) // 10 * 10 - 10), top=100
        ),
        head=("seen", "score"),
        rows=tuple(rows),
    )


def happenings(
    incidents: Iterable[Incident], changes: Iterable[LeaseChange], acts: Iterable[AuditEntry]
) -> list[Happening]:
    """Incidents, leases and operators' acts as they are marked on a chart."""
    found = []
    for one in incidents:
        link = f"/incidents/{one.number}"
        found.append(Happening(one.opened_at, Badge("incident", Tone.BAD), f"{one.label} {one.title}", link))
        if one.resolved_at:
            text = f"{one.label} resolved"
            found.append(Happening(one.resolved_at, Badge("resolved", Tone.OK), text, link))
    for change in changes:
        text = f"{change.scope}: {change.before or 'no limit'} → {change.after or 'no limit'}"
        only = "" if change.mode == "enforce" else f" ({change.mode} only)"
        found.append(Happening(change.at, Badge("lease", Tone.WARN), f"{text}{only}: {change.rule}"))
    for act in acts:
        text = f"{act.actor}: {act.action} {act.subject}, {act.reason}"
        found.append(Happening(act.at, Badge("by hand", Tone.INFO), printable(text, 300), "/audit"))
    return found


def numbered(happened: Iterable[Happening], now: datetime) -> list[tuple[int, Happening]]:
    """The newest ones, numbered in the order in which they happened."""
    in_order = sorted((h for h in happened if h.at <= now), key=lambda h: h.at)
    return list(enumerate(in_order[-_MARKS:], start=1))


def _mark(number: int, happened: Happening, now: datetime) -> Mark:
    return Mark(
        number, when(happened.at, now), happened.kind, printable(happened.text, 300), happened.address
    )


def _json(
    times: Sequence[datetime],
    lines: Sequence[Mapping[str, Any]],
    marks: Sequence[tuple[int, Happening]],
    low: int = 0,
    top: int | None = None,
) -> str:
    shown = {
        "times": [int(t.timestamp()) for t in times],
        "lines": lines,
        "low": low,
        "top": top,
        "marks": [{"at": int(h.at.timestamp()), "number": n, "tone": str(h.kind.tone)} for n, h in marks],
    }
    return json.dumps(shown, separators=(",", ":"))
