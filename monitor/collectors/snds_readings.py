"""From SNDS rows to readings: which activity period they speak about, and what is good, worrying or bad."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from core.address import IpAddress
from core.errors import SignalError
from core.reading import Quality, Reading, Source, Status
from monitor.collectors.snds_parser import DataRow, FilterResult, StatusRange
from monitor.collectors.snds_settings import SndsSettings
from storage.snds import Activity

FILTER_RESULT: Final = "filter-result"
COMPLAINT_RATE: Final = "complaint-rate"
TRAP_HITS: Final = "trap-hits"
IP_STATUS: Final = "ip-status"
_FORMATS = ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%m/%d/%Y")
_DAY = timedelta(days=1)
_FILTER = {
    FilterResult.GREEN: (Status.GOOD, 0.0),
    FilterResult.YELLOW: (Status.WARN, 1.0),
    FilterResult.RED: (Status.BAD, 2.0),
}
_RANK = {Status.UNKNOWN: 0, Status.GOOD: 1, Status.WARN: 2, Status.BAD: 3}


class Condition(StrEnum):
    """How SNDS' ipStatus holds an address, by its text: junked addresses stand with "No" under blocked."""

    NORMAL = "normal"
    JUNKED = "junked"
    BLOCKED = "blocked"
    BOT = "bot"
    OTHER = "other"


_CONDITION_STATUS = {
    Condition.NORMAL: (Status.GOOD, 0.0),
    Condition.OTHER: (Status.WARN, 1.0),
    Condition.JUNKED: (Status.WARN, 1.0),
    Condition.BOT: (Status.BAD, 2.0),
    Condition.BLOCKED: (Status.BAD, 2.0),
}


@dataclass(frozen=True, slots=True)
class Period:
    """What a row's times mean. `stated` is False where the report date had to stand in for them."""

    start: datetime
    end: datetime
    stated: bool = True


def period(row: DataRow, report_date: date | None, now: datetime, settings: SndsSettings) -> Period:
    """The activity period of a row. Raises SignalError when it lies in the future or cannot be known."""
    start = _moment(row.activity_start, settings)
    end = _moment(row.activity_end, settings) or (start + _DAY if start else None)
    if start is None or end is None or end < start:
        if report_date is None:
            raise SignalError(f"SNDS gave no usable activity period for {row.ip}")
        midnight = datetime.combine(report_date, time(), settings.time_zone).astimezone(UTC)
        return Period(midnight, midnight + _DAY, stated=False)
    if start > now + 2 * _DAY:
        raise SignalError(f"SNDS speaks of {row.ip}'s activity on {start:%Y-%m-%d}, which is yet to come")
    return Period(start, end)


def of_rows(
    rows: Iterable[DataRow],
    ips: Collection[IpAddress],
    report_date: date | None,
    now: datetime,
    settings: SndsSettings,
) -> list[Reading]:
    """Up to three readings a row, for our own IPs only; what is blank gives none."""
    ours = (row for row in rows if row.ip in ips)
    return [reading for row in ours for reading in of_row(row, report_date, now, settings)]


def activity(
    row: DataRow, account: str, report_date: date | None, now: datetime, settings: SndsSettings
) -> Activity:
    """The whole row, to be kept under its report date."""
    spoken_of = period(row, report_date, now, settings)
    rate = row.complaint_rate
    return Activity(
        ip=row.ip,
        day=report_date or spoken_of.start.astimezone(settings.time_zone).date(),
        account=account,
        activity_start=spoken_of.start,
        activity_end=spoken_of.end,
        activity_text=_span(row.activity_start, row.activity_end) or "",
        rcpt_commands=row.rcpt_commands,
        data_commands=row.data_commands,
        message_recipients=row.message_recipients,
        filter_result=row.filter_result.value if row.filter_result else None,
        complaint_rate=rate.share if rate else None,
        complaint_operator=rate.operator if rate else "",
        trap_hits=row.trap_hits,
        trap_text=_span(row.trap_start, row.trap_end),
        sample_helo=row.sample_helo,
        sample_mail_from=row.sample_mail_from,
        comments=row.comments,
        observed_at=now,
    )


def of_status(ip: IpAddress, ranges: Iterable[StatusRange], now: datetime) -> Reading:
    """One IP's status, the worst of the ranges that hold it. Absent means normal."""
    holding = [found for found in ranges if ip in found]
    worst = max(holding, key=lambda r: _RANK[_CONDITION_STATUS[condition(r)][0]], default=None)
    how = condition(worst) if worst else Condition.NORMAL
    status, value = _CONDITION_STATUS[how]
    detail = (worst.details or f"{how}, no reason given") if worst else "neither blocked nor junked"
    evidence: dict[str, Any] = {"condition": how.value}
    if worst:
        evidence |= {"first": str(worst.first), "last": str(worst.last), "blocked_column": worst.blocked}
    return _status_reading(ip, now, status, Quality.OK, detail, value, evidence)


