"""Incidents: the listing, and one with its evidence and timeline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.incident import Incident, IncidentState
from core.text import printable
from storage.incidents import EventKind, IncidentEvent
from storage.leases import LeaseChange
from tidegate.web.views.leases import ChangeRow, change_row
from tidegate.web.views.parts import (
    SEVERITY,
    Badge,
    Paging,
    Row,
    Tone,
    When,
    address,
    page_number,
    paging,
    provider,
    when,
)

PATH: Final = "/incidents"
_EVENTS = {
    EventKind.OPENED: Tone.BAD,
    EventKind.ESCALATED: Tone.BAD,
    EventKind.UPDATED: Tone.WARN,
    EventKind.SUSPECT: Tone.UNKNOWN,
    EventKind.RESOLVED: Tone.OK,
    EventKind.NOTIFIED: Tone.INFO,
    EventKind.ACTION: Tone.INFO,
}


@dataclass(frozen=True, slots=True)
class Query:
    """Which incidents: open ones unless the address says `resolved` or `all`."""

    state: str = "open"
    page: int = 1

    @property
    def words(self) -> dict[str, str]:
        return {"state": "" if self.state == "open" else self.state}

    @property
    def wanted(self) -> IncidentState | None:
        return None if self.state == "all" else IncidentState(self.state)


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident in a listing."""

    label: str
    address: str
    state: Badge
    severity: Badge
    about: str
    about_address: str
    provider: str
    title: str
    opened: When | None
    lasted: When | None


@dataclass(frozen=True, slots=True)
class Incidents:
    """A page of the listing."""

    query: Query
    address: str
    rows: tuple[IncidentRow, ...]
    paging: Paging
    states: tuple[str, ...] = ("open", "resolved", "all")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline."""

    at: When | None
    kind: Badge
    text: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident in full; `changes` are what the controller did on its scope since it opened."""

    row: IncidentRow
    summary: str
    facts: tuple[Row, ...]
    evidence: tuple[Row, ...]
    timeline: tuple[Line, ...]
    changes: tuple[ChangeRow, ...]


def query(asked: Mapping[str, str]) -> Query:
    """Read an address."""
    state = asked.get("state", "open")
    return Query(
        state if state in {"open", "resolved", "all"} else "open", page_number(asked.get("page", ""))
    )


def incidents(asked: Query, found: Sequence[Incident], matching: int, now: datetime) -> Incidents:
    """A page, the newest first."""
    return Incidents(
        query=asked,
        address=address(PATH, asked.words, page=str(asked.page) if asked.page > 1 else ""),
        rows=tuple(incident_row(one, now) for one in found),
        paging=paging(PATH, asked.words, asked.page, matching, "incidents"),
    )


def incident_row(one: Incident, now: datetime) -> IncidentRow:
    """One incident in a listing."""
    is_open = one.state is IncidentState.OPEN
    return IncidentRow(
        label=one.label,
        address=f"{PATH}/{one.number}",
        state=Badge("open", Tone.WARN) if is_open else Badge("resolved", Tone.OK),
        severity=SEVERITY[one.severity],
        about=str(one.ip or one.source),
        about_address=f"/ips/{one.ip}" if one.ip else "/sources",
        provider=provider(one.provider),
        title=printable(one.title, 300),
        opened=when(one.opened_at, now),
        lasted=when(one.resolved_at, now),
    )


def incident(
    one: Incident, events: Iterable[IncidentEvent], changes: Iterable[LeaseChange], now: datetime
) -> IncidentView:
    """One incident; the newest line of its timeline first."""
    facts = (
        Row("rule", str(one.rule)),
        Row("source", f"{one.source} {one.metric}".strip(), exact=True),
        Row("evidence ends", f"{one.evidence_end.astimezone():%-d %b %H:%M:%S %Z}"),
    )
    mine = [c for c in changes if c.scope.source_ip == one.ip and _while_open(c, one)]
    return IncidentView(
        row=incident_row(one, now),
        summary=printable(one.summary, 2_000),
        facts=facts,
        evidence=tuple(Row(str(k), printable(str(v), 1_000), exact=True) for k, v in one.evidence.items()),
        timeline=tuple(
            Line(when(e.at, now), Badge(str(e.kind), _EVENTS[e.kind]), printable(e.text, 1_000))
            for e in sorted(events, key=lambda e: e.at, reverse=True)
        ),
        changes=tuple(change_row(c, now) for c in reversed(mine)),
    )


def _while_open(change: LeaseChange, one: Incident) -> bool:
    return change.at >= one.opened_at and (one.resolved_at is None or change.at <= one.resolved_at)
