"""What the engine counted, arranged by scope; `*` is the sum over an IP's providers. Decides nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from core.address import IpAddress
from core.lease import Scope
from core.provider import EVERY
from core.statistics import ScopeMinute
from storage.scopes import ScopeHour

_DAY = timedelta(days=1)


class Records:
    """Minutes and hours of the scopes of some IPs, or of all; what comes twice counts once."""

    def __init__(
        self,
        minutes: Iterable[ScopeMinute],
        hours: Iterable[ScopeHour],
        now: datetime,
        ips: Collection[IpAddress] | None = None,
    ) -> None:
        self._now = now
        scopes: dict[tuple[IpAddress, str], Scope] = {}
        by_minute: dict[Scope, dict[datetime, ScopeMinute]] = defaultdict(dict)
        first = now
        for minute in minutes:
            first = min(first, minute.minute)
            if ips is not None and minute.source_ip not in ips:
                continue
            pair = (minute.source_ip, minute.provider)
            scope = scopes.get(pair) or scopes.setdefault(pair, Scope(source_ip=pair[0], provider=pair[1]))
            by_minute[scope][minute.minute] = minute
        self.minutes = {scope: list(found.values()) for scope, found in by_minute.items()}
        # minutes are complete from here on; what was before is known by the hour
        self._complete_from = first.replace(minute=0, second=0, microsecond=0)
        by_hour: dict[Scope, dict[datetime, ScopeHour]] = defaultdict(dict)
        for hour in hours:
            if ips is None or hour.scope.source_ip in ips:
                by_hour[hour.scope][hour.hour] = hour
        self.hours = {scope: list(found.values()) for scope, found in by_hour.items()}
        self._scopes_of: dict[IpAddress, list[Scope]] = defaultdict(list)
        for scope in {*self.minutes, *self.hours}:
            self._scopes_of[scope.source_ip].append(scope)
        self.hours |= _whole_ips(self.hours)

    def of_minutes(self, scope: Scope) -> list[ScopeMinute]:
        return self.minutes.get(scope, [])

    def of_hours(self, scope: Scope) -> list[ScopeHour]:
        return self.hours.get(scope, [])

    def delivered_since(self, scope: Scope, moment: datetime) -> int:
        """Recipients accepted since `moment`; before the minutes begin, by whole hours."""
        if scope.provider == EVERY:
            own = self._scopes_of[scope.source_ip]
            return sum(self.delivered_since(s, moment) for s in own if s.provider != EVERY)
        recent = sum(m.delivered for m in self.of_minutes(scope) if m.minute >= moment)
        before = (h.delivered for h in self.of_hours(scope) if moment <= h.hour < self._complete_from)
        return recent + sum(before)

    def best_hour(self, scope: Scope) -> int:
        """The most recipients accepted in one hour of the last day."""
        begin = self._now - _DAY
        return max((h.delivered for h in self.of_hours(scope) if begin <= h.hour <= self._now), default=0)


def _whole_ips(hours: dict[Scope, list[ScopeHour]]) -> dict[Scope, list[ScopeHour]]:
    """Accepted and hard-bounced recipients of whole IPs: what is judged about them."""
    sums: dict[Scope, dict[datetime, tuple[int, int]]] = defaultdict(dict)
    for scope, found in hours.items():
        whole = sums[Scope(source_ip=scope.source_ip)]
        for hour in found:
            delivered, bounced = whole.get(hour.hour, (0, 0))
            whole[hour.hour] = (delivered + hour.delivered, bounced + hour.hard_bounced)
    return {
        scope: [
            ScopeHour(scope=scope, hour=hour, delivered=delivered, hard_bounced=bounced)
            for hour, (delivered, bounced) in found.items()
        ]
        for scope, found in sums.items()
    }
