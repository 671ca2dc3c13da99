"""Incidents and their timelines. Who opens one and when is the monitor's decision (monitor/detection)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, func, or_, select

from core.address import IpAddress
from core.errors import ConflictError, NotFoundError
from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from core.provider import EVERY
from core.reading import Source
from storage.tables import IncidentEventRow, IncidentRow, NoticeRow

_MOST: Final = 500


class EventKind(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    ESCALATED = "escalated"
    SUSPECT = "suspect"
    RESOLVED = "resolved"
    NOTED = "noted"
    ACKNOWLEDGED = "acknowledged"
    NOTIFIED = "notified"
    ACTION = "action"


UNTOLD: Final = frozenset({EventKind.NOTIFIED, EventKind.NOTED})
"""Lines that are kept for who looks and never told by mail."""


class IncidentEvent(BaseModel):
    """One line of an incident's timeline. `id` grows in the order of recording, once the line is stored."""

    model_config = ConfigDict(frozen=True)

    id: int = 0

    number: int
    at: datetime
    kind: EventKind
    text: str


class NewIncident(BaseModel):
    """An incident before it has a number. Fields as in core.incident.Incident."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    kind: IncidentKind
    ip: IpAddress | None
    source: Source
    metric: str = ""
    rule: Rule
    severity: Severity
    tier: int = 3
    provider: str = EVERY
    title: str
    summary: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict)
    evidence_end: datetime
    opened_at: datetime


def open_incidents(session: Session) -> list[Incident]:
    """All open incidents, oldest first."""
    rows = session.exec(
        select(IncidentRow)
        .where(IncidentRow.state == str(IncidentState.OPEN))
        .order_by(col(IncidentRow.number))
    )
    return [_incident(row) for row in rows]


def open_series(session: Session) -> set[tuple[str | None, str, str]]:
    """IP, source and metric of every open incident: what `Reading.series` is of a reading."""
    rows = session.exec(
        select(IncidentRow.ip, IncidentRow.source, IncidentRow.metric).where(
            IncidentRow.state == str(IncidentState.OPEN)
        )
    )
    return set(rows)


def first_opened(session: Session) -> datetime | None:
    """When the oldest incident that is still known was opened."""
    return session.exec(select(func.min(IncidentRow.opened_at))).one()


def find(session: Session, number: int) -> Incident:
    """One incident by its number. Raises NotFoundError."""
    return _incident(_row(session, number))


def incident_by_fingerprint(session: Session, fingerprint: str) -> Incident | None:
    """The open incident about this problem, if there is one."""
    row = session.exec(
        select(IncidentRow).where(
            IncidentRow.fingerprint == fingerprint, IncidentRow.state == str(IncidentState.OPEN)
        )
    ).first()
    return _incident(row) if row else None


def open_incident(session: Session, new: NewIncident) -> Incident:
    """Give a new incident its number and the first line of its timeline.

    Raises ConflictError when one is open for the fingerprint; nothing is written then.
    """
    row = IncidentRow(
        **new.model_dump(mode="json", exclude={"evidence_end", "opened_at"}),
        state=str(IncidentState.OPEN),
        evidence_end=new.evidence_end,
        opened_at=new.opened_at,
        updated_at=new.opened_at,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise ConflictError(f"an incident for {new.fingerprint} is open already") from error
    incident = _incident(row)
    append_event(
        session,
        IncidentEvent(number=incident.number, at=new.opened_at, kind=EventKind.OPENED, text=new.title),
    )
    return incident


def update_incident(
    session: Session, incident: Incident, *, kind: EventKind = EventKind.UPDATED, text: str = ""
) -> Incident:
    """Write an incident's changed fields (a `model_copy(update=…)` of the stored one).

    A `text` becomes a line of the timeline at `incident.updated_at`. Fingerprint, number, opening and state
    stay as they are: `resolve_incident` closes. Raises NotFoundError.
    """
    row = _row(session, incident.number)
    row.severity, row.tier, row.provider = str(incident.severity), incident.tier, incident.provider
    row.rule, row.title, row.summary = str(incident.rule), incident.title, incident.summary
    row.evidence = to_jsonable_python(incident.evidence)
    row.evidence_end, row.updated_at = incident.evidence_end, incident.updated_at
    session.add(row)
    session.flush()
    if text:
        append_event(
            session, IncidentEvent(number=incident.number, at=incident.updated_at, kind=kind, text=text)
        )
    return _incident(row)


def resolve_incident(session: Session, number: int, at: datetime, text: str) -> Incident:
    """Close an incident and say why in its timeline; a resolved one stays as it is. Raises NotFoundError."""
    row = _row(session, number)
    if row.state == str(IncidentState.RESOLVED):
        return _incident(row)
    row.state, row.resolved_at, row.updated_at = str(IncidentState.RESOLVED), at, at
    session.add(row)
    append_event(session, IncidentEvent(number=number, at=at, kind=EventKind.RESOLVED, text=text))
    return _incident(row)


def between(
    session: Session, start: datetime, end: datetime, ips: Iterable[IpAddress] | None = None
) -> list[Incident]:
    """Incidents that were open at some moment of [start, end), oldest first; about some IPs if given."""
    wanted = select(IncidentRow).where(
        IncidentRow.opened_at < end,
        or_(col(IncidentRow.resolved_at).is_(None), col(IncidentRow.resolved_at) >= start),
    )
    if ips is not None:
        wanted = wanted.where(col(IncidentRow.ip).in_([str(ip) for ip in ips]))
    rows = session.exec(wanted.order_by(col(IncidentRow.number)))
    return [_incident(row) for row in rows]


def newest(
    session: Session, state: IncidentState | None, limit: int, offset: int = 0
) -> tuple[list[Incident], int]:
    """A page of the incidents in a state (None: in any), newest first, and how many there are."""
    chosen = [] if state is None else [IncidentRow.state == str(state)]
    count = session.exec(select(func.count()).select_from(IncidentRow).where(*chosen)).one()
    rows = session.exec(
        select(IncidentRow)
        .where(*chosen)
        .order_by(col(IncidentRow.number).desc())
        .limit(limit)
        .offset(offset)
    )
    return [_incident(row) for row in rows], count


def latest_events(session: Session, limit: int) -> list[tuple[Incident, IncidentEvent]]:
    """The newest lines of all timelines with their incidents, newest first."""
    rows = session.exec(
        select(IncidentRow, IncidentEventRow)
        .where(IncidentRow.number == IncidentEventRow.number)
        .order_by(col(IncidentEventRow.at).desc(), col(IncidentEventRow.id).desc())
        .limit(limit)
    )
    return [(_incident(row), IncidentEvent.model_validate(event.model_dump())) for row, event in rows]


def of_problem(session: Session, fingerprint: str, since: datetime) -> list[Incident]:
    """Incidents about one problem that are open or were resolved at or after `since`, oldest first."""
    rows = session.exec(
        select(IncidentRow)
        .where(
            IncidentRow.fingerprint == fingerprint,
            or_(col(IncidentRow.resolved_at).is_(None), col(IncidentRow.resolved_at) >= since),
        )
        .order_by(col(IncidentRow.number))
    )
    return [_incident(row) for row in rows]


def about_ip(session: Session, ip: IpAddress, since: datetime) -> list[Incident]:
    """Incidents of one IP that are open or were resolved at or after `since`, oldest first."""
    rows = session.exec(
        select(IncidentRow)
        .where(
            IncidentRow.ip == str(ip),
            or_(col(IncidentRow.resolved_at).is_(None), col(IncidentRow.resolved_at) >= since),
        )
        .order_by(col(IncidentRow.number))
    )
    return [_incident(row) for row in rows]


def append_event(session: Session, event: IncidentEvent) -> None:
    """Add a line to a timeline. Raises NotFoundError."""
    _row(session, event.number)
    session.add(IncidentEventRow(**event.model_dump(exclude={"kind", "id"}), kind=str(event.kind)))
    session.flush()


def events(session: Session, number: int) -> list[IncidentEvent]:
    """An incident's timeline, oldest line first."""
    rows = session.exec(
        select(IncidentEventRow)
        .where(IncidentEventRow.number == number)
        .order_by(col(IncidentEventRow.at), col(IncidentEventRow.id))
    )
    return [IncidentEvent.model_validate(row.model_dump()) for row in rows]


