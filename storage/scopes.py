"""What the controller remembers: a document per scope, hourly counts, and its fencing epoch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any

from sqlalchemy import case, func
from sqlalchemy import select as sa_select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select

from core.address import IpAddress, parse_ip
from core.lease import Scope
from storage.tables import METADATA, CounterRow, ScopeHourRow, ScopeStateRow

COUNTS = (
    "attempted", "delivered", "deferred", "bounced",
    "reputation_deferred", "blocked", "hard_bounced", "complaints",
)  # fmt: skip
_STATES = METADATA.tables[ScopeStateRow.__tablename__]
_HOURS = METADATA.tables[ScopeHourRow.__tablename__]
_AT_ONCE = 500
"""IPs in one query: SQLite takes 32,766 values, older ones 999."""


@dataclass(frozen=True, slots=True)
class ScopeHour:
    """One hour of one scope in recipients; counts as in core.statistics.ScopeMinute."""

    scope: Scope
    hour: datetime
    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    reputation_deferred: int = 0
    blocked: int = 0
    hard_bounced: int = 0
    complaints: int = 0


def load_states(session: Session) -> dict[Scope, dict[str, Any]]:
    """The document of every scope that has one."""
    rows = session.exec(select(ScopeStateRow).order_by(ScopeStateRow.source_ip, ScopeStateRow.provider))
    return {_scope(row.source_ip, row.provider): dict(row.document) for row in rows}


def save_states(session: Session, documents: Mapping[Scope, dict[str, Any]], at: datetime) -> None:
    """Write the documents of scopes (JSON values alone)."""
    rows = [
        {
            "source_ip": str(scope.source_ip),
            "provider": scope.provider,
            "document": document,
            "updated_at": at,
        }
        for scope, document in documents.items()
    ]
    if rows:
        new = _dialect(session).insert(_STATES)
        changed = {"document": new.excluded.document, "updated_at": new.excluded.updated_at}
        upsert = new.on_conflict_do_update(index_elements=["source_ip", "provider"], set_=changed)
        session.connection().execute(upsert, rows)


def delete_state(session: Session, scope: Scope) -> None:
    """Forget a scope; nothing happens when it is unknown."""
    row = session.get(ScopeStateRow, (str(scope.source_ip), scope.provider))
    if row is not None:
        session.delete(row)
        session.flush()


def record_hours(session: Session, hours: Iterable[ScopeHour]) -> None:
    """Write hourly counts. A count only grows: the same hour again, or a part of it, takes nothing away."""
    rows = [
        {
            "source_ip": str(one.scope.source_ip),
            "provider": one.scope.provider,
            "hour": one.hour,
            **{name: getattr(one, name) for name in COUNTS},
        }
        for one in hours
    ]
    if not rows:
        return
    new = _dialect(session).insert(_HOURS)
    table = _HOURS.c
    larger = {
        name: case((new.excluded[name] > table[name], new.excluded[name]), else_=table[name])
        for name in COUNTS
    }
    upsert = new.on_conflict_do_update(index_elements=["source_ip", "provider", "hour"], set_=larger)
    session.connection().execute(upsert, rows)


def _dialect(session: Session) -> ModuleType:
    return postgresql if session.get_bind().dialect.name == "postgresql" else sqlite


def hours(session: Session, since: datetime, ip: IpAddress | None = None) -> list[ScopeHour]:
    """Hourly counts from `since` on, by scope and then by hour; of one IP if it is given."""
    return _hours(session, since, None if ip is None else [str(ip)])


def hours_of(session: Session, since: datetime, ips: Collection[IpAddress]) -> list[ScopeHour]:
    """Hourly counts of some IPs from `since` on, by scope and then by hour."""
    names = sorted(map(str, ips))
    parts = (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
    return [hour for part in parts for hour in _hours(session, since, part)]


def _hours(session: Session, since: datetime, ips: Sequence[str] | None) -> list[ScopeHour]:
    columns = _HOURS.c
    wanted = sa_select(columns.source_ip, columns.provider, columns.hour, *(columns[c] for c in COUNTS))
    wanted = wanted.where(columns.hour >= since)
    if ips is not None:
        wanted = wanted.where(columns.source_ip.in_(ips))
    rows = session.connection().execute(wanted.order_by(columns.source_ip, columns.provider, columns.hour))
    return [ScopeHour(_scope(row[0], row[1]), row[2], *row[3:]) for row in rows]


def sums(session: Session, start: datetime, end: datetime) -> list[ScopeHour]:
    """What each scope's hours from `start` to before `end` came to, as one that begins at `start`."""
    columns = _HOURS.c
    wanted = sa_select(
        columns.source_ip, columns.provider, *(func.sum(columns[name]) for name in COUNTS)
    ).where(columns.hour >= start, columns.hour < end)
    rows = session.connection().execute(wanted.group_by(columns.source_ip, columns.provider))
    return [ScopeHour(_scope(row[0], row[1]), start, *map(int, row[2:])) for row in rows]


def attempted_by_ip(session: Session, since: datetime) -> dict[IpAddress, int]:
    """Recipients attempted from `since` on by each IP that the engine counted at all."""
    rows = session.exec(
        select(ScopeHourRow.source_ip, func.sum(ScopeHourRow.attempted))
        .where(col(ScopeHourRow.hour) >= since)
        .group_by(col(ScopeHourRow.source_ip))
    )
    return {parse_ip(ip): int(attempted) for ip, attempted in rows}


def forget_hours(session: Session, before: datetime) -> None:
    """Delete hourly counts older than `before`."""
    session.exec(delete(ScopeHourRow).where(col(ScopeHourRow.hour) < before))


def next_number(session: Session, name: str, above: int = 0) -> int:
    """Count up a named counter to more than it was and more than `above`; for the fencing epoch."""
    row = session.get(CounterRow, name, with_for_update=True) or CounterRow(name=name, value=0)
    row.value = max(row.value, above) + 1
    session.add(row)
    session.flush()
    return row.value


def note_moment(session: Session, name: str, at: datetime) -> None:
    """Remember when something happened last, to the second."""
    session.merge(CounterRow(name=name, value=int(at.timestamp())))
    session.flush()


def moment(session: Session, name: str) -> datetime | None:
    """When something happened last, if it ever did."""
    row = session.get(CounterRow, name)
    return None if row is None else datetime.fromtimestamp(row.value, UTC)


@cache
def _scope(source_ip: str, provider: str) -> Scope:
    return Scope(source_ip=parse_ip(source_ip), provider=provider)
