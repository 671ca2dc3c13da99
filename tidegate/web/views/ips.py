"""The listing of source IPs: which of them a page shows, and a row for each, in the words of `show ips`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final, NamedTuple

from core.address import IpAddress, SourceIp, by_number
from core.incident import Incident
from core.reading import Reading, Status
from core.text import printable
from tidegate.cli.monitor_view import ip_row
from tidegate.web.views import strips
from tidegate.web.views.parts import (
    PER_PAGE,
    SEVERITY_LEVEL,
    STATUS,
    Badge,
    Heading,
    Paging,
    address,
    page_number,
    paging,
    sorting,
)

PATH: Final = "/ips"
_WORST = (Status.BAD, Status.WARN, Status.UNKNOWN, Status.GOOD)
_GRAVEST = (Status.BAD, Status.WARN, Status.GOOD, Status.UNKNOWN)
_SORTS = {"worst": "state", "ip": "IP", "list": "list", "volume": "24 h"}


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody wants to see, as the address says it."""

    text: str = ""
    status: str = ""
    sort: str = ""
    page: int = 1

    @property
    def words(self) -> dict[str, str]:
        """The query as an address has it, without the page."""
        return {"q": self.text, "status": self.status, "sort": self.sort}


class Listed(NamedTuple):
    """One IP of the configuration; `text` is its address as records are kept by it."""

    name: str
    source: SourceIp
    text: str


@dataclass(frozen=True)
class Fleet:
    """What is known of every IP at a glance; `worst` and `attempted` by address as text."""

    listed: Sequence[Listed]
    worst: Mapping[str, Status] = field(default_factory=dict)
    attempted: Mapping[str, int] = field(default_factory=dict)
    incidents: Sequence[Incident] = ()

    def status(self, ip: str) -> Status:
        """The worst of what is said about it now and of what is still open: unknown closes no incident."""
        return min(self.worst.get(ip, Status.UNKNOWN), self._open.get(ip, Status.UNKNOWN), key=_GRAVEST.index)

    @cached_property
    def _open(self) -> dict[str, Status]:
        found: dict[str, Status] = {}
        for one in self.incidents:
            said, ip = one.severity.status, str(one.ip)
            found[ip] = min(found.get(ip, said), said, key=_GRAVEST.index)
        return found


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of the IPs of a page."""

    readings: Mapping[IpAddress, Sequence[Reading]]
    history: Sequence[Incident]
    watched: Mapping[IpAddress, datetime]
    leases: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class IpRow:
    """One IP; `incidents` are labels with the addresses of their pages."""

    ip: str
    address: str
    listed_in: str
    state: Badge
    dnsbl: str
    snds: str
    score: str
    replies: str
    attempted: str
    age: str
    leases: tuple[str, ...]
    incidents: tuple[tuple[str, str], ...]
    strip: strips.Strip


@dataclass(frozen=True, slots=True)
class Ips:
    """A page of IPs."""

    query: Query
    address: str
    headings: tuple[Heading, ...]
    rows: tuple[IpRow, ...]
    paging: Paging
    counts: tuple[tuple[Badge, str], ...]
    statuses: tuple[str, ...] = tuple(map(str, _WORST))


def query(asked: Mapping[str, str]) -> Query:
    """Read an address."""
    status, sort = asked.get("status", ""), asked.get("sort", "")
    return Query(
        text=printable(asked.get("q", ""), 200),
        status=status if status in set(Status) else "",
        sort=sort if sort in _SORTS else "",
        page=page_number(asked.get("page", "")),
    )


def listed(lists: Mapping[str, Sequence[SourceIp]]) -> list[Listed]:
    """The IPs of every list, in the order of the file."""
    return [Listed(name, one, str(one.address)) for name, sources in lists.items() for one in sources]


def matching(asked: Query, fleet: Fleet) -> list[Listed]:
    """The IPs that fit, in the wanted order."""
    wanted = asked.text.lower()
    found = [
        one
        for one in fleet.listed
        if (not wanted or wanted in one.text or wanted in one.name.lower())
        and (not asked.status or fleet.status(one.text) == asked.status)
    ]
    return _in_order(found, asked.sort, fleet)


def page_of(asked: Query, found: Sequence[Listed]) -> Sequence[Listed]:
    """Those of them that the page shows."""
    start = (asked.page - 1) * PER_PAGE
    return found[start : start + PER_PAGE]


def _in_order(found: list[Listed], sort: str, fleet: Fleet) -> list[Listed]:
    match sort:
        case "ip":
            return sorted(found, key=lambda one: by_number(one.source.address))
        case "list":
            return sorted(found, key=lambda one: one.name)
        case "volume":
            return sorted(found, key=lambda one: -fleet.attempted.get(one.text, 0))
    gravest: dict[str, int] = {}
    for incident in fleet.incidents:
        if incident.ip is not None:
            ip = str(incident.ip)
            gravest[ip] = max(gravest.get(ip, 0), SEVERITY_LEVEL[incident.severity])

    def worst_first(one: Listed) -> tuple[int, int, int]:
        ip = one.text
        return (_WORST.index(fleet.status(ip)), -gravest.get(ip, 0), -fleet.attempted.get(ip, 0))

    return sorted(found, key=worst_first)


def ips(asked: Query, fleet: Fleet, found: int, rows: Sequence[IpRow]) -> Ips:
    """A page of IPs, of which `found` fit in all."""
    return Ips(
        query=asked,
        address=address(PATH, asked.words, page=str(asked.page) if asked.page > 1 else ""),
        headings=_headings(asked),
        rows=tuple(rows),
        paging=paging(PATH, asked.words, asked.page, found, "IPs"),
        counts=_counts(fleet),
    )


def rows_of(shown: Iterable[Listed], fleet: Fleet, details: Details, now: datetime) -> list[IpRow]:
    """A row for each IP."""
    return [_row(one.name, one.source.address, fleet, details, now) for one in shown]


def _row(name: str, ip: IpAddress, fleet: Fleet, details: Details, now: datetime) -> IpRow:
    told = ip_row(name, str(ip), details.readings.get(ip, ()), fleet.incidents, details.leases, now)
    history = [one for one in details.history if one.ip == ip]
    return IpRow(
        ip=str(ip),
        address=f"{PATH}/{ip}",
        listed_in=name,
        state=STATUS[fleet.status(str(ip))],
        dnsbl=told["dnsbl"],
        snds=printable(told["snds"], 60),
        score=told["score"],
        replies=printable(told["replies"], 60),
        attempted=f"{fleet.attempted.get(str(ip), 0):,}",
        age=told["age"],
        leases=tuple(told["leases"]),
        incidents=tuple((label, f"/incidents/{label.removeprefix('INC-')}") for label in told["incidents"]),
        strip=strips.of_incidents(history, details.watched.get(ip), now),
    )


def _counts(fleet: Fleet) -> tuple[tuple[Badge, str], ...]:
    counts = Counter(fleet.status(one.text) for one in fleet.listed)
    return tuple((STATUS[status], f"{counts[status]:,}") for status in _WORST if counts[status])


def _headings(asked: Query) -> tuple[Heading, ...]:
    heading = partial(sorting, PATH, asked.words, _SORTS, asked.sort or "worst")
    return (
        heading("worst"),
        heading("ip"),
        heading("list"),
        Heading("30 days"),
        Heading("DNSBL"),
        Heading("SNDS"),
        Heading("score", is_number=True),
        Heading("replies"),
        heading("volume", number=True),
        Heading("data"),
        Heading("leases"),
    )
