"""What the SNDS-like server tells: per-IP daily rows and ranges in trouble, in SNDS' own shapes.

No header, CRLF, 14 columns of data and 4 of status, US dates without a zone.
"""

import csv
import io
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from core.address import IpAddress


class FilterResult(StrEnum):
    """Share of mail judged spam: under 10 %, up to 90 %, above."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"

    @classmethod
    def of_spam_share(cls, share: float) -> "FilterResult":
        """The colour of a share of spam verdicts, 0..1."""
        if share < 0.1:
            return cls.GREEN
        return cls.YELLOW if share <= 0.9 else cls.RED


@dataclass(frozen=True, slots=True)
class SndsRow:
    """One IP's activity in one period. `complaint_rate` is a share 0..1; `trap_hits` None leaves it blank."""

    ip: IpAddress
    start: datetime
    end: datetime
    rcpt_commands: int
    data_commands: int
    recipients: int
    filter_result: FilterResult = FilterResult.GREEN
    complaint_rate: float = 0.0
    trap_hits: int | None = 0
    helo: str = ""
    mail_from: str = ""
    comments: str = ""


@dataclass(frozen=True, slots=True)
class SndsStatus:
    """An abnormal range of addresses, both ends inclusive."""

    first: IpAddress
    last: IpAddress
    blocked: bool
    details: str


def us_time(moment: datetime) -> str:
    """`3/9/2026 8:00 AM`, without a zone, as SNDS writes it."""
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment.minute:02} {half}"


def complaint_text(share: float) -> str:
    """`< 0.1%` below a tenth of a percent, else `0.2%`."""
    return "< 0.1%" if share < 0.001 else f"{share * 100:.1f}%"


def data_csv(rows: Iterable[SndsRow]) -> str:
    """The body of data.aspx."""
    return _csv(_data_columns(row) for row in rows)


def _data_columns(row: SndsRow) -> list[str]:
    trapped = bool(row.trap_hits)
    return [
        str(row.ip),
        us_time(row.start),
        us_time(row.end),
        str(row.rcpt_commands),
        str(row.data_commands),
        str(row.recipients),
        row.filter_result.value,
        complaint_text(row.complaint_rate),
        us_time(row.start) if trapped else "",
        us_time(row.end) if trapped else "",
        "" if row.trap_hits is None else str(row.trap_hits),
        row.helo,
        row.mail_from,
        row.comments,
    ]


def status_csv(statuses: Iterable[SndsStatus]) -> str:
    """The body of ipStatus.aspx."""
    return _csv([str(s.first), str(s.last), "Yes" if s.blocked else "No", s.details] for s in statuses)


def _csv(lines: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue().removesuffix("\r\n")


class SndsBook:
    """What the server would answer: rows by report date, abnormal ranges. Any thread may change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._days: dict[date, dict[IpAddress, SndsRow]] = {}
        self._statuses: tuple[SndsStatus, ...] = ()

    def publish(self, day: date, rows: Iterable[SndsRow]) -> None:
        """Add rows to a report date; a row for an IP already there replaces it."""
        with self._lock:
            self._days.setdefault(day, {}).update({row.ip: row for row in rows})

    def set_status(self, *statuses: SndsStatus) -> None:
        """Say which ranges are abnormal now; none clears them all."""
        with self._lock:
            self._statuses = statuses

    def rows(self, day: date | None = None, ip: str | None = None) -> list[SndsRow]:
        """Rows of a report date (the newest when None), all or one IP's."""
        with self._lock:
            if day is None:
                day = max(self._days, default=None)
            found = list(self._days.get(day, {}).values()) if day is not None else []
        return [row for row in found if ip is None or str(row.ip) == ip]

    def statuses(self) -> tuple[SndsStatus, ...]:
        with self._lock:
            return self._statuses


def activity_period(day: date, zone_hours: int = 8) -> tuple[datetime, datetime]:
    """The period a report date speaks about: midnight Pacific to midnight, written in UTC (8 AM to 8 AM)."""
    start = datetime(day.year, day.month, day.day, zone_hours)  # noqa: DTZ001 - SNDS names no zone
    return start, start + timedelta(days=1)
