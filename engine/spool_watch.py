"""Tells when the spool's disk runs low and when it has room again."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from engine.events import EventKind, EventLog

log = logging.getLogger(__name__)


class SpoolWatch:
    """`limit` gives the bytes below which the disk is low. Told once each way, with a tenth to spare."""

    def __init__(self, path: Path, limit: Callable[[], int], events: EventLog) -> None:
        self._path = path
        self._limit = limit
        self._events = events
        self.low = False

    def look(self, free: int | None = None) -> None:
        """Compare what is free (found out if not given) with the limit."""
        try:
            room = shutil.disk_usage(self._path).free if free is None else free
        except OSError:
            return  # readiness tells
        limit = self._limit()
        if not self.low and room < limit:
            self.low = True
            self._events.add(EventKind.SPOOL_LOW, free_bytes=room, spool_low=limit)
            log.warning(
                "The spool's disk is low: %d bytes free", room, extra={"event": "spool.low", "free": room}
            )
        elif self.low and room >= limit + limit // 10:
            self.low = False
            self._events.add(EventKind.SPOOL_RECOVERED, free_bytes=room, spool_low=limit)
            log.info("The spool's disk has room again", extra={"event": "spool.recovered-room", "free": room})