def unknown_status(ip: IpAddress, reason: str, now: datetime) -> Reading:
    """One IP's status when an account that may cover it could not be read."""
    return _status_reading(ip, now, Status.UNKNOWN, Quality.ERROR, reason, None, {})


def condition(found: StatusRange) -> Condition:
    """By the text first; the Yes/No column alone where the text says nothing that is known."""
    text = found.details.lower()
    if "blocked" in text or (found.blocked and "junk" not in text and "bot" not in text):
        return Condition.BLOCKED
    if "junk" in text:
        return Condition.JUNKED
    return Condition.BOT if "bot" in text else Condition.OTHER


def merged(readings: Iterable[Reading]) -> list[Reading]:
    """One reading per series and period; where rows contradict each other, the worse one stands."""
    kept: dict[tuple[Any, ...], Reading] = {}
    for reading in readings:
        key = (*reading.series, reading.period_start)
        other = kept.get(key)
        if other is None or _badness(reading) > _badness(other):
            kept[key] = reading
    return list(kept.values())


def _badness(reading: Reading) -> tuple[int, float]:
    return _RANK[reading.status], reading.value or 0.0


def of_row(row: DataRow, report_date: date | None, now: datetime, settings: SndsSettings) -> list[Reading]:
    """Up to three readings; what is blank gives none. Raises SignalError where `period` does."""
    spoken_of = period(row, report_date, now, settings)
    evidence = _evidence(row, spoken_of, report_date)
    found: list[tuple[str, Status, float, str]] = []
    if row.filter_result is not None:
        status, rank = _FILTER[row.filter_result]
        found.append((FILTER_RESULT, status, rank, row.filter_result.value))
    if row.complaint_rate is not None:
        share = row.complaint_rate.share
        status = _grade(share, settings.complaint_warn, settings.complaint_bad)
        found.append((COMPLAINT_RATE, status, share, str(row.complaint_rate)))
    if row.trap_hits is not None:
        status = _grade(row.trap_hits, settings.trap_warn, settings.trap_bad)
        found.append((TRAP_HITS, status, float(row.trap_hits), f"{row.trap_hits} trap hits"))
    return [
        Reading(
            ip=row.ip,
            source=Source.SNDS_DATA,
            metric=metric,
            period_start=spoken_of.start,
            period_end=spoken_of.end,
            observed_at=now,
            status=status,
            value=value,
            detail=detail,
            evidence=evidence,
        )
        for metric, status, value, detail in found
    ]


def _evidence(row: DataRow, spoken_of: Period, report_date: date | None) -> dict[str, Any]:
    facts = {
        "report_date": report_date.isoformat() if report_date else None,
        "activity": _span(row.activity_start, row.activity_end) or "? to ?",
        "period_stated": spoken_of.stated,
        "rcpt_commands": row.rcpt_commands,
        "data_commands": row.data_commands,
        "message_recipients": row.message_recipients,
        "filter_result": row.filter_result.value if row.filter_result else None,
        "complaint_rate": str(row.complaint_rate) if row.complaint_rate else None,
        "trap_hits": row.trap_hits,
        "trap_period": _span(row.trap_start, row.trap_end),
        "sample_helo": row.sample_helo,
        "sample_mail_from": row.sample_mail_from,
        "comments": row.comments,
        "jmr_p1_sender": row.jmr_sender,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _status_reading(
    ip: IpAddress,
    now: datetime,
    status: Status,
    quality: Quality,
    detail: str,
    value: float | None,
    evidence: dict[str, Any],
) -> Reading:
    return Reading(
        ip=ip,
        source=Source.SNDS_STATUS,
        metric=IP_STATUS,
        period_start=now,
        period_end=now,
        observed_at=now,
        status=status,
        quality=quality,
        value=value,
        detail=detail,
        evidence=evidence,
    )


def _span(start: str | None, end: str | None) -> str | None:
    """SNDS' own words about a period."""
    return f"{start or '?'} to {end or '?'}" if start or end else None


def _grade(value: float, warn: float, bad: float) -> Status:
    if value >= bad:
        return Status.BAD
    return Status.WARN if value >= warn else Status.GOOD


def _moment(text: str | None, settings: SndsSettings) -> datetime | None:
    if not text:
        return None
    written = _iso(text)
    for shape in _FORMATS:
        try:
            written = written or datetime.strptime(text, shape)  # noqa: DTZ007 - SNDS writes no zone
        except ValueError:
            continue
    if written is None:
        return None
    try:
        return (written if written.tzinfo else written.replace(tzinfo=settings.time_zone)).astimezone(UTC)
    except OverflowError:
        return None


def _iso(text: str) -> datetime | None:
    """`2026-09-14T08:00:00`, with or without a zone, as JSON writes it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
