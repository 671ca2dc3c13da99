"""The small things that every page shows: tones, badges, moments, pages of a listing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

from core.incident import Severity
from core.provider import EVERY
from core.reading import Status
from tidegate.cli.output import ago, read_time

PER_PAGE = 50


class Tone(StrEnum):
    """How a thing stands. Pages show a shape and a word beside the colour, never the colour alone."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Badge:
    """A word with a tone."""

    word: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class When:
    """A moment: for machines, as the clock shows it, and how long ago."""

    iso: str
    text: str
    ago: str


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what stands beside it; `exact`: a stranger's words, shown as they came."""

    label: str
    value: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: a link that sorts by it, if it can be sorted; `is_number` aligns it to the right."""

    label: str
    address: str = ""
    sorted_by: bool = False
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in a listing a page is; addresses are empty where there is nothing more."""

    text: str
    back: str
    on: str


STATUS = {
    Status.GOOD: Badge("good", Tone.OK),
    Status.WARN: Badge("warn", Tone.WARN),
    Status.BAD: Badge("bad", Tone.BAD),
    Status.UNKNOWN: Badge("unknown", Tone.UNKNOWN),
}
SEVERITY = {
    Severity.INFO: Badge("notice", Tone.INFO),
    Severity.WARNING: Badge("warning", Tone.WARN),
    Severity.CRITICAL: Badge("critical", Tone.BAD),
}
SEVERITY_LEVEL = {Severity.INFO: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


def when(at: datetime | None, now: datetime) -> When | None:
    """A moment in this machine's zone; the day is left out of today's."""
    if at is None:
        return None
    local, today = at.astimezone(), now.astimezone()
    same_day = local.date() == today.date()
    text = local.strftime("%H:%M:%S" if same_day else "%-d %b %H:%M")
    return When(at.isoformat(timespec="seconds"), text, ago(at, now))


def when_told(text: object, now: datetime) -> When | None:
    """The same from the JSON of an API."""
    return when(read_time(text), now)


def provider(name: str | None) -> str:
    """`*` in words."""
    return "all providers" if name == EVERY else str(name or "")


def address(path: str, query: Mapping[str, str], **changes: str) -> str:
    """An address with the query that is not empty."""
    wanted = {key: value for key, value in {**query, **changes}.items() if value}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def sorting(
    path: str,
    query: Mapping[str, str],
    labels: Mapping[str, str],
    current: str,
    sort: str,
    *,
    number: bool = False,
) -> Heading:
    """A column of `labels` that a listing in the order `current` can be sorted by."""
    return Heading(labels[sort], address(path, query, sort=sort), current == sort, number)


def paging(path: str, query: Mapping[str, str], page: int, total: int, unit: str) -> Paging:
    """Page `page` (from 1) of `total` things."""
    first, last = (page - 1) * PER_PAGE + 1, min(page * PER_PAGE, total)
    if not total or first > total:
        text = f"no {unit}" if not total else f"nothing on this page; {total:,} {unit} in all"
    elif total <= PER_PAGE:
        text = f"{total:,} {unit}"
    else:
        text = f"{first:,} to {last:,} of {total:,} {unit}"
    back = address(path, query, page="" if page <= 2 else str(page - 1)) if page > 1 else ""
    on = address(path, query, page=str(page + 1)) if last < total and first <= total else ""
    return Paging(text, back, on)


def page_number(text: str) -> int:
    """A page from 1 as an address names it; anything else is the first."""
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 7 else 1
