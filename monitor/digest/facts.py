"""Everything that the digest of one week rests on, read from storage."""

from collections.abc import Mapping
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
from storage.scopes import ScopeHour

MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Facts:
    """Plain values; `hours` covers the week and the one before, `earlier` the changes of a month before it.

    `lists` speak for those `watched` IPs that have no reading of their own; the values tell since when they
    are watched. `undelivered` messages were given up in the week. `traps` are SNDS' trap hits in the week and
    in the one before.
    """

    week: Week
    now: datetime
    incidents: tuple[Incident, ...] = ()
    earlier: tuple[LeaseChange, ...] = ()
    changes: tuple[LeaseChange, ...] = ()
    hours: tuple[ScopeHour, ...] = ()
    readings: tuple[Reading, ...] = ()
    sources: tuple[SourceHealth, ...] = ()
    orders: tuple[Order, ...] = ()
    watched: Mapping[IpAddress, datetime] = field(default_factory=dict)
    lists: tuple[Coverage, ...] = ()
    undelivered: int = 0
    traps: tuple[int | None, int | None] = (None, None)


def gather(session: Session, week: Week, now: datetime) -> Facts:
    """Read one week."""
    changes = leases.lease_history(session, week.start - MONTH)
    dead = [m.finished_at for m in outbox.dead(session) if m.finished_at is not None]
    return Facts(
        week=week,
        now=now,
        incidents=tuple(incidents.between(session, week.start, week.end)),
        earlier=tuple(c for c in changes if c.at < week.start),
        changes=tuple(c for c in changes if week.start <= c.at < week.end),
        hours=tuple(h for h in scopes.hours(session, week.before.start) if h.hour < week.end),
        readings=tuple(readings.latest(session)),
        sources=tuple(health.load_all(session)),
        orders=tuple(orders.standing(session, now)),
        watched=coverage.watched(session),
        lists=tuple(coverage.load(session).values()),
        undelivered=sum(at >= week.start for at in dead),
        traps=(_traps(session, week), _traps(session, week.before)),
    )


def _traps(session: Session, week: Week) -> int | None:
    return snds.trap_hits(session, week.monday, week.monday + timedelta(days=7))
