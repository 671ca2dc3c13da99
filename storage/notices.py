"""What people have been told about an incident, and in which thread of mail.

Untold are the lines of its timeline beyond `told_events`: whoever writes a line (the controller, too) makes
it known without knowing about mail.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from storage.tables import NoticeRow


class Notice(BaseModel):
    """One incident's account. `lead` is the incident whose thread its mail goes to (itself, mostly).

    `told_events` counts lines of the timeline (`notified` ones left out) that were told, in the order of
    recording; `told_changes` is the number of the newest lease change that the last mail could know. `mails`
    counts the thread's mails and is kept at the lead, like `repeats`. `first_at` None: nobody has been told
    yet.
    """

    model_config = ConfigDict(frozen=True)

    incident: int
    lead: int
    baseline: bool = False
    told_events: int = 0
    told_changes: int = 0
    mails: int = 0
    repeats: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    closed: bool = False


def standing(session: Session) -> list[Notice]:
    """Accounts that are not closed: open incidents, and resolved ones whose end is not told. By number."""
    rows = session.exec(
        select(NoticeRow).where(col(NoticeRow.closed).is_(False)).order_by(col(NoticeRow.incident))
    )
    return [Notice.model_validate(row.model_dump()) for row in rows]


def find(session: Session, incident: int) -> Notice | None:
    """One incident's account, if it has one."""
    row = session.get(NoticeRow, incident)
    return Notice.model_validate(row.model_dump()) if row else None


def save(session: Session, notice: Notice) -> None:
    """Write an account."""
    session.merge(NoticeRow(**notice.model_dump()))
    session.flush()
