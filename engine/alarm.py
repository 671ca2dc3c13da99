"""Tells at once when peers turn on a source IP, so that nobody has to ask for the statistics all the time."""

from core.address import IpAddress
from engine.events import EventKind, EventLog

MILESTONES = frozenset({3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987})
"""Replies about one source IP at one provider in one minute that are told: ever fewer as they grow."""
MOST_PER_SECOND = 10


class Alarm:
    """Puts replies about source IPs into the event log; a bad day must not drive other events out of it."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._second = 0
        self._told = 0

    def heard(self, source: IpAddress, provider: str, count: int, reply: str, at: float) -> None:
        """The `count`-th such reply of a minute has come, at POSIX time `at`."""
        if count not in MILESTONES:
            return
        if int(at) != self._second:
            self._second, self._told = int(at), 0
        self._told += 1
        if self._told <= MOST_PER_SECOND:
            self._events.add(
                EventKind.REPUTATION, source_ip=str(source), provider=provider, replies=count, reply=reply
            )
