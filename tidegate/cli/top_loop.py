"""Looks at the engine, paints, and listens to the keyboard until somebody has seen enough."""

import contextlib
import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping
from typing import Any, Final

from core.errors import PeerError
from tidegate.cli import queue_view
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import WIDTH, emit, emit_json
from tidegate.cli.present import interval
from tidegate.cli.top_view import Choice, Look, picture, trouble
from tidegate.client import EngineClient

_PLAIN_ROWS: Final = 40
_QUEUES: Final = 200
_SCREEN_ON, _SCREEN_OFF = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _LINE, _REST = "\x1b[H", "\x1b[K\r\n", "\x1b[J"
_ENOUGH: Final = frozenset({"q", "Q", "\x03", ""})


def run(asked: Invocation, every: str, count: int | None) -> None:
    """Until q, Ctrl-C, or `count` looks."""
    seconds = interval(every)
    if asked.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        with contextlib.suppress(KeyboardInterrupt):
            _plain(asked, seconds, count)
        return
    with asked.client() as client, _screen():
        _live(client, seconds, count)


def _plain(asked: Invocation, seconds: float, count: int | None) -> None:
    before: Mapping[str, Any] = {}
    looks = 0
    with asked.client() as client:
        while True:
            look = _look(client, Choice(), before)
            before = look.status
            if asked.as_json:
                emit_json(
                    {"schema": "top/v1", "status": look.status, "queues": look.queues, "leases": look.leases}
                )
            else:
                emit("\n".join(picture(look, Choice(), WIDTH, _PLAIN_ROWS)[:-1]) + "\n")
            sys.stdout.flush()
            looks += 1
            if looks == count:
                return
            time.sleep(seconds)


def _live(client: EngineClient, seconds: float, count: int | None) -> None:
    choice, before, looks = Choice(), dict[str, Any](), 0
    while looks != count:
        columns, rows = shutil.get_terminal_size()
        try:
            look = _look(client, choice, before)
            before = dict(look.status)
            lines = picture(look, choice, columns, rows)
        except PeerError as error:
            lines = trouble(str(error), columns)
        os.write(sys.stdout.fileno(), (_HOME + _LINE.join(lines) + _REST).encode())
        looks += 1
        key = _key(seconds)
        if key in _ENOUGH:
            return
        choice = choice.after(key or "")


def _look(client: EngineClient, choice: Choice, before: Mapping[str, Any]) -> Look:
    filters = {"mode": None, "paused": choice.paused, "errors": choice.errors, "maxitems": _QUEUES}
    found, matching = queue_view.select(client, None, choice.sort, filters)
    return Look(client.status(), found["queues"], matching, client.leases().get("leases", []), before)


def _key(seconds: float) -> str | None:
    """The next key; None when none came in time, an empty text when the terminal is gone."""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
    except InterruptedError:
        return None
    return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") if ready else None


@contextlib.contextmanager
def _screen() -> Iterator[None]:
    """The terminal's other screen, keys as they come; all as before at the end."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        sys.stdout.write(_SCREEN_ON)
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        sys.stdout.write(_SCREEN_OFF)
        sys.stdout.flush()
