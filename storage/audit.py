"""The audit trail: append and read, never change; what is very old goes as a whole."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, delete, or_, select

from storage.tables import AuditRow


class AuditEntry(BaseModel):
    """Who (`actor`) did what (`action`) to what (`subject`), from what to what, and why."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    actor: str
    action: str
    subject: str
    before: str | None = None
    after: str | None = None
    reason: str = ""


def append(session: Session, entry: AuditEntry) -> None:
    """Write one entry."""
    session.add(AuditRow(**entry.model_dump()))
    session.flush()


def entries(
    session: Session,
    since: datetime | None = None,
    limit: int = 200,
    *,
    about: str = "",
    offset: int = 0,
) -> list[AuditEntry]:
    """The newest entries at or after `since`, newest first; `about` is a part of any of their words."""
    wanted = select(AuditRow).order_by(col(AuditRow.at).desc(), col(AuditRow.id).desc())
    if since is not None:
        wanted = wanted.where(AuditRow.at >= since)
    if about:
        words = (AuditRow.actor, AuditRow.action, AuditRow.subject, AuditRow.after, AuditRow.reason)
        wanted = wanted.where(or_(*(col(word).icontains(about, autoescape=True) for word in words)))
    rows = session.exec(wanted.limit(limit).offset(offset))
    return [AuditEntry.model_validate(row.model_dump()) for row in rows]


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` entries from before then. Returns how many."""
    over = session.exec(select(AuditRow.id).where(AuditRow.at < before).limit(limit)).all()
    session.exec(delete(AuditRow).where(col(AuditRow.id).in_(over)))
    return len(over)
