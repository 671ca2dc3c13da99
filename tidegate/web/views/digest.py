"""The weekly digest on a page: the view object of the mail, with links, a table that is sorted and paged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from core.address import by_number, parse_ip
from core.incident import Severity
from core.text import printable
from monitor.digest.build import Choose
from monitor.digest.figures import NO_DATA
from monitor.digest.views import DigestView, Figure, IncidentLine, IpLine, ProviderLine, ScopeLine, SourceLine
from monitor.digest.week import Week, week_of
from tidegate.web.views import strips
from tidegate.web.views.parts import (
    PER_PAGE,
    SEVERITY,
    Badge,
    Heading,
    Paging,
    Tone,
    page_number,
    paging,
    sorting,
)

PATH: Final = "/digest"
EVERY_ROW: Final = 1_000_000
"""The mail's number of rows is for mails: a page turns."""
_WEEKS: Final = 27
"""So many weeks are offered; older ones open by their address."""
_LINES: Final = 20
_SORTS = {"worst": "state", "ip": "IP", "incidents": "incidents", "mail": "mail", "away": "turned away"}
_DAYS = (Tone.OK, Tone.INFO, Tone.WARN, Tone.BAD)
_STATES = {
    "critical": Badge("critical", Tone.BAD),
    "warning": Badge("warning", Tone.WARN),
    "notice": Badge("notice", Tone.INFO),
    "recovered": Badge("recovered", Tone.OK),
    "clean": Badge("clean", Tone.OK),
}
_CELL, _TALL, _LOW = 8, 40, 3


@dataclass(frozen=True, slots=True)
class Query:
    """Which week, which order and page of its table. `week` as an address has it; empty: the usual one."""

    week: str = ""
    sort: str = ""
    page: int = 1

    @property
    def words(self) -> dict[str, str]:
        return {"week": self.week, "sort": self.sort}


@dataclass(frozen=True, slots=True)
class Choice:
    """A week that may be chosen."""

    name: str
    label: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident with the address of its page."""

    line: IncidentLine
    address: str
    severity: Badge


@dataclass(frozen=True, slots=True)
class Some:
    """The first lines of a list, and how many more there are."""

    lines: tuple[Trouble, ...]
    more: int


@dataclass(frozen=True, slots=True)
class IpRow:
    """One IP with the address of its page."""

    line: IpLine
    address: str
    state: Badge
    strip: strips.Strip


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the chart; `bar` is an SVG path in a box of 8 × 40."""

    name: str
    count: int
    bar: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Digest:
    """The page. `now` and `before` head the figures of the week and of the one before."""

    said: DigestView
    query: Query
    choices: tuple[Choice, ...]
    tone: Tone
    title: str
    now: str
    before: str
    attention: Some
    over: Some
    days: tuple[Day, ...]
    figures: tuple[Figure, ...]
    providers: tuple[ProviderLine, ...]
    scopes: tuple[ScopeLine, ...]
    more_scopes: int
    headings: tuple[Heading, ...]
    rows: tuple[IpRow, ...]
    paging: Paging
    sources: tuple[SourceLine, ...]
    mail_note: str


def query(asked: Mapping[str, str]) -> Query:
    """Read an address."""
    sort = asked.get("sort", "")
    return Query(
        week=printable(asked.get("week", "").strip(), 40),
        sort=sort if sort in _SORTS else "",
        page=page_number(asked.get("page", "")),
    )


def choices(since: datetime | None, now: datetime, shown: Week) -> tuple[Choice, ...]:
    """This week and those before it, back to the one with the first record."""
    week = week_of(now, shown.zone)
    found = [_choice(week, shown, ", so far")]
    while since is not None and week.start > since and len(found) < _WEEKS:
        week = week.before
        found.append(_choice(week, shown))
    if not any(one.is_shown for one in found):
        found.append(_choice(shown, shown))
    return tuple(found)


def _choice(week: Week, shown: Week, more: str = "") -> Choice:
    last = week.after.monday.toordinal() - 1
    days = f"{week.monday:%-d %b} to {week.monday.fromordinal(last):%-d %b}"
    return Choice(week.name, f"{week.title} ({days}){more}", week == shown)


