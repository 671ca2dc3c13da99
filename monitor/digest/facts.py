"""Everything that the digest of one week rests on, read from storage."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.address import IpAddress
from core.incident import Incident
from core.reading import Reading
from monitor.digest.week import Week
from storage import coverage, health, incidents, leases, orders, readings, scopes
from storage.coverage import Coverage
from storage.health import SourceHealth
from storage.leases import LeaseChange
from storage.orders import Order
from storage.scopes import ScopeHour


@dataclass(frozen=True, slots=True)
class Facts:
    """Plain values; `hours` covers the week and the one before.

    `lists` speak for those `watched` IPs that have no reading of their own.
    """

    week: Week
    now: datetime
    incidents: tuple[Incident, ...] = ()
    changes: tuple[LeaseChange, ...] = ()
    hours: tuple[ScopeHour, ...] = ()
    readings: tuple[Reading, ...] = ()
    sources: tuple[SourceHealth, ...] = ()
    orders: tuple[Order, ...] = ()
    watched: frozenset[IpAddress] = frozenset()
    lists: tuple[Coverage, ...] = ()


def gather(session: Session, week: Week, now: datetime) -> Facts:
    """Read one week."""
    changes = leases.lease_history(session, week.start)
    return Facts(
        week=week,
        now=now,
        incidents=tuple(incidents.between(session, week.start, week.end)),
        changes=tuple(c for c in changes if c.at < week.end),
        hours=tuple(h for h in scopes.hours(session, week.before.start) if h.hour < week.end),
        readings=tuple(readings.latest(session)),
        sources=tuple(health.load_all(session)),
        orders=tuple(orders.standing(session, now)),
        watched=frozenset(coverage.watched(session)),
        lists=tuple(coverage.load(session).values()),
    )
