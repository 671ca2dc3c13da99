"""How the sources of signals are doing. What the states mean is the monitor's business."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, func, select

from storage.tables import SourceHealthRow


class SourceHealth(BaseModel):
    """One source (`dnsbl:zen.spamhaus.org`, `snds:main`): when it last worked and what it last said wrong.

    `recent` has a letter for each of the last attempts; what the letters mean is the monitor's business, too.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    since: datetime | None = None
    last_success_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_error: str = ""
    consecutive_failures: int = 0
    detail: str = ""
    recent: str = ""


def load_all(session: Session) -> list[SourceHealth]:
    """Every known source, by name."""
    rows = session.exec(select(SourceHealthRow).order_by(SourceHealthRow.name))
    return [SourceHealth.model_validate(row.model_dump()) for row in rows]


def find(session: Session, name: str) -> SourceHealth | None:
    """One source, if it is known."""
    row = session.get(SourceHealthRow, name)
    return SourceHealth.model_validate(row.model_dump()) if row else None


def last_attempt(session: Session) -> datetime | None:
    """When any source was last asked, if any ever was."""
    return session.exec(select(func.max(SourceHealthRow.last_attempt_at))).one()


def save(session: Session, health: SourceHealth) -> None:
    """Write how a source is doing."""
    session.merge(SourceHealthRow(**health.model_dump()))
    session.flush()
