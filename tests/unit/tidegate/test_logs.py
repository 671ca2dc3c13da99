"""The log: machine fields, no secrets, no forged lines."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from core.secret import Redactor
from tidegate import logs
from tidegate.settings import LogFormat, LoggingSettings

CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    kept = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = kept
    root.setLevel(level)


def logged(kind: LogFormat, say: object) -> str:
    stream = io.StringIO()
    logs.configure(LoggingSettings(format=kind), Redactor([CANARY]), "watch", stream)
    assert callable(say)
    say(logging.getLogger("test"))
    return stream.getvalue()


def fail(log: logging.Logger) -> None:
    try:
        int(f"https://host/?key={CANARY}")
    except ValueError:
        log.exception(
            "Asking with %s failed",
            CANARY,
            extra={"event": "x.failed", "tries": [CANARY, 2], "url": f"k={CANARY}"},
        )


@pytest.mark.parametrize("kind", [LogFormat.JSON, LogFormat.CONSOLE, LogFormat.AUTO])
def test_a_secret_never_reaches_the_log_in_any_field_or_traceback(kind: LogFormat) -> None:
    said = logged(kind, fail)
    assert CANARY not in said
    assert "Asking with *** failed" in said
    assert "https://host/?key=***" in said


def test_json_lines_hold_the_event_and_its_fields() -> None:
    line = json.loads(logged(LogFormat.JSON, fail))
    assert line["event"] == "x.failed"
    assert line["tries"] == ["***", 2]
    assert line["process"] == "watch"
    assert line["level"] == "error"
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize("kind", [LogFormat.JSON, LogFormat.CONSOLE])
def test_a_strangers_text_cannot_forge_a_line_or_drive_the_terminal(kind: LogFormat) -> None:
    reply = "421 no\r\n08:00:00 engine  all is well\x1b[2J\u202e"
    said = logged(kind, lambda log: log.info("The peer said %s", reply, extra={"event": "x", "reply": reply}))
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_auto_means_json_where_nobody_looks() -> None:
    assert logged(LogFormat.AUTO, lambda log: log.info("hello")).startswith("{")


def test_the_level_is_respected(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LoggingSettings(), Redactor(), "engine", sys.stderr)
    logging.getLogger("test").debug("small talk")
    assert capsys.readouterr().err == ""
