"""`show events`: prints what the engine has told, and with --follow what it tells, over its restarts."""

import contextlib
import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from core.errors import PeerError
from core.text import printable
from tidegate.cli.event_filter import Wanted
from tidegate.cli.event_words import SHEET, WORDS, Happening
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import Layout, colour, emit, note, width
from tidegate.cli.present import chosen
from tidegate.client import EngineClient

_KEPT: Final = 2_000
"""As many as the engine keeps."""
_LONGEST_PAUSE: Final = 10.0
_EVENT: Final = SHEET.names.index("event")
_UNCUT: Final = 1_000_000
_ROOM: Final = 30
"""Columns without which a text stands on lines of its own."""
_RULE: Final = 60
"""The longest rule below a heading."""
_INDENT: Final = "    "

Pause = Callable[[float], None]
Written = Callable[[Happening], str]


def show(asked: Invocation, wanted: Wanted, most: int, *, follows: bool) -> None:
    """The newest `most` events that are wanted, and then, if so asked, what comes until Ctrl-C."""
    places = chosen(asked, SHEET)
    with asked.client() as client:
        document = client.recent_events(_KEPT)
        found = [one for told in document["events"] if wanted.takes(one := Happening.listed(told))]
        newest = found[-most:] if most else []
        if not newest and not follows and not asked.as_json:
            note(_nothing(int(document["kept"])))
            return
        written = _as_json if asked.as_json else _as_table(newest, places or SHEET.usual, follows=follows)
        for one in newest:
            emit(written(one))
        if follows:
            with contextlib.suppress(KeyboardInterrupt):
                _go_on(client, document["last_id"], wanted, written)


def _go_on(client: EngineClient, last_id: str, wanted: Wanted, written: Written) -> None:
    sys.stdout.flush()
    for one in told_live(client, last_id):
        if wanted.takes(one):
            emit(written(one))
            sys.stdout.flush()


def _nothing(kept: int) -> str:
    if kept:
        return (
            f"None of the {kept} events that the engine still holds fits. --follow waits for those that come."
        )
    return "Nothing has happened since the engine started. --follow waits for what comes."


def told_live(client: EngineClient, last_id: str, pause: Pause = time.sleep) -> Iterator[Happening]:
    """Events after one as they come, for ever: over broken connections and restarts of the engine.

    Raises OperatorError where the engine answers and refuses.
    """
    while True:
        try:
            with contextlib.closing(client.follow_events(last_id)) as stream:
                for told in stream:
                    one = Happening.streamed(told)
                    last_id = one.id or last_id
                    yield one
            why = "the engine has ended the stream"
        except PeerError as error:
            why = str(error)
        note(f"tidegate: {why}; trying again until it answers")
        again = _until_it_answers(client, pause)
        is_same = again.partition(".")[0] == last_id.partition(".")[0]
        note(f"tidegate: the engine {'answers again' if is_same else 'has been started again'}; going on")


def _until_it_answers(client: EngineClient, pause: Pause) -> str:
    """The id of its newest event by then."""
    wait = 1.0
    while True:
        pause(wait)
        try:
            return str(client.recent_events(1)["last_id"])
        except PeerError:
            wait = min(wait * 2, _LONGEST_PAUSE)


def _as_json(one: Happening) -> str:
    return json.dumps(one.document, ensure_ascii=False)


def _as_table(newest: Sequence[Happening], places: Sequence[int], *, follows: bool) -> Written:
    """Prints the headings; each line has the widths that the first ones need."""
    headings = [SHEET.columns[place].heading for place in places]
    cells = [_cells(one, places) for one in newest]
    usual = [[_USUAL.get(place, "") for place in places]] if follows else []
    columns = width() if sys.stdout.isatty() else _UNCUT
    layout = Layout.of(headings, [*cells, *usual], (), columns)
    room = columns - sum(layout.widths[:-1]) - len(layout.widths) + 1
    if len(places) > 1 and room < _ROOM:
        layout = Layout.of(headings[:-1], [row[:-1] for row in (*cells, *usual)], (), columns)
        emit("\n".join(layout.head(headings[:-1])))
        return lambda one: _stacked(layout, one, places, columns)
    emit("\n".join(Layout((*layout.widths[:-1], min(layout.widths[-1], _RULE)), layout.right).head(headings)))
    layout = Layout((*layout.widths[:-1], room), layout.right)
    return lambda one: _beside(layout, one, places)


_USUAL: Final = {0: "2026-11-23 08:00:00", 1: max(WORDS.values(), key=len), 2: "203.0.113.177 × office365"}
"""What lines yet to come may need."""


def _cells(one: Happening, places: Sequence[int]) -> list[str]:
    return [printable(one.row[place], 2_000) for place in places]


def _beside(layout: Layout, one: Happening, places: Sequence[int]) -> str:
    *first, last = _cells(one, places)
    room = layout.widths[-1]
    parts = textwrap.wrap(last, room) if len(last) > room else [last]
    indent = " " * (sum(layout.widths[:-1]) + len(first))
    line = layout.line([*first, parts[0]], _painter(one, places))
    return "\n".join([line, *(indent + part for part in parts[1:])])


def _stacked(layout: Layout, one: Happening, places: Sequence[int], columns: int) -> str:
    *first, last = _cells(one, places)
    below = textwrap.wrap(last, columns, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join([layout.line(first, _painter(one, places)), *below])


def _painter(one: Happening, places: Sequence[int]) -> Callable[[int, str], str]:
    return lambda n, shown: colour(shown, one.tone) if one.tone and places[n] == _EVENT else shown
