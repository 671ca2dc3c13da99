"""What the fleet's mail came to over weeks, kept between pages: an hour that is over is added up once."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import add, attrgetter
from typing import Final

from sqlmodel import Session

from core.clock import Clock
from core.lease import Scope
from storage import scopes
from storage.scopes import COUNTS, ScopeHour

_OPEN: Final = timedelta(hours=2)
"""How long after its end an hour may still grow: counts come in with the controller's looks."""
_FRESH: Final = timedelta(seconds=10)
"""No hour is read again so soon: the controller writes counts by the minute."""
_STRETCHES: Final = 12
"""So many are kept: six weeks that somebody looks at, and those that they are compared with."""

_counts = attrgetter(*COUNTS)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The sums by scope from `start` to before `until`."""

    start: datetime
    until: datetime
    sums: dict[Scope, ScopeHour] = field(default_factory=dict)


class Ledger:
    """Adds up the same as storage.scopes.sums, and goes on from where it was when asked again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._kept: list[_Stretch] = []
        self._last: dict[tuple[datetime, datetime], tuple[datetime, list[ScopeHour]]] = {}

    def sums(self, session: Session, start: datetime, end: datetime) -> list[ScopeHour]:
        """What each scope's hours came to from `start` to before `end`."""
        now = self._clock.now()
        settled = min(end, max(start, now.replace(minute=0, second=0, microsecond=0) - _OPEN))
        with self._guard:
            known = self._longest(start, settled)
            if known.until < settled:
                fresh = scopes.sums(session, known.until, settled)
                known = _Stretch(start, settled, _added(start, known.sums, fresh))
            self._keep(known)
        if settled == end:
            return list(known.sums.values())
        return self._with_open_hours(session, known, end, now)

    def _with_open_hours(
        self, session: Session, known: _Stretch, end: datetime, now: datetime
    ) -> list[ScopeHour]:
        read_at, found = self._last.get((known.start, end), (None, []))
        if read_at is None or not timedelta(0) <= now - read_at < _FRESH:
            found = list(_added(known.start, known.sums, scopes.sums(session, known.until, end)).values())
            self._last = {(known.start, end): (now, found)}
        return found

    def _longest(self, start: datetime, until: datetime) -> _Stretch:
        fitting = [one for one in self._kept if one.start == start and one.until <= until]
        return max(fitting, key=lambda one: one.until, default=_Stretch(start, start))

    def _keep(self, stretch: _Stretch) -> None:
        """The one used last stands last; a shorter one from the same start goes once there are two longer."""
        others = [one for one in self._kept if (one.start, one.until) != (stretch.start, stretch.until)]
        same = [one for one in others if one.start == stretch.start]
        if len(same) > 1:
            others.remove(min(same, key=lambda one: one.until))
        self._kept = [*others, stretch][-_STRETCHES:]


def _added(
    start: datetime, sums: dict[Scope, ScopeHour], more: Iterable[ScopeHour]
) -> dict[Scope, ScopeHour]:
    """All of them begin at `start`."""
    found = dict(sums)
    for one in more:
        before = found.get(one.scope)
        counts = _counts(one) if before is None else map(add, _counts(before), _counts(one))
        found[one.scope] = ScopeHour(one.scope, start, *counts)
    return found
