"""One accounting file on disk: appended to in whole lines, set aside by size and age."""

import contextlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.accounting.encoding import encoding
from engine.accounting.records import Record
from engine.accounting.rotation import name_aside, outdated, reason_to_move
from engine.accounting.settings import AccountingFileSettings


class AccountingFile:
    """Use it from one thread at a time. Every method raises OSError as the system gives it."""

    def __init__(self, settings: AccountingFileSettings) -> None:
        self.settings = settings
        self._encoding = encoding(settings.format, settings.records)
        self._kinds = frozenset(settings.records)
        self._file: int | None = None
        self._size = 0
        self._begun = datetime.fromtimestamp(0, UTC)

    @property
    def path(self) -> Path:
        return self.settings.path

    def open(self, now: datetime) -> None:
        """Take up the file where it was left; one with other columns is set aside."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        begun = now
        if self.path.exists():
            begun = datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
            if not self._fits():
                self._set_aside(now)
                begun = now
        self._begin(begun)
        self._drop_outdated(now)

    def write(self, records: Sequence[Record], now: datetime) -> None:
        """Append the records that belong here: all of them, or after an error none."""
        wanted = [record for record in records if record.kind in self._kinds]
        if self._file is None:
            self.open(now)
        if reason_to_move(self.settings, self._size - len(self._encoding.header), self._begun, now):
            self._rotate(now)
        if wanted:
            self._append(self._encoding.encode(wanted))

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self, begun: datetime) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        self._size = os.fstat(self._file).st_size
        self._begun = begun
        if not self._size:
            self._append(self._encoding.header)
        elif os.pread(self._file, 1, self._size - 1) != b"\n":
            self._append(b"\n")  # the last run died in the middle of a line

    def _append(self, data: bytes) -> None:
        if self._file is None or not data:
            return
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += written

    def _rotate(self, now: datetime) -> None:
        self.close()
        self._set_aside(now)
        self._begin(now)
        self._drop_outdated(now)

    def _set_aside(self, now: datetime) -> None:
        """Atomic: a reader finds the old name or the new one, and the whole file under it."""
        self.path.rename(name_aside(self.path, now, self._neighbours()))

    def _drop_outdated(self, now: datetime) -> None:
        for path in outdated(self.path, self._neighbours(), now, self.settings.delete_after):
            path.unlink(missing_ok=True)

    def _neighbours(self) -> list[str]:
        return os.listdir(self.path.parent)  # noqa: PTH208 - names, not paths

    def _fits(self) -> bool:
        header = self._encoding.header
        with self.path.open("rb") as file:
            found = file.read(len(header))
        return not found or found == header
