"""Shows what a command found: once, or with --watch again and again, as text or as JSON."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import PeerError
from tidegate.cli.columns import Grid, Sheet
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import emit, emit_json, note

_HOME: Final = "\x1b[H"
_TO_END_OF_LINE: Final = "\x1b[K"
_TO_END_OF_SCREEN: Final = "\x1b[J"
_CLEAR: Final = "\x1b[2J"


@dataclass(frozen=True, slots=True)
class Shown:
    """One look: the document for --json, and its text, made only when it is wanted."""

    document: Mapping[str, Any]
    text: Callable[[], str]
    grid: Callable[[], Grid] | None = None
    """The rows of its table alone, for whoever chooses columns."""


def shown(
    document: Mapping[str, Any],
    text: Callable[[Mapping[str, Any]], str],
    grid: Callable[[Mapping[str, Any]], Grid] | None = None,
) -> Shown:
    """A look at a document of which the text, and the table in it, are made."""
    return Shown(document, lambda: text(document), (lambda: grid(document)) if grid else None)


def present(
    asked: Invocation,
    look: Callable[[], Shown],
    pause: Callable[[float], None] = time.sleep,
    *,
    sheet: Sheet | None = None,
) -> None:
    """Show one look, or look until Ctrl-C. `pause` waits for seconds; `sheet` is the table that it prints.

    Raises UsageError, before anything is asked, for columns that the table does not have.
    """
    look = _narrowed(asked, look, sheet)
    if asked.watch is None:
        _once(asked, look())
        return
    seconds = interval(asked.watch)
    screen = sys.stdout.isatty() and not asked.as_json
    if screen:
        emit(_CLEAR)
    try:
        while True:
            _again(asked, look, screen=screen, every=asked.watch)
            pause(seconds)
    except KeyboardInterrupt:
        return


def interval(text: str) -> float:
    """`2s` in seconds. Raises UsageError and DurationError."""
    from core.duration import parse_duration  # noqa: PLC0415 - brings pydantic

    seconds = parse_duration(text).total_seconds()
    if seconds < 1:
        raise UsageError("--watch looks once a second at most; write --watch=2s")
    return seconds


def chosen(asked: Invocation, sheet: Sheet | None) -> tuple[int, ...] | None:
    """The columns that --columns names; None where it names none. Raises UsageError."""
    if asked.columns is None:
        return None
    if sheet is None:
        raise UsageError("--columns is for tables, and this prints none")
    places = sheet.choose(asked.columns)
    if asked.as_json:
        raise UsageError("--columns is for the printed table; --json has every key: leave one of them out")
    return places


def _narrowed(asked: Invocation, look: Callable[[], Shown], sheet: Sheet | None) -> Callable[[], Shown]:
    """The same look, its text only the table with the columns that are wanted."""
    places = chosen(asked, sheet)
    if places is None or sheet is None:
        return look

    def narrow() -> Shown:
        whole = look()
        made = whole.grid
        return Shown(whole.document, lambda: made().drawn(sheet, places)) if made else whole

    return narrow


def _once(asked: Invocation, shown: Shown) -> None:
    emit_json(dict(shown.document)) if asked.as_json else emit(shown.text())


def _again(asked: Invocation, look: Callable[[], Shown], *, screen: bool, every: str) -> None:
    try:
        shown = look()
        text = json.dumps(shown.document, default=str, ensure_ascii=False) if asked.as_json else shown.text()
    except PeerError as error:  # a daemon that restarts must not end the look
        note(f"tidegate: {error}")
        return
    emit(_frame(text, every) if screen else text)
    sys.stdout.flush()


def _frame(text: str, every: str) -> str:
    """The text over what stands on the screen, without a flicker."""
    lines = [f"every {every}, Ctrl-C ends", "", *text.splitlines()]
    return _HOME + "\n".join(line + _TO_END_OF_LINE for line in lines) + _TO_END_OF_SCREEN
