"""The accounting file: one JSON line per event, with the source IP on every kind."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import OperatorError


class Accounting:
    """Appends events and writes them out in batches. Give it None to keep no file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: list[str] = []
        self._file: int | None = None

    def open(self) -> None:
        """Raises OperatorError when the file cannot be written."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        except OSError as error:
            raise OperatorError(f"engine.accounting: cannot write {self._path}: {error.strerror}") from error

    def add(self, kind: str, at: datetime, **fields: Any) -> None:
        """One event. Written with the next flush."""
        if self._file is not None:
            self._lines.append(json.dumps({"type": kind, "timeLogged": at.isoformat(), **fields}))

    def flush(self) -> None:
        """Write what has gathered, in one call."""
        if self._file is not None and self._lines:
            lines, self._lines = self._lines, []
            os.write(self._file, ("\n".join(lines) + "\n").encode())

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None
