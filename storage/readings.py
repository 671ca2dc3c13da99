"""Readings as runs: a stretch of equal answers is one row, so history grows with change, not with polling."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python
from sqlalchemy import ColumnElement, SQLColumnExpression, Subquery, case, distinct, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, delete, select

from core.address import IpAddress, parse_ip
from core.reading import Quality, Reading, Source, Status
from storage import coverage, runs
from storage.runs import Recorded, Run
from storage.tables import ReadingRun

__all__ = [
    "KEPT",
    "Answers",
    "Recorded",
    "Stretch",
    "answers",
    "history",
    "known_ips",
    "latest",
    "latest_for",
    "record",
    "stretches",
    "watched_since",
]

KEPT = runs.KEPT
"""Up to this many readings of a series, `history` does not depend on order of arrival or on replays."""


class Stretch(NamedTuple):
    """One answer while it lasted: the newest reading of a run, when it was first and last seen, how long."""

    reading: Reading
    first_seen: datetime
    last_seen: datetime
    periods: int


class Answers(NamedTuple):
    """How many series of one metric have an answer of their own now, and how many of these are unknown."""

    source: Source
    metric: str
    series: int
    unknown: int


def record(session: Session, reading: Reading) -> Recorded:
    """Put a reading to its place by period and say what became of it.

    Equal answers for neighbouring periods share a row. Of two answers for one period the one observed
    later stays (at the same moment the worse one), in whatever order they arrive; unknown replaces nothing.
    """
    rows = _neighbours(session, reading)
    before = [_run(row) for row in rows]
    recorded, after = runs.insert(before, reading)
    _save(session, reading, rows, [run for run in after if run not in before], after)
    return recorded


def history(
    session: Session, ip: IpAddress, source: Source, metric: str, limit: int = runs.KEPT
) -> list[Reading]:
    """The newest readings of a series, one for each distinct period, oldest first.

    Beyond KEPT readings the count is right and the periods are spread evenly.
    """
    newest_first = session.exec(
        select(ReadingRun)
        .where(_series(str(ip), source, metric))
        .order_by(col(ReadingRun.last_period).desc(), col(ReadingRun.id).desc())
    )
    found: list[list[Reading]] = []
    wanted = limit
    for row in newest_first:
        if wanted <= 0:
            break
        expanded = _expand(row)[-wanted:]
        wanted -= len(expanded)
        found.append(expanded)
    return [reading for group in reversed(found) for reading in group]


def stretches(session: Session, ip: IpAddress, since: datetime) -> list[Stretch]:
    """The runs of all series of an IP that were seen at or after `since`, in the order of their beginning."""
    rows = session.exec(
        select(ReadingRun)
        .where(ReadingRun.ip == str(ip), col(ReadingRun.last_seen) >= since)
        .order_by(col(ReadingRun.first_seen), col(ReadingRun.id))
    )
    return [Stretch(_expand(row)[-1], row.first_seen, row.last_seen, row.count) for row in rows]


def latest(session: Session, ips: Collection[IpAddress] | None = None) -> list[Reading]:
    """The newest reading of every series that has its own (of some IPs); coverage speaks for the others."""
    if ips is None:
        return _newest(session)
    return _newest(session, col(ReadingRun.ip).in_([str(ip) for ip in ips]))


def latest_for(session: Session, ip: IpAddress) -> list[Reading]:
    """The newest reading of every series of one IP, those without readings of their own included."""
    return coverage.implied_for(session, ip, _newest(session, col(ReadingRun.ip) == str(ip)))


def answers(session: Session) -> list[Answers]:
    """The newest reading of every series that has its own, counted by the database; no data is no answer."""
    newest = _last()
    unknown = case((col(ReadingRun.status) == str(Status.UNKNOWN), ReadingRun.ip))
    rows = session.exec(
        select(ReadingRun.source, ReadingRun.metric, _distinct(col(ReadingRun.ip)), _distinct(unknown))
        .join(newest, _same(newest))
        .where(col(ReadingRun.quality) != str(Quality.NO_DATA))
        .group_by(col(ReadingRun.source), col(ReadingRun.metric))
    )
    return [Answers(Source(row[0]), row[1], int(row[2]), int(row[3])) for row in rows]


def _distinct(column: SQLColumnExpression[str]) -> ColumnElement[int]:
    """Two runs of a series may end with the same period; it is one series all the same."""
    return func.count(distinct(column))


def known_ips(session: Session) -> set[IpAddress]:
    """Every IP that has a reading of its own."""
    return {parse_ip(ip) for ip in session.exec(select(ReadingRun.ip).distinct())}


def watched_since(session: Session) -> datetime | None:
    """When the first answer that is still known was seen; None before any."""
    return session.exec(select(func.min(ReadingRun.first_seen))).one()


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` runs that were last seen before then. Returns how many.

    The newest of each series stays, however old: what is known last is known.
    """
    newer = aliased(ReadingRun)
    same = and_(
        newer.ip == ReadingRun.ip,
        newer.source == ReadingRun.source,
        newer.metric == ReadingRun.metric,
        col(newer.last_period) > col(ReadingRun.last_period),
    )
    over = session.exec(
        select(ReadingRun.id)
        .where(col(ReadingRun.last_seen) < before, select(newer.id).where(same).exists())
        .limit(limit)
    ).all()
    session.exec(delete(ReadingRun).where(col(ReadingRun.id).in_(over)))
    return len(over)