def find_all(session: Session, numbers: Sequence[int]) -> dict[int, Incident]:
    """The incidents with these numbers, without those that do not exist."""
    found: dict[int, Incident] = {}
    for some in _pieces(numbers):
        rows = session.exec(select(IncidentRow).where(col(IncidentRow.number).in_(some)))
        found.update((row.number or 0, _incident(row)) for row in rows)
    return found


def events_of(session: Session, numbers: Sequence[int]) -> dict[int, list[IncidentEvent]]:
    """Timelines by the incident's number, oldest line first; empty for those that do not exist."""
    found: dict[int, list[IncidentEvent]] = {number: [] for number in numbers}
    for some in _pieces(numbers):
        rows = session.exec(
            select(IncidentEventRow)
            .where(col(IncidentEventRow.number).in_(some))
            .order_by(col(IncidentEventRow.at), col(IncidentEventRow.id))
        )
        for row in rows:
            found[row.number].append(IncidentEvent.model_validate(row.model_dump()))
    return found


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` incidents that were over before then, with all that was told. Returns how many.

    The newest stays, whatever its age, so that no number is given twice; so does one whose end, or whose
    thread, is still to be told.
    """
    untold = select(NoticeRow.incident).where(
        col(NoticeRow.closed).is_(False),
        or_(NoticeRow.lead == IncidentRow.number, NoticeRow.incident == IncidentRow.number),
    )
    over = session.exec(
        select(IncidentRow.number)
        .where(
            col(IncidentRow.resolved_at) < before,
            IncidentRow.state != str(IncidentState.OPEN),
            col(IncidentRow.number) < select(func.max(IncidentRow.number)).scalar_subquery(),
            ~untold.exists(),
        )
        .limit(limit)
    ).all()
    for some in _pieces([number for number in over if number is not None]):
        session.exec(delete(IncidentEventRow).where(col(IncidentEventRow.number).in_(some)))
        session.exec(delete(NoticeRow).where(col(NoticeRow.incident).in_(some)))
        session.exec(delete(IncidentRow).where(col(IncidentRow.number).in_(some)))
    return len(over)


def _pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """SQLite takes 32,766 parameters in a statement, older ones 999."""
    return (numbers[place : place + _MOST] for place in range(0, len(numbers), _MOST))


def _row(session: Session, number: int) -> IncidentRow:
    row = session.get(IncidentRow, number)
    if row is None:
        raise NotFoundError(f"there is no incident INC-{number}")
    return row


def _incident(row: IncidentRow) -> Incident:
    return Incident.model_validate(row.model_dump())
