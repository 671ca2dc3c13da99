"""A source that turns on much of the fleet at once is not believed before a person has looked. Decides only.

A list that lists everything is a matter of time (control.md 0.6 and 2.5). The monitor tests each zone before
it asks; this is the wall behind that, for every slow source: on a suspect's word nothing is lowered any more.
What it holds already stays and runs out by itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from controller.evidence import source_name
from controller.settings import GuardSettings
from core.address import IpAddress
from core.incident import Incident, IncidentKind, Rule
from storage.orders import Order, OrderKind

FLEET = "fleet"
"""The subject of an approval that lifts the bounds on the fleet's capacity."""


def suspects(
    incidents: Iterable[Incident],
    orders: Iterable[Order],
    fleet: Collection[IpAddress],
    now: datetime,
    settings: GuardSettings,
) -> dict[str, str]:
    """The sources whose word lowers nothing now, and why. An approval outweighs everything."""
    standing = list(orders)
    approved = {order.subject for order in standing if order.kind is OrderKind.APPROVE}
    found = {order.subject: order.reason for order in standing if order.kind is OrderKind.GUARD}
    for name, ips in _newly_named(incidents, fleet, now, settings).items():
        if len(ips) >= settings.source_ips and len(ips) > settings.source_share * len(fleet):
            minutes = settings.source_window.total_seconds() / 60
            found.setdefault(
                name, f"named {len(ips)} of {len(fleet)} source IPs within {minutes:.0f} minutes"
            )
    return {name: why for name, why in found.items() if name != FLEET and not _is_in(name, approved)}


def is_approved(order_subjects: Collection[str], source: str) -> bool:
    """Whether a person lets this source act whatever it names."""
    return FLEET in order_subjects or _is_in(source, order_subjects)


def _is_in(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _newly_named(
    incidents: Iterable[Incident], fleet: Collection[IpAddress], now: datetime, settings: GuardSettings
) -> dict[str, set[IpAddress]]:
    named: dict[str, set[IpAddress]] = defaultdict(set)
    for incident in incidents:
        ours = incident.kind is IncidentKind.IP and incident.ip is not None and incident.ip in fleet
        if not ours or incident.rule is Rule.BLIND or now - incident.opened_at > settings.source_window:
            continue
        if incident.ip is not None:
            named[source_name(incident.source, incident.metric)].add(incident.ip)
    return named
