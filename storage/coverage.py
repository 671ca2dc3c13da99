"""The many who are simply not listed: history grows with what changes, not with IPs, lists and polls.

A list's row says since when everybody has been called clean. An IP has readings of its own from the moment
that a list says something else about it; until then the row speaks for it, and after that it does again when
the newest answer has been the clean one for long enough (`Settled`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, and_, col, delete, insert, select

from core.address import IpAddress, parse_ip
from core.reading import Quality, Reading, Source, Status
from storage.tables import CoverageRow, ReadingRun, WatchedIpRow

CLEAN: Final = "not listed"
_BATCH: Final = 5_000


class Coverage(BaseModel):
    """One list. Everybody was called clean at `whole_at` or later; `doubt`: why it is not believed now."""

    model_config = ConfigDict(frozen=True)

    source: Source
    metric: str
    families: tuple[int, ...]
    first_at: datetime
    last_at: datetime
    whole_at: datetime | None = None
    rounds: int = 1
    cadence: timedelta = timedelta(0)
    doubt: str = ""

    def clean(self, ip: IpAddress, at: datetime) -> Reading:
        """The reading that an IP would have, had it been written down."""
        return self._reading(ip, at, Status.GOOD, Quality.OK, CLEAN)

    def implied(self, ip: IpAddress, since: datetime) -> Reading | None:
        """What the list says about an IP that is watched since then, by this row alone."""
        if ip.version not in self.families:
            return None
        if self.doubt:
            return self._reading(ip, self.last_at, Status.UNKNOWN, Quality.ERROR, self.doubt)
        if self.whole_at is None or since > self.whole_at:
            return None
        return self.clean(ip, self.whole_at)

    def _reading(self, ip: IpAddress, at: datetime, status: Status, quality: Quality, detail: str) -> Reading:
        # not validated: these are values already, and a page needs thousands
        return Reading.model_construct(
            ip=ip, source=self.source, metric=self.metric, period_start=at, period_end=at, observed_at=at,
            status=status, quality=quality, detail=detail, evidence={"zone": self.metric},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settled:
    """When a series needs no readings of its own any more: so many clean ones in a row, over so long."""

    polls: int
    span: timedelta

    def holds(self, status: str, polls: int, span: timedelta) -> bool:
        return status == Status.GOOD and polls >= self.polls and span >= self.span


def load(session: Session) -> dict[tuple[Source, str], Coverage]:
    """Every list's row."""
    found = (_coverage(row) for row in session.exec(select(CoverageRow)))
    return {(one.source, one.metric): one for one in found}


def save(session: Session, coverage: Coverage) -> None:
    """Write one list's row."""
    fields = coverage.model_dump(exclude={"families", "cadence"})
    families = "".join(map(str, coverage.families))
    seconds = int(coverage.cadence.total_seconds())
    session.merge(CoverageRow(**fields, families=families, cadence_seconds=seconds))
    session.flush()


def implied_for(session: Session, ip: IpAddress, own: Sequence[Reading]) -> list[Reading]:
    """The newest readings of one IP: its own, and where a list's row knows better, what that says."""
    since = watched_since(session, ip)
    return list(own) if since is None else with_implied(ip, own, since, load(session))


def with_implied(
    ip: IpAddress,
    own: Sequence[Reading],
    since: datetime | None,
    rows: Mapping[tuple[Source, str], Coverage],
) -> list[Reading]:
    """The same from values; `since` is when the IP came to be watched, None when it is not."""
    found = {(r.source, r.metric): r for r in own}
    if since is None:
        return list(found.values())
    for series, row in rows.items():
        mine, implied = found.get(series), row.implied(ip, since)
        if implied is None:
            continue
        if mine is None or (mine.status is Status.GOOD and implied.period_end > mine.period_end):
            found[series] = implied
    return [found[series] for series in sorted(found)]


def keep_only(session: Session, source: Source, metrics: Iterable[str]) -> None:
    """Forget the rows of lists that are not asked any more."""
    session.exec(
        delete(CoverageRow).where(
            col(CoverageRow.source) == str(source), col(CoverageRow.metric).not_in(list(metrics))
        )
    )


def watch(session: Session, fleet: Iterable[IpAddress], now: datetime) -> None:
    """Make the watched IPs exactly these; who is new is watched since `now`."""
    wanted = {str(ip) for ip in fleet}
    known = set(session.exec(select(WatchedIpRow.ip)))
    for batch in _batches(sorted(known - wanted)):
        session.exec(delete(WatchedIpRow).where(col(WatchedIpRow.ip).in_(batch)))
    for batch in _batches(sorted(wanted - known)):
        session.exec(insert(WatchedIpRow), params=[{"ip": ip, "since": now} for ip in batch])


def watched_since(session: Session, ip: IpAddress) -> datetime | None:
    """Since when lists are asked about an IP."""
    row = session.get(WatchedIpRow, str(ip))
    return row.since if row else None


def first_watched(session: Session) -> datetime | None:
    """Since when the first of the watched IPs has been watched."""
    row: datetime | None = session.exec(select(func.min(WatchedIpRow.since))).one()
    return row


def watched(session: Session, ips: Iterable[IpAddress] | None = None) -> dict[IpAddress, datetime]:
    """Every watched IP, since when; of some IPs those that are."""
    wanted = select(WatchedIpRow.ip, WatchedIpRow.since)
    if ips is not None:
        wanted = wanted.where(col(WatchedIpRow.ip).in_([str(ip) for ip in ips]))
    rows = session.exec(wanted)
    return {parse_ip(ip): since for ip, since in rows}


def unsettled(session: Session, source: Source, settled: Settled) -> dict[str, set[IpAddress]]:
    """By list: the IPs that have readings of their own, and whose newest run is not settled."""
    newest = (
        select(ReadingRun.ip, ReadingRun.metric, func.max(ReadingRun.last_period).label("last"))
        .where(col(ReadingRun.source) == str(source))
        .group_by(col(ReadingRun.ip), col(ReadingRun.metric))
        .subquery()
    )
    same = and_(
        col(ReadingRun.ip) == newest.c.ip,
        col(ReadingRun.metric) == newest.c.metric,
        col(ReadingRun.last_period) == newest.c.last,
    )
    rows = session.connection().execute(
        columns(
            col(ReadingRun.ip), col(ReadingRun.metric), col(ReadingRun.status), col(ReadingRun.count),
            col(ReadingRun.first_period), col(ReadingRun.last_period),
        )
        .join(newest, same)
        .where(col(ReadingRun.source) == str(source))
    )  # fmt: skip
    found: dict[str, set[IpAddress]] = {}
    for ip, metric, status, count, first, last in rows:
        if not settled.holds(status, count, last - first):
            found.setdefault(metric, set()).add(parse_ip(ip))
    return found


def needs_own(session: Session, ip: IpAddress, source: Source, metric: str, settled: Settled) -> bool:
    """Whether a series has readings of its own that are not settled."""
    newest = session.exec(
        select(ReadingRun)
        .where(ReadingRun.ip == str(ip), ReadingRun.source == str(source), ReadingRun.metric == metric)
        .order_by(col(ReadingRun.last_period).desc())
        .limit(1)
    ).first()
    if newest is None:
        return False
    return not settled.holds(newest.status, newest.count, newest.last_period - newest.first_period)


def _coverage(row: CoverageRow) -> Coverage:
    fields = row.model_dump(exclude={"families", "cadence_seconds"})
    families = tuple(int(family) for family in row.families)
    return Coverage(**fields, families=families, cadence=timedelta(seconds=row.cadence_seconds))


def _batches(items: list[str]) -> Iterator[list[str]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