def page_of(asked: Query) -> Choose:
    """Which IPs a page shows."""

    def choose(lines: Sequence[IpLine]) -> Sequence[IpLine]:
        start = (asked.page - 1) * PER_PAGE
        return _in_order(lines, asked.sort)[start : start + PER_PAGE]

    return choose


def digest(said: DigestView, asked: Query, weeks: Sequence[Choice], mail_note: str = "") -> Digest:
    """The page of one week."""
    count = len(said.ips) + said.left_out
    return Digest(
        said=said,
        query=asked,
        choices=tuple(weeks),
        tone=_tone(said),
        title=said.title.capitalize(),
        now="this week" if said.is_over else "so far",
        before="the week before" if said.is_over else "last week by then",
        attention=_some(said.attention),
        over=_some(said.incidents),
        days=_days(said),
        figures=said.figures,
        providers=said.providers,
        scopes=said.scopes[:_LINES],
        more_scopes=max(0, len(said.scopes) - _LINES),
        headings=_headings(asked),
        rows=tuple(_row(one) for one in said.ips),
        paging=paging(PATH, asked.words, asked.page, count, "IPs in trouble"),
        sources=said.sources,
        mail_note=mail_note,
    )


def _tone(said: DigestView) -> Tone:
    worst = {line.severity for line in said.attention}
    if Severity.CRITICAL.value in worst:
        return Tone.BAD
    if worst:
        return Tone.WARN
    return Tone.UNKNOWN if said.verdict.startswith("Nothing was watched") else Tone.OK


def _some(lines: Sequence[IncidentLine]) -> Some:
    shown = tuple(
        Trouble(one, f"/incidents/{one.label.removeprefix('INC-')}", SEVERITY[Severity(one.severity)])
        for one in lines[:_LINES]
    )
    return Some(shown, len(lines) - len(shown))


def _days(said: DigestView) -> tuple[Day, ...]:
    highest = max(said.troubled_per_day, default=0)
    return tuple(
        Day(name, count, _bar(count, highest), Tone.WARN if count else Tone.OK)
        for name, count in zip(said.day_names, said.troubled_per_day, strict=True)
    )


def _bar(count: int, highest: int) -> str:
    tall = max(_LOW, round(_TALL * count / highest)) if highest else _LOW
    return f"M0 {_TALL - tall}h{_CELL}v{tall}h-{_CELL}z"


def _row(line: IpLine) -> IpRow:
    drawn = strips.strip([_DAYS[level] for level in line.days])
    width = max(1, len(line.days)) * strips.STEP
    strip = replace(drawn, width=width, words=f"worst of each day: {_told(line.days)}")
    return IpRow(line, f"/ips/{line.ip}", _STATES[line.state], strip)


def _told(days: Iterable[int]) -> str:
    names = ("clean", "notice", "warning", "critical")
    return ", ".join(names[level] for level in days)


def _in_order(lines: Sequence[IpLine], sort: str) -> Sequence[IpLine]:
    """The digest's own order is worst first; rows that are equal stay in it."""
    match sort:
        case "incidents":
            return sorted(lines, key=lambda one: -one.incidents)
        case "mail":
            return sorted(lines, key=lambda one: -_number(one.attempted))
        case "away":
            return sorted(lines, key=lambda one: -_number(one.turned_away))
        case "ip":
            return sorted(lines, key=lambda one: by_number(parse_ip(one.ip)))
    return lines


def _number(shown: str) -> float:
    """A number as the digest shows it; what is not known stands below everything that is."""
    return -1.0 if shown == NO_DATA else float(shown.partition(" ")[0].replace(",", ""))


def _headings(asked: Query) -> tuple[Heading, ...]:
    heading = partial(sorting, PATH, asked.words, _SORTS, asked.sort or "worst")
    return (
        heading("worst"),
        heading("ip"),
        Heading("each day"),
        heading("incidents", number=True),
        Heading("signals now"),
        heading("mail", number=True),
        heading("away", number=True),
    )
