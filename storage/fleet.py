"""The fleet at a glance: one row an IP or an hour, counted by the database, for pages of thousands of IPs."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, and_, col, select

from core.address import IpAddress, parse_ip
from core.reading import Reading, Status
from storage import coverage, readings
from storage.scopes import COUNTS
from storage.tables import METADATA, ReadingRun, ScopeHourRow

_WORST = (Status.BAD, Status.WARN, Status.GOOD, Status.UNKNOWN)


def worst(session: Session) -> dict[IpAddress, Status]:
    """By IP the worst of its newest readings; unknown only where nothing else is known.

    A list that speaks for everybody makes a watched IP good, unless a reading of its own says otherwise.
    """
    newest = (
        select(
            ReadingRun.ip,
            ReadingRun.source,
            ReadingRun.metric,
            func.max(ReadingRun.last_period).label("last"),
        )
        .group_by(col(ReadingRun.ip), col(ReadingRun.source), col(ReadingRun.metric))
        .subquery()
    )
    same = and_(
        col(ReadingRun.ip) == newest.c.ip,
        col(ReadingRun.source) == newest.c.source,
        col(ReadingRun.metric) == newest.c.metric,
        col(ReadingRun.last_period) == newest.c.last,
    )
    rows = session.exec(select(ReadingRun.ip, ReadingRun.status).join(newest, same).distinct())
    found = _spoken_for(session)
    for text, status in rows:
        ip = parse_ip(text)
        found[ip] = min(found.get(ip, Status.UNKNOWN), Status(status), key=_WORST.index)
    return found


def _spoken_for(session: Session) -> dict[IpAddress, Status]:
    lists = list(coverage.load(session).values())
    found: dict[IpAddress, Status] = {}
    for ip, since in coverage.watched(session).items():
        said = [reading.status for one in lists if (reading := one.implied(ip, since))]
        if said:
            found[ip] = min(said, key=_WORST.index)
    return found


def latest_of(session: Session, ips: Collection[IpAddress]) -> dict[IpAddress, list[Reading]]:
    """The newest readings of some IPs, what the lists say of everybody included."""
    return {ip: readings.latest_for(session, ip) for ip in ips}


def hourly(session: Session, since: datetime) -> list[tuple[datetime, dict[str, int]]]:
    """What the fleet's hours from `since` on came to, oldest first; names as in storage.scopes.COUNTS."""
    hours = METADATA.tables[ScopeHourRow.__tablename__].c
    sums = [func.sum(hours[name]) for name in COUNTS]
    wanted = columns(hours.hour, *sums).where(hours.hour >= since).group_by(hours.hour)
    rows = session.connection().execute(wanted.order_by(hours.hour))
    return [(row[0], dict(zip(COUNTS, map(int, row[1:]), strict=True))) for row in rows]