def _newest(session: Session, *conditions: ColumnElement[bool]) -> list[Reading]:
    newest = _last(*conditions)
    found = session.exec(
        select(ReadingRun)
        .join(newest, _same(newest))
        .order_by(ReadingRun.ip, ReadingRun.source, ReadingRun.metric, col(ReadingRun.id))
    )
    readings = {(row.ip, row.source, row.metric): _expand(row)[-1] for row in found}
    return list(readings.values())


def _last(*conditions: ColumnElement[bool]) -> Subquery:
    return (
        select(
            ReadingRun.ip,
            ReadingRun.source,
            ReadingRun.metric,
            func.max(ReadingRun.last_period).label("last"),
        )
        .where(*conditions)
        .group_by(col(ReadingRun.ip), col(ReadingRun.source), col(ReadingRun.metric))
        .subquery()
    )


def _same(newest: Subquery) -> ColumnElement[bool]:
    return and_(
        col(ReadingRun.ip) == newest.c.ip,
        col(ReadingRun.source) == newest.c.source,
        col(ReadingRun.metric) == newest.c.metric,
        col(ReadingRun.last_period) == newest.c.last,
    )


def _series(ip: str, source: str, metric: str) -> ColumnElement[bool]:
    return and_(
        col(ReadingRun.ip) == ip, col(ReadingRun.source) == str(source), col(ReadingRun.metric) == metric
    )


def _neighbours(session: Session, reading: Reading) -> list[ReadingRun]:
    """Two runs that begin at or before the reading's period, two that begin after it, in order of time."""
    series = _series(*reading.series)
    first = col(ReadingRun.first_period)
    before = session.exec(
        select(ReadingRun)
        .where(series, first <= reading.period_end)
        .order_by(first.desc(), col(ReadingRun.last_period).desc())
        .limit(3)
    ).all()
    after = session.exec(
        select(ReadingRun)
        .where(series, first > reading.period_end)
        .order_by(first, col(ReadingRun.last_period))
        .limit(2)
    ).all()
    return [*reversed(before), *after]


def _save(
    session: Session,
    reading: Reading,
    rows: Sequence[ReadingRun],
    changed: Iterable[Run],
    after: Sequence[Run],
) -> None:
    known = {row.id: row for row in rows}
    for run in changed:
        row = known.get(run.row) if run.row is not None else None
        session.add(_write(row or ReadingRun(**_identity(reading), count=0, polls=0, periods=b""), run))
    kept = {run.row for run in after}
    for row in rows:
        if row.id not in kept:
            session.delete(row)
    session.flush()


def _identity(reading: Reading) -> dict[str, Any]:
    ip, source, metric = reading.series
    return {"ip": ip, "source": str(source), "metric": metric}


def _write(row: ReadingRun, run: Run) -> ReadingRun:
    observed = [period.observed for period in run.periods]
    begun = row.first_seen if row.id is not None and run.earlier else min(observed)
    row.status, row.quality = str(run.answer.status), str(run.answer.quality)
    row.value, row.detail = run.answer.value, run.answer.detail
    row.evidence = to_jsonable_python(run.evidence)
    row.first_period, row.last_period = run.first, run.last
    row.first_seen, row.last_seen = min(begun, *observed), max(observed)
    row.count, row.polls = run.count, run.polls
    row.periods = runs.pack(run.periods)
    return row


def _answer(row: ReadingRun) -> runs.Answer:
    return runs.Answer(Status(row.status), Quality(row.quality), row.value, row.detail)


def _run(row: ReadingRun) -> Run:
    periods = runs.unpack(row.periods)
    return Run(
        _answer(row), periods, row.first_period, row.count - len(periods), row.polls, row.evidence, row.id
    )


def _expand(row: ReadingRun) -> list[Reading]:
    status, quality, value, detail = _answer(row)
    return [
        Reading(
            ip=parse_ip(row.ip),
            source=Source(row.source),
            metric=row.metric,
            period_start=period.start,
            period_end=period.end,
            observed_at=period.observed,
            status=status,
            quality=quality,
            value=value,
            detail=detail,
            evidence=row.evidence,
        )
        for period in runs.expand(_run(row))
    ]
