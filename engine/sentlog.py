"""What was sent from which source IP, for reports that come days later. Beside the mail, not part of it.

Written once a second in one transaction, from memory: a crash forgets at most that second, which costs a
report its source IP and no mail. Rows are keyed by trace id, which begins with the time, so that the oldest
are one range.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from core.errors import SpoolError
from engine.mail.settings import SentLogSettings

log = logging.getLogger(__name__)

MOST_WAITING = 200_000
"""Rows in memory while the file cannot be written; beyond them the oldest are forgotten."""

_SLICE = 5_000
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS sent (trace BLOB, recipient TEXT, source TEXT, provider TEXT, at REAL,"
    " message INTEGER, sender TEXT, vmta TEXT, job TEXT, complained INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (trace, recipient)) WITHOUT ROWID"
)
_COLUMNS = "trace, recipient, source, provider, at, message, sender, vmta, job"


class Sent(NamedTuple):
    """One recipient's copy that a peer took. `at` in POSIX seconds; `message` is the spool's id."""

    trace: bytes
    recipient: str
    source: str
    provider: str
    at: float
    message: int
    sender: str
    vmta: str
    job: str


class Match(NamedTuple):
    """What a report is about; `repeated` if it has been reported before."""

    sent: Sent
    repeated: bool


class SentLog:
    """One SQLite file. `add` is for the loop's thread; the rest does its work in another."""

    def __init__(self, path: Path, settings: SentLogSettings) -> None:
        self._settings = settings
        self._rows: list[Sent] = []
        self._lock = threading.Lock()
        self._failing = False
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise SpoolError(f"the log of sent mail {path} cannot be opened: {error}") from error

    def add(self, sent: Sent) -> None:
        """Remember a delivery. Written with the next flush."""
        self._rows.append(sent)

    async def flush(self, now: datetime) -> None:
        """Write what has gathered and drop what is too old. Never raises for what a disk does."""
        rows, self._rows = self._rows, []
        oldest = int((now - self._settings.retention).timestamp()).to_bytes(4, "big", signed=False)
        try:
            await asyncio.to_thread(self._write, rows, oldest)
        except sqlite3.Error:
            self._rows = (rows + self._rows)[-MOST_WAITING:]
            if not self._failing:
                log.exception("The log of sent mail cannot be written", extra={"event": "sentlog.failed"})
            self._failing = True
        else:
            self._failing = False

    async def find(self, traces: Iterable[bytes], recipient: str, now: datetime) -> Sent | None:
        """What was sent under one of these traces, to this recipient if there were several."""
        match = await self._look_up(traces, recipient, now, complaint=False)
        return match.sent if match else None

    async def complain(self, traces: Iterable[bytes], recipient: str, now: datetime) -> Match | None:
        """The same, and note that it was complained about: each copy counts once."""
        return await self._look_up(traces, recipient, now, complaint=True)

    async def close(self, now: datetime) -> None:
        await self.flush(now)
        self._db.close()

    async def _look_up(
        self, traces: Iterable[bytes], recipient: str, now: datetime, *, complaint: bool
    ) -> Match | None:
        wanted = list(traces)
        if not wanted:
            return None
        await self.flush(now)
        try:
            return await asyncio.to_thread(self._match, wanted, recipient, complaint)
        except sqlite3.Error:
            log.exception("The log of sent mail cannot be read", extra={"event": "sentlog.failed"})
            return None

    # In another thread

    def _write(self, rows: list[Sent], oldest: bytes) -> None:
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                f"INSERT OR REPLACE INTO sent ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                rows,
            )
            surplus = self._live_bytes() > self._settings.max_size
            most = max(_SLICE, 2 * len(rows))
            bound = b"\xff" * 4 if surplus else oldest
            self._db.execute(
                "DELETE FROM sent WHERE (trace, recipient) IN"
                " (SELECT trace, recipient FROM sent WHERE trace < ? ORDER BY trace LIMIT ?)",
                (bound, most),
            )

    def _live_bytes(self) -> int:
        pages, free, size = (
            self._number(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _number(self, question: str) -> int:
        with closing(self._db.execute(question)) as answer:
            return int(answer.fetchone()[0])

    def _match(self, traces: list[bytes], recipient: str, complaint: bool) -> Match | None:  # noqa: FBT001
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for trace in traces:
                found = self._rows_of(trace)
                if found:
                    sent, complained = _choose(found, recipient)
                    if complaint:
                        self._db.execute(
                            "UPDATE sent SET complained = 1 WHERE trace = ? AND recipient = ?",
                            (sent.trace, sent.recipient),
                        )
                    return Match(sent, complained)
        return None

    def _rows_of(self, trace: bytes) -> list[tuple[Sent, bool]]:
        rows = self._db.execute(
            f"SELECT {_COLUMNS}, complained FROM sent WHERE trace = ?",  # noqa: S608
            (trace,),
        )
        return [(Sent(*row[:-1]), bool(row[-1])) for row in rows]


def _choose(found: list[tuple[Sent, bool]], recipient: str) -> tuple[Sent, bool]:
    """The copy of that recipient; where the reporter hides it, one that nobody has complained about yet."""
    low = recipient.lower()
    for sent, complained in found:
        if sent.recipient.lower() == low:
            return sent, complained
    return min(found, key=lambda row: row[1])
