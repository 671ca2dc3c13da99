"""One world's engine statistics: a flow of real numbers becomes whole recipients by minute and by hour."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from core.lease import Scope
from core.statistics import ScopeMinute
from lab.simulation.physics import PROVIDERS, Floats
from lab.simulation.signals import Complaints
from lab.simulation.world import Seen
from storage.scopes import ScopeHour
from tidegate.evaluate.watching import IP

SCOPES: Final = tuple(Scope(source_ip=IP, provider=name) for name in PROVIDERS)
_KEPT: Final = timedelta(hours=2)
_MEMORY: Final = timedelta(days=3)
"""As far back as any decision looks where the operator has set a limit (`CountSettings.memory`)."""

Counts = dict[str, int]


def stacked(seen: Seen) -> Floats:
    """A step's counts in the order of ScopeMinute: counts × worlds × providers."""
    return np.stack(
        [
            seen.attempted,
            seen.delivered,
            seen.reputation + seen.unanswered + seen.blocked - seen.rejected,
            seen.hard_bounced + seen.rejected,
            seen.reputation,
            seen.blocked,
            seen.hard_bounced,
        ]
    )


NAMES: Final = (
    "attempted", "delivered", "deferred", "bounced", "reputation_deferred", "blocked", "hard_bounced",
)  # fmt: skip


class Counters:
    """What one world's engine has counted."""

    def __init__(self) -> None:
        self._rest = np.zeros((len(NAMES), len(PROVIDERS)))
        self._minutes: deque[ScopeMinute] = deque()
        self._sums: dict[tuple[int, datetime], Counts] = {}
        self._hours: dict[tuple[int, datetime], ScopeHour] = {}
        self._labels: dict[int, datetime] = {}

    @property
    def minutes(self) -> list[ScopeMinute]:
        return list(self._minutes)

    @property
    def hours(self) -> list[ScopeHour]:
        return list(self._hours.values())

    def count(self, amounts: Floats, begun: datetime) -> None:
        """Amounts since `begun`: counts × providers. What is less than one recipient waits for the next."""
        whole = np.floor(self._rest + amounts + 1e-9)
        self._rest += amounts - whole
        hour = begun.replace(minute=0, second=0, microsecond=0)
        for place, provider in enumerate(PROVIDERS):
            counts = dict(zip(NAMES, whole[:, place].astype(int).tolist(), strict=True))
            self._minutes.append(ScopeMinute(source_ip=IP, provider=provider, minute=begun, **counts))
            self._add((place, hour), counts)

    def label(self, hour: int, name: datetime) -> None:
        """The engine's name for an hour of sending (hours since the start) that is over."""
        self._labels[hour] = name

    def complain(self, arrived: Iterable[Complaints]) -> None:
        """Complaints, booked to the hour of the message."""
        for one in arrived:
            self._add((one.provider, self._labels[one.sent]), {"complaints": one.count})

    def forget(self, now: datetime) -> None:
        """Drop what no decision looks at."""
        while self._minutes and self._minutes[0].minute < now - _KEPT:
            self._minutes.popleft()
        for key in [key for key in self._hours if key[1] < now - _MEMORY - timedelta(hours=1)]:
            del self._hours[key], self._sums[key]

    def _add(self, key: tuple[int, datetime], counts: Counts) -> None:
        sums = self._sums.setdefault(key, {})
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
        self._hours[key] = ScopeHour(scope=SCOPES[key[0]], hour=key[1], **sums)
