"""Minutes added up to hours, and which hours have still to be written down. Holds numbers alone, does no I/O.

A large fleet counts in more minutes than can be added up at every look: what was added stays added, and the
records get a part at a time. Whatever is lost with the process, the next full look brings again.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from core.address import IpAddress
from core.lease import Scope
from core.statistics import ScopeMinute
from storage.scopes import COUNTS, ScopeHour

OPEN = timedelta(minutes=2)
"""A minute may still grow for so long. Later complaints come alone; once an hour all is added up afresh."""
WRITTEN_AT_ONCE = 10_000
"""Hours that are written in one look; what is more waits for the next."""

_Key = tuple[int, datetime]
"""A scope's number and an hour: addresses are slow to look up, so each is looked up once a minute."""


class Tally:
    """The hours of now: what closed minutes came to, and what the open ones add."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[IpAddress, str], int] = {}
        self._scopes: list[Scope] = []
        self._closed: dict[_Key, list[int]] = {}
        self._open: dict[_Key, list[int]] = {}
        self._closed_until: datetime | None = None
        self._unwritten: dict[_Key, None] = {}

    def take(self, minutes: Iterable[ScopeMinute], now: datetime, *, afresh: bool) -> None:
        """Add up what is new. `afresh`: the minutes are all there are, from a whole hour on."""
        if afresh:
            self._closed, self._closed_until = {}, None
        since, until = self._closed_until, _whole_minute(now - OPEN)
        self._open = {}
        hours: dict[datetime, datetime] = {}
        for (number, at), minute in self._unique(minutes, since).items():
            hour = hours.get(at) or hours.setdefault(at, at.replace(minute=0, second=0, microsecond=0))
            key = (number, hour)
            _add(self._closed if at < until else self._open, key, minute)
            self._unwritten[key] = None
        self._closed_until = until if since is None else max(until, since)

    def _unique(
        self, minutes: Iterable[ScopeMinute], since: datetime | None
    ) -> dict[tuple[int, datetime], ScopeMinute]:
        """The minutes that are not closed yet; of one that comes twice the last."""
        numbers, found = self._numbers, {}
        for minute in minutes:
            at = minute.minute
            if since is not None and at < since:
                continue
            scope = (minute.source_ip, minute.provider)
            number = numbers.get(scope)
            if number is None:
                number = numbers[scope] = len(self._scopes)
                self._scopes.append(Scope(source_ip=scope[0], provider=scope[1]))
            found[number, at] = minute
        return found

    def due(self) -> list[ScopeHour]:
        """Hours to write down now, those that have waited longest first."""
        keys = list(self._unwritten)[:WRITTEN_AT_ONCE]
        rows = [self._hour(key) for key in keys]
        for key in keys:
            del self._unwritten[key]
        self._forget_written()
        return rows

    def of(self, ips: Collection[IpAddress]) -> list[ScopeHour]:
        """The hours of some IPs that are not written yet."""
        wanted = {number for (ip, _), number in self._numbers.items() if ip in ips}
        return [self._hour(key) for key in self._unwritten if key[0] in wanted]

    def _hour(self, key: _Key) -> ScopeHour:
        closed, opened = self._closed.get(key, _NOTHING), self._open.get(key, _NOTHING)
        counts = (one + other for one, other in zip(closed, opened, strict=True))
        return ScopeHour(self._scopes[key[0]], key[1], *counts)

    def _forget_written(self) -> None:
        """Hours that are over and written are known by the records."""
        if self._closed_until is None:
            return
        oldest = self._closed_until.replace(minute=0)
        over = [key for key in self._closed if key[1] < oldest and key not in self._unwritten]
        for key in over:
            del self._closed[key]


_NOTHING = [0] * len(COUNTS)


def _whole_minute(moment: datetime) -> datetime:
    """The first whole minute at or after a moment: whatever began before it is over as a whole."""
    down = moment.replace(second=0, microsecond=0)
    return down if down == moment else down + timedelta(minutes=1)


def _add(sums: dict[_Key, list[int]], key: _Key, minute: ScopeMinute) -> None:
    counts = sums.get(key)
    if counts is None:
        counts = sums[key] = [0] * len(COUNTS)
    counts[0] += minute.attempted
    counts[1] += minute.delivered
    counts[2] += minute.deferred
    counts[3] += minute.bounced
    counts[4] += minute.reputation_deferred
    counts[5] += minute.blocked
    counts[6] += minute.hard_bounced
    counts[7] += minute.complaints
