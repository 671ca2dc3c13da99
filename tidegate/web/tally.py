"""What the fleet's mail came to by hour, kept between pages: an hour that is over is counted once."""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from storage import fleet
from storage.fleet import FIGURES

KEPT: Final = 26
"""Hours."""
_OPEN: Final = timedelta(hours=2)
"""How long after its end an hour may still grow: counts come in with the controller's looks."""
_HOUR: Final = timedelta(hours=1)
_FRESH: Final = timedelta(seconds=10)
"""Nothing is read again so soon: the controller writes counts by the minute."""


class Tally:
    """Counts by hour and IP of the last day."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._hours: dict[datetime, dict[str, tuple[int, ...]]] = {}
        self._read_at: datetime | None = None

    def catch_up(self, session: Session, now: datetime) -> None:
        """Read what is new: the first time the whole day, then the hours that may still grow."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._guard:
            if self._read_at is not None and timedelta(0) <= now - self._read_at < _FRESH:
                return
            self._read_at = now
            since = hour - _OPEN if self._hours else hour - KEPT * _HOUR
            if self._hours and max(self._hours) < since:
                since = max(self._hours)
            fresh: dict[datetime, dict[str, tuple[int, ...]]] = {}
            for at, ip, counts in fleet.hours(session, since):
                fresh.setdefault(at, {})[ip] = counts
            kept = {at: found for at, found in self._hours.items() if at >= hour - KEPT * _HOUR}
            self._hours = {**kept, **fresh}

    def by_hour(self) -> list[tuple[datetime, Mapping[str, int]]]:
        """Each hour with the sums of all IPs, oldest first; names as in storage.fleet.FIGURES."""
        return [(at, _sums(found)) for at, found in sorted(self._hours.items())]

    def attempted(self, since: datetime) -> Counter[str]:
        """Recipients attempted by each IP, as text, in the hours that began at or after `since`."""
        total: Counter[str] = Counter()
        for at, found in self._hours.items():
            if at >= since:
                for ip, counts in found.items():
                    total[ip] += counts[0]
        return total


def _sums(found: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    columns = zip(*found.values(), strict=True)
    return dict(zip(FIGURES, map(sum, columns), strict=True))
