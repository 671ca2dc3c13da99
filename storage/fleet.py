"""The fleet at a glance: one row an IP or an hour, counted by the database, for pages of thousands of IPs."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, and_, col, select

from core.address import IpAddress
from core.reading import Reading, Status
from storage import coverage, readings
from storage.tables import METADATA, ReadingRun, ScopeHourRow, WatchedIpRow

FIGURES = ("attempted", "delivered", "deferred", "bounced")
_WORST = (Status.BAD, Status.WARN, Status.GOOD, Status.UNKNOWN)


def worst(session: Session) -> dict[str, Status]:
    """By IP, as text, the worst of its newest readings; unknown only where nothing else is known.

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
    for ip, status in rows:
        found[ip] = min(found.get(ip, Status.UNKNOWN), Status(status), key=_WORST.index)
    return found


def _spoken_for(session: Session) -> dict[str, Status]:
    """What Coverage.implied says of each watched IP, without a reading for each list: there are many."""
    lists = list(coverage.load(session).values())
    doubted = {family for one in lists if one.doubt for family in one.families}
    newest: dict[int, datetime] = {}
    for one in lists:
        if one.whole_at is not None and not one.doubt:
            for family in one.families:
                newest[family] = max(newest.get(family, one.whole_at), one.whole_at)
    found: dict[str, Status] = {}
    for ip, since in session.exec(select(WatchedIpRow.ip, WatchedIpRow.since)):
        family = 6 if ":" in ip else 4
        if family in newest and since <= newest[family]:
            found[ip] = Status.GOOD
        elif family in doubted:
            found[ip] = Status.UNKNOWN
    return found


def latest_of(session: Session, ips: Collection[IpAddress]) -> dict[IpAddress, list[Reading]]:
    """The newest readings of some IPs, what the lists say of everybody included."""
    own: dict[IpAddress, list[Reading]] = {ip: [] for ip in ips}
    for reading in readings.latest(session, ips):
        own[reading.ip].append(reading)
    lists, since = coverage.load(session), coverage.watched(session, ips)
    return {ip: coverage.with_implied(ip, mine, since.get(ip), lists) for ip, mine in own.items()}


def hours(session: Session, since: datetime) -> list[tuple[datetime, str, tuple[int, ...]]]:
    """Hour, IP as text, and the counts of FIGURES, all providers in one, from `since` on."""
    counts = METADATA.tables[ScopeHourRow.__tablename__].c
    sums = [func.sum(counts[name]) for name in FIGURES]
    wanted = columns(counts.hour, counts.source_ip, *sums).where(counts.hour >= since)
    rows = session.connection().execute(wanted.group_by(counts.hour, counts.source_ip))
    return [(row[0], row[1], tuple(map(int, row[2:]))) for row in rows]
