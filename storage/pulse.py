"""What has changed since somebody looked: a mark for each kind of record, cheap to compare."""

from typing import Any

from sqlmodel import Session, func, select

from storage.tables import (
    AuditRow,
    IncidentEventRow,
    IncidentRow,
    LeaseChangeRow,
    OrderRow,
    SourceHealthRow,
)

_MARKS = {
    "audit": (func.max(AuditRow.id),),
    "incidents": (func.max(IncidentRow.updated_at), func.max(IncidentEventRow.id)),
    "changes": (func.max(LeaseChangeRow.id),),
    "orders": (func.max(OrderRow.id), func.max(OrderRow.withdrawn_at)),
    "sources": (func.max(SourceHealthRow.last_attempt_at),),
}


def marks(session: Session) -> dict[str, tuple[Any, ...]]:
    """By kind of record a value that differs when something was written."""
    return {
        kind: tuple(session.exec(select(column)).one() for column in columns)
        for kind, columns in _MARKS.items()
    }
