"""The log: JSON lines for machines, plain lines for a terminal; secrets are cut out of both."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from core.secret import Redactor
from tidegate.settings import LogFormat, LoggingSettings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "apscheduler": logging.ERROR,
    "alembic": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "pydnsbl": logging.ERROR,
}
_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


def configure(
    settings: LoggingSettings, redactor: Redactor, process: str, stream: TextIO | None = None
) -> None:
    """Send the root logger to `stream` (standard error). `process` is named in every JSON line."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    as_json = settings.format is LogFormat.JSON or (settings.format is LogFormat.AUTO and not out.isatty())
    colour = out.isatty() and not os.environ.get("NO_COLOR")
    handler.setFormatter(
        JsonLines(redactor, process) if as_json else Console(redactor, process, colour=colour)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, process, message, and the fields of `extra`.

    JSON escapes line ends and control characters, so no stranger's text can forge a line.
    """

    def __init__(self, redactor: Redactor, process: str) -> None:
        super().__init__()
        self._redactor = redactor
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._clean(line), ensure_ascii=True, default=str)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): self._clean(one) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(one) for one in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._redactor(str(value))


class Console(logging.Formatter):
    """`08:00:00 watch  message (event field=value …)`; colour only when the terminal wants it."""

    def __init__(self, redactor: Redactor, process: str, *, colour: bool = False) -> None:
        super().__init__()
        self._redactor = redactor
        self._process = process
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        extras = _extras(record)
        event = extras.pop("event", "")
        fields = " ".join(f"{key}={value}" for key, value in extras.items())
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname}: "
        tail = " ".join(filter(None, (str(event), fields)))
        message = self._safe(f"{level}{record.getMessage()}")
        if self._colour and level:
            message = f"{_COLOURS.get(record.levelname, '')}{message}{_RESET}"
        note = self._safe(f"  [{tail}]") if tail else ""
        if self._colour and note:
            note = f"{_DIM}{note}{_RESET}"
        text = f"{time} {self._process:<8} {message}{note}"
        if record.exc_info:
            text += "\n" + self._redactor(self.formatException(record.exc_info))
        return text

    def _safe(self, text: str) -> str:
        """Without secrets and control characters: a remote reply must not drive the terminal."""
        clean = self._redactor(text)
        return "".join(c if c.isprintable() else "?" if c != "\n" else " " for c in clean)
