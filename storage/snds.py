"""What Microsoft SNDS said about each IP and day, whole; and up to which day an account has been read."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, delete, func, select
from sqlmodel.sql.expression import SelectOfScalar

from core.address import IpAddress, parse_ip
from storage.tables import SndsAccountRow, SndsActivityRow

KEPT: Final = timedelta(days=400)
"""A year and a month: SNDS itself forgets after 90 days."""


class Activity(BaseModel):
    """One IP's day as one account told it. None is what SNDS left blank.

    `day` is the report date that was asked for, else the day on which the activity began. `activity_text` and
    `trap_text` are SNDS' own words, which name no time zone; `complaint_rate` is a share, with `<` as
    `complaint_operator` where only a bound was given.
    """

    model_config = ConfigDict(frozen=True)

    ip: IpAddress
    day: date
    account: str
    activity_start: datetime
    activity_end: datetime
    activity_text: str
    rcpt_commands: int | None = None
    data_commands: int | None = None
    message_recipients: int | None = None
    filter_result: str | None = None
    complaint_rate: float | None = None
    complaint_operator: str = ""
    trap_hits: int | None = None
    trap_text: str | None = None
    sample_helo: str | None = None
    sample_mail_from: str | None = None
    comments: str | None = None
    observed_at: datetime


def record(session: Session, told: Iterable[Activity]) -> None:
    """Keep each IP's day; what SNDS revises is replaced, what it repeats is left as it is."""
    by_day: dict[tuple[date, str], dict[str, Activity]] = {}
    for one in told:
        by_day.setdefault((one.day, one.account), {})[str(one.ip)] = one
    for (day, account), activities in by_day.items():
        known = {row.ip: row for row in session.exec(_of(day, account))}
        for ip, activity in activities.items():
            _put(session, known.get(ip), activity)
    if by_day:
        oldest = max(day for day, _ in by_day) - KEPT
        session.exec(delete(SndsActivityRow).where(col(SndsActivityRow.day) < oldest))
    session.flush()


def days_of(session: Session, ip: IpAddress, since: date) -> list[Activity]:
    """What was told about one IP, newest day first."""
    rows = session.exec(
        select(SndsActivityRow)
        .where(SndsActivityRow.ip == str(ip), col(SndsActivityRow.day) >= since)
        .order_by(col(SndsActivityRow.day).desc(), SndsActivityRow.account)
    )
    return [Activity.model_validate({**row.model_dump(), "ip": parse_ip(row.ip)}) for row in rows]


def trap_hits(session: Session, first: date, end: date) -> int | None:
    """Hits on spam traps in the days of [first, end), all IPs; None when no account said anything about them.

    Where two accounts tell of one IP's day the larger number counts.
    """
    told = (
        select(func.max(SndsActivityRow.trap_hits).label("hits"))
        .where(col(SndsActivityRow.day) >= first, col(SndsActivityRow.day) < end)
        .group_by(col(SndsActivityRow.ip), col(SndsActivityRow.day))
        .subquery()
    )
    hits: int | None = session.exec(select(func.sum(told.c.hits))).one()
    return hits


def read_through(session: Session, account: str) -> date | None:
    """The last day up to which nothing is missing any more; None before the first round."""
    row = session.get(SndsAccountRow, account)
    return row.read_through if row else None


def set_read_through(session: Session, account: str, day: date) -> None:
    """Remember it; in the transaction that keeps what was read."""
    session.merge(SndsAccountRow(account=account, read_through=day))
    session.flush()


def _of(day: date, account: str) -> SelectOfScalar[SndsActivityRow]:
    return select(SndsActivityRow).where(SndsActivityRow.day == day, SndsActivityRow.account == account)


def _put(session: Session, known: SndsActivityRow | None, activity: Activity) -> None:
    fresh = SndsActivityRow(**{**activity.model_dump(), "ip": str(activity.ip)})
    if known is None:
        session.add(fresh)
        return
    if known.observed_at > activity.observed_at:
        return
    said = fresh.model_dump(exclude={"observed_at"})
    if known.model_dump(exclude={"observed_at"}) != said:
        for name, value in {**said, "observed_at": activity.observed_at}.items():
            setattr(known, name, value)
        session.add(known)
