"""Thirty days as a row of cells: the worst of each day, drawn as one small picture with words for it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.incident import Incident, Severity
from core.reading import Reading, Status
from tidegate.web.views.parts import Tone

DAYS: Final = 30
_CELL, _GAP, _HEIGHT = 6, 2, 14
STEP: Final = _CELL + _GAP
"""From one cell to the next."""
_NONE = "none"
_WORST = (Tone.BAD, Tone.WARN, Tone.INFO, Tone.OK, Tone.UNKNOWN)
_SEVERITY = {Severity.INFO: Tone.INFO, Severity.WARNING: Tone.WARN, Severity.CRITICAL: Tone.BAD}
_STATUS = {
    Status.GOOD: Tone.OK, Status.WARN: Tone.WARN, Status.BAD: Tone.BAD, Status.UNKNOWN: Tone.UNKNOWN,
}  # fmt: skip
_WORDS = {
    Tone.BAD: "bad",
    Tone.WARN: "warning",
    Tone.INFO: "notice",
    Tone.OK: "well",
    Tone.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Strip:
    """`paths` are SVG paths by tone in a box of `width` × `height`; `words` say the same."""

    paths: tuple[tuple[str, str], ...]
    words: str
    width: int = DAYS * STEP - _GAP
    height: int = _HEIGHT


def of_incidents(found: Iterable[Incident], since: datetime | None, now: datetime) -> Strip:
    """The worst incident of each day; an IP that nobody watched yet has no colour."""
    mine = list(found)
    return strip([_day_of_incidents(mine, since, start, end) for start, end in days(now)])


def of_readings(found: Sequence[Reading], now: datetime) -> Strip:
    """The worst reading of each day of one series; a day between two readings is as the one before it.

    Readings are kept as runs: a day without a change has none of its own.
    """
    return strip([_day_of_readings(found, start, end) for start, end in days(now)])


def days(now: datetime) -> list[tuple[datetime, datetime]]:
    """The last thirty days of this machine's zone, today last, as starts and ends."""
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [midnight - timedelta(days=back) for back in reversed(range(DAYS))]
    return [(start, start + timedelta(days=1)) for start in starts]


def strip(tones: Sequence[Tone | None]) -> Strip:
    """A strip of one cell for each day; None: nothing was watched."""
    drawn: dict[str, list[str]] = {}
    for place, tone in enumerate(tones):
        left = place * STEP
        drawn.setdefault(tone or _NONE, []).append(f"M{left} 0h{_CELL}v{_HEIGHT}h-{_CELL}z")
    paths = tuple((tone, "".join(cells)) for tone, cells in drawn.items())
    return Strip(paths, _words(tones))


def _words(tones: Sequence[Tone | None]) -> str:
    counts = Counter(tone for tone in tones if tone is not None)
    said = [f"{counts[tone]} {_WORDS[tone]}" for tone in _WORST if counts[tone]]
    return f"last {len(tones)} days: " + (", ".join(said) or "not watched")


def _day_of_incidents(
    found: Sequence[Incident], since: datetime | None, start: datetime, end: datetime
) -> Tone | None:
    open_then = [
        i.severity for i in found if i.opened_at < end and (i.resolved_at is None or i.resolved_at >= start)
    ]
    if open_then:
        return _SEVERITY[max(open_then, key=lambda severity: severity.rank)]
    return None if since is None or since >= end else Tone.OK


def _day_of_readings(found: Sequence[Reading], start: datetime, end: datetime) -> Tone | None:
    that_day = [r.status for r in found if r.period_start < end and r.period_end >= start]
    if not that_day:
        before = [r for r in found if r.period_end < start]
        later = any(r.period_start >= end for r in found)
        return _STATUS[before[-1].status] if before and later else None
    return min((_STATUS[status] for status in that_day), key=_WORST.index)
