"""Who changed what in a running engine: one JSON line for each change, on disk before the answer goes out."""

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import Clock
from engine.events import EventKind, EventLog

log = logging.getLogger(__name__)

_TAIL_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: by whom, to what, from what to what, why. `request_id` finds it in a client's log."""

    actor: str
    action: str
    subject: str
    before: Any = None
    after: Any = None
    reason: str = ""
    request_id: str = ""


class Audit:
    """Appends to one file. A change is not refused because its line cannot be written; that is told."""

    def __init__(self, path: Path, events: EventLog, clock: Clock) -> None:
        self._path = path
        self._events = events
        self._clock = clock
        self.problem = ""

    async def record(self, change: Change) -> None:
        """Keep it; returns when it is on disk."""
        at = self._clock.now()
        entry = {"at": at.isoformat(), **asdict(change)}
        self._events.add(EventKind.AUDIT, **{key: value for key, value in asdict(change).items() if value})
        log.info(
            "%s: %s %s",
            change.actor,
            change.action,
            change.subject,
            extra={"event": "audit", "request": change.request_id, "reason": change.reason},
        )
        try:
            await asyncio.to_thread(_append, self._path, entry)
        except OSError as error:
            self.problem = f"the audit {self._path} cannot be written: {error.strerror or error}"
            log.error("%s", self.problem, extra={"event": "audit.failed"})  # noqa: TRY400 - the sentence says it
        else:
            self.problem = ""

    async def entries(self, since: datetime | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The newest changes, newest first, out of the last 4 MiB of the file."""
        found = await asyncio.to_thread(_tail, self._path)
        if since is not None:
            found = [entry for entry in found if datetime.fromisoformat(entry["at"]) >= since]
        return found[::-1][:limit]


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    line = json.dumps(entry, default=str) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        os.write(file, line.encode())
        os.fdatasync(file)
    finally:
        os.close(file)


def _tail(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the first line may be cut, the last one torn by a crash
        if isinstance(entry, dict) and "at" in entry:
            found.append(entry)
    return found
