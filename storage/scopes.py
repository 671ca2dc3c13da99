"""What the controller remembers: a document per scope, hourly counts, and its fencing epoch."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from core.address import IpAddress, parse_ip
from core.lease import Scope
from storage.tables import CounterRow, ScopeHourRow, ScopeStateRow

COUNTS = (
    "attempted", "delivered", "deferred", "bounced",
    "reputation_deferred", "blocked", "hard_bounced", "complaints",
)  # fmt: skip


class ScopeHour(BaseModel):
    """One hour of one scope in recipients; counts as in core.statistics.ScopeMinute."""

    model_config = ConfigDict(frozen=True)

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


def save_state(session: Session, scope: Scope, document: dict[str, Any], at: datetime) -> None:
    """Write a scope's document (JSON values alone)."""
    key = (str(scope.source_ip), scope.provider)
    row = session.get(ScopeStateRow, key)
    if row is None:
        row = ScopeStateRow(source_ip=key[0], provider=key[1], document=document, updated_at=at)
    row.document, row.updated_at = document, at
    session.add(row)
    session.flush()


def delete_state(session: Session, scope: Scope) -> None:
    """Forget a scope; nothing happens when it is unknown."""
    row = session.get(ScopeStateRow, (str(scope.source_ip), scope.provider))
    if row is not None:
        session.delete(row)
        session.flush()


def record_hours(session: Session, hours: Iterable[ScopeHour]) -> None:
    """Write hourly counts. A count only grows: the same hour again, or a part of it, takes nothing away."""
    for hour in hours:
        key = (str(hour.scope.source_ip), hour.scope.provider, hour.hour)
        row = session.get(ScopeHourRow, key)
        counts = {name: getattr(hour, name) for name in COUNTS}
        if row is None:
            session.add(ScopeHourRow(source_ip=key[0], provider=key[1], hour=key[2], **counts))
            continue
        for name, count in counts.items():
            if count > getattr(row, name):
                setattr(row, name, count)
    session.flush()


def hours(session: Session, since: datetime, ip: IpAddress | None = None) -> list[ScopeHour]:
    """Hourly counts from `since` on, by scope and then by hour; of one IP if it is given."""
    wanted = select(ScopeHourRow).where(ScopeHourRow.hour >= since)
    if ip is not None:
        wanted = wanted.where(ScopeHourRow.source_ip == str(ip))
    rows = session.exec(
        wanted.order_by(ScopeHourRow.source_ip, ScopeHourRow.provider, col(ScopeHourRow.hour))
    )
    return [
        ScopeHour(
            scope=_scope(row.source_ip, row.provider), hour=row.hour, **row.model_dump(include=set(COUNTS))
        )
        for row in rows
    ]


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


@cache
def _scope(source_ip: str, provider: str) -> Scope:
    return Scope(source_ip=parse_ip(source_ip), provider=provider)
