"""What outlives a restart beside the mail itself: leases, modes, limiter debts, statistics."""

import json
import sqlite3
import threading
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import SpoolError


class Section(StrEnum):
    """The kinds of state."""

    META = "meta"
    LEASES = "leases"
    QUEUES = "queues"
    LIMITERS = "limiters"
    STATISTICS = "statistics"


class StateStore:
    """A key-value file with durable transactions; may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS state"
                " (section TEXT, key TEXT, value TEXT, PRIMARY KEY (section, key))"
            )
        except sqlite3.Error as error:
            raise SpoolError(f"engine state {path} cannot be opened: {error}") from error

    def load(self, section: Section) -> dict[str, Any]:
        """Everything in a section."""
        with self._lock:
            rows = self._db.execute("SELECT key, value FROM state WHERE section = ?", (section,)).fetchall()
        return {key: json.loads(value) for key, value in rows}

    def save(self, section: Section, values: Mapping[str, Any], *, replace: bool = False) -> None:
        """Write values in one transaction; None deletes a key, `replace` drops all others first."""
        kept = [(section, key, json.dumps(value)) for key, value in values.items() if value is not None]
        dropped = [(section, key) for key, value in values.items() if value is None]
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                if replace:
                    self._db.execute("DELETE FROM state WHERE section = ?", (section,))
                self._db.executemany("DELETE FROM state WHERE section = ? AND key = ?", dropped)
                self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", kept)
        except sqlite3.Error as error:
            raise SpoolError(f"engine state cannot be written: {error}") from error

    def close(self) -> None:
        self._db.close()
