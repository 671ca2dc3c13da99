"""Who is in the fleet, and whom a look must think about: the IPs that something is known against."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from math import ceil, log
from typing import TYPE_CHECKING

from controller.evidence import SNDS_SOURCES
from controller.settings import ControllerSettings, CountSettings
from controller.state import ScopeReport, ScopeState
from core.address import IpAddress
from core.incident import Rule
from core.lease import Scope
from core.provider import EVERY, MICROSOFT, OTHER
from storage.orders import OrderKind
from storage.scopes import ScopeHour

if TYPE_CHECKING:
    from controller.fleet import World

_SPEAKS_TO_ALL = frozenset({OrderKind.PIN, OrderKind.RELEASE})
"""Orders that, given for every IP, move scopes that nothing is known against."""


class Census:
    """The scopes that the engine reports, by IP; of two reports about one scope the last counts."""

    def __init__(self, reports: Iterable[ScopeReport]) -> None:
        self._fleet: dict[IpAddress, dict[str, ScopeReport]] = {}
        for report in reports:
            self._fleet.setdefault(report.scope.source_ip, {})[report.scope.provider] = report

    @property
    def ips(self) -> AbstractSet[IpAddress]:
        return self._fleet.keys()

    def quiet(self, awake: Collection[IpAddress]) -> Iterable[Scope]:
        """The scopes of the IPs that nobody need think about."""
        return (r.scope for ip, found in self._fleet.items() if ip not in awake for r in found.values())

    def capacity_of_others(self, awake: Collection[IpAddress], typical: float) -> float:
        """Recipients an hour that the quiet IPs stand for; an unlimited scope for a `typical` one."""
        return sum(
            typical if r.operator_limit.is_unlimited else r.operator_limit.per_hour
            for ip, found in self._fleet.items()
            if ip not in awake
            for r in found.values()
            if r.scope.provider != EVERY
        )

    def completed(
        self, awake: Iterable[IpAddress], world: "World", states: Mapping[Scope, ScopeState]
    ) -> list[ScopeReport]:
        """The reports of the IPs to think about in a fixed order, and what the engine does not report.

        An engine that restarted has met few providers yet: what is throttled stays so. Unnamed providers, the
        whole IP, the provider that an alert names, and microsoft where SNDS speaks of the IP are decided
        before the first mail goes there.
        """
        found = {ip: dict(self._fleet[ip]) for ip in awake}
        wanted = {Scope(source_ip=ip, provider=provider) for ip in found for provider in (OTHER, EVERY)}
        wanted |= {
            scope for scope, state in states.items() if state.is_throttled and scope.source_ip in found
        }
        wanted |= {
            Scope(source_ip=incident.ip, provider=incident.provider)
            for incident in world.incidents
            if incident.ip in found and incident.rule is Rule.ALERT
        }
        wanted |= {
            Scope(source_ip=incident.ip, provider=MICROSOFT)
            for incident in world.incidents
            if incident.ip in found and incident.source in SNDS_SOURCES
        }
        for scope in wanted:
            found[scope.source_ip].setdefault(scope.provider, ScopeReport(scope))
        by_address = sorted(found.items(), key=lambda item: str(item[0]))
        return [one for _, reports in by_address for _, one in sorted(reports.items())]


class Rota:
    """Whose turn it is to be looked at closely: everybody's in a small fleet, a part's in a large one."""

    def __init__(self, at_once: int = 100) -> None:
        self._at_once = at_once
        self._next = 0

    def turn(self, ips: Collection[IpAddress]) -> list[IpAddress]:
        """The next of them, round and round."""
        if len(ips) <= self._at_once:
            return list(ips)
        start = self._next if self._next < len(ips) else 0
        self._next = start + self._at_once
        return list(islice(ips, start, self._next))


def awake(
    census: Census,
    world: "World",
    states: Mapping[Scope, ScopeState],
    now: datetime,
    settings: ControllerSettings,
) -> frozenset[IpAddress]:
    """The IPs of the fleet that something is known against, or that somebody ordered something about."""
    if any(o.source_ip is None and o.kind in _SPEAKS_TO_ALL for o in world.orders):
        return frozenset(census.ips)
    found = {scope.source_ip for scope in states}
    found |= {incident.ip for incident in world.incidents if incident.ip is not None}
    found |= {order.source_ip for order in world.orders if order.source_ip is not None}
    found |= {m.source_ip for m in world.minutes if m.reputation_deferred or m.blocked}
    found |= _counted(world.hours, now, settings.counts)
    return frozenset(found & census.ips)


def _counted(hours: Iterable[ScopeHour], now: datetime, settings: CountSettings) -> set[IpAddress]:
    """The IPs with as many complaints or hard bounces as a CUSUM needs at the very least."""
    begin = now - settings.memory
    complaints: dict[IpAddress, int] = defaultdict(int)
    bounces: dict[IpAddress, int] = defaultdict(int)
    marked = {(h.scope, h.hour): h for h in hours if (h.complaints or h.hard_bounced) and h.hour >= begin}
    for hour in marked.values():
        complaints[hour.scope.source_ip] += hour.complaints
        bounces[hour.scope.source_ip] += hour.hard_bounced
    least_complaints = _least(settings.complaint_good, settings.complaint_bad, settings.threshold)
    least_bounces = _least(settings.bounce_good, settings.bounce_bad, settings.threshold)
    found = {ip for ip, count in complaints.items() if count >= least_complaints}
    return found | {ip for ip, count in bounces.items() if count >= least_bounces}


def _least(good: float, bad: float, threshold: float) -> int:
    """So many events without any other message between them reach the threshold."""
    return ceil(threshold / log(bad / good))
