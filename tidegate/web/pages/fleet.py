"""What pages about IPs read from the records."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from core.address import IpAddress
from storage import coverage, fleet, incidents
from tidegate.web.site import Site
from tidegate.web.views import ips as ips_view
from tidegate.web.views.strips import DAYS

_DAY = timedelta(hours=24)


def at_a_glance(session: Session, site: Site, now: datetime) -> ips_view.Fleet:
    """Every configured IP."""
    site.tally.catch_up(session, now)
    return ips_view.Fleet(
        listed=ips_view.listed(site.config.ip_lists),
        worst=fleet.worst(session),
        attempted=site.tally.attempted(now - _DAY),
        incidents=incidents.open_incidents(session),
    )


def details(
    session: Session, ips: Sequence[IpAddress], leases: Sequence[dict[str, Any]], now: datetime
) -> ips_view.Details:
    """What a listing shows of some IPs."""
    return ips_view.Details(
        readings=fleet.latest_of(session, ips),
        history=incidents.between(session, now - timedelta(days=DAYS), now, ips),
        watched=coverage.watched(session, ips),
        leases=leases,
    )
