"""Everything that the digest of one week rests on, read from storage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from core.address import IpAddress
from core.incident import Incident
from core.reading import Reading
from monitor.digest.week import Week
from storage import coverage, health, incidents, leases, orders, outbox, readings, scopes, snds
from storage.coverage import Coverage
from storage.health import SourceHealth
from storage.leases import LeaseChange
from storage.orders import Order
from storage.readings import Answers
from storage.scopes import ScopeHour

MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)
_AT_ONCE = 500


SumOf = Callable[[Session, datetime, datetime], list[ScopeHour]]
"""What the mail of each scope came to between two moments: storage.scopes.sums, or who remembers."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Plain values. `hours` are sums by scope that begin with the week and with the one before: of a week
    that is not over as far as it is, and of the one before up to the same hour. `earlier` are the changes of
    a month before the week.

    `lists` speak for those `watched` IPs that have no reading of their own; the values tell since when they
    are watched. `readings` are those of IPs with incidents, `answers` count everybody's, `known` are the IPs
    that have any. `undelivered` messages were given up in the week. `traps` are SNDS' trap hits in the week
    and in the one before.
    """

    week: Week
    now: datetime
    incidents: tuple[Incident, ...] = ()
    earlier: tuple[LeaseChange, ...] = ()
    changes: tuple[LeaseChange, ...] = ()
    hours: tuple[ScopeHour, ...] = ()
    readings: tuple[Reading, ...] = ()
    answers: tuple[Answers, ...] = ()
    known: frozenset[IpAddress] = frozenset()
    sources: tuple[SourceHealth, ...] = ()
    orders: tuple[Order, ...] = ()
    watched: Mapping[IpAddress, datetime] = field(default_factory=dict)
    lists: tuple[Coverage, ...] = ()
    undelivered: int = 0
    traps: tuple[int | None, int | None] = (None, None)

    @property
    def is_over(self) -> bool:
        return self.now >= self.week.end

    @property
    def days(self) -> tuple[tuple[datetime, datetime], ...]:
        """Start and end of each day that has begun."""
        return tuple(day for day in self.week.days if day[0] <= self.now)


def gather(
    session: Session,
    week: Week,
    now: datetime,
    sum_of: SumOf = scopes.sums,
    counted_since: datetime | None = None,
) -> Facts:
    """Read one week. Mail was counted, and is still known, from `counted_since` on (None: always)."""
    changes = leases.lease_history(session, week.start - MONTH)
    dead = [m.finished_at for m in outbox.dead(session) if m.finished_at is not None]
    found = incidents.between(session, week.start, week.end)
    return Facts(
        week=week,
        now=now,
        incidents=tuple(found),
        earlier=tuple(c for c in changes if c.at < week.start),
        changes=tuple(c for c in changes if week.start <= c.at < week.end),
        hours=tuple(_hours(session, week, now, sum_of, counted_since)),
        readings=tuple(_readings(session, {i.ip for i in found if i.ip is not None})),
        answers=tuple(readings.answers(session)),
        known=frozenset(readings.known_ips(session)),
        sources=tuple(health.load_all(session)),
        orders=tuple(orders.standing(session, now)),
        watched=coverage.watched(session),
        lists=tuple(coverage.load(session).values()),
        undelivered=sum(at >= week.start for at in dead),
        traps=(_traps(session, week), _traps(session, week.before)),
    )


def spans(week: Week, now: datetime) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """The week as far as it is, and the one before it up to the same hour."""
    end = min(week.end, max(week.start, now.replace(minute=0, second=0, microsecond=0) + HOUR))
    before = week.before.start
    return (week.start, end), (before, min(before + (end - week.start), week.start))


def _hours(
    session: Session, week: Week, now: datetime, sum_of: SumOf, counted_since: datetime | None
) -> list[ScopeHour]:
    """A week of which hours are forgotten already is not summed up at all: a part is no week."""
    kept = [span for span in spans(week, now) if counted_since is None or span[0] >= counted_since]
    return [one for start, end in kept for one in sum_of(session, start, end)]


def _readings(session: Session, ips: set[IpAddress]) -> list[Reading]:
    """In pieces: SQLite takes 32,766 values in a statement, older ones 999."""
    ordered = sorted(ips, key=str)
    parts = (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
    return [reading for part in parts for reading in readings.latest(session, part)]


def _traps(session: Session, week: Week) -> int | None:
    return snds.trap_hits(session, week.monday, week.monday + timedelta(days=7))
