"""What commands print: tables and blocks in plain aligned text, or one JSON document."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.text import printable

WIDTH = 100
_NARROWEST = 40
_LEAST = 12
"""Columns that the last cell of a line gets at least."""


def emit_json(document: dict[str, Any]) -> None:
    """Print one document. It carries a `schema` that names its shape and version."""
    print(json.dumps(document, indent=2, default=str, ensure_ascii=False))  # noqa: T201


def emit(text: str = "") -> None:
    """Print data."""
    print(text)  # noqa: T201


def note(text: str) -> None:
    """Say something that is not data: on standard error."""
    print(text, file=sys.stderr)  # noqa: T201


def width() -> int:
    """Columns to fill: the terminal's when there is one, else 100."""
    return max(_NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout.isatty() else WIDTH


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[int] = (),
    columns: int | None = None,
) -> str:
    """Aligned columns under headers and rules, as PowerMTA prints them.

    The last column is cut to fit; `right` names the columns that are right-aligned, from 0.
    """
    cells = _cells(rows)
    layout = Layout.of(headers, cells, right, columns or width())
    return "\n".join([*layout.head(headers), *(layout.line(row) for row in cells)])


@dataclass(frozen=True, slots=True)
class Layout:
    """How wide each column is; for lines that come one by one."""

    widths: tuple[int, ...]
    right: frozenset[int]

    @classmethod
    def of(
        cls, headers: Sequence[str], cells: Sequence[Sequence[str]], right: Iterable[int], columns: int
    ) -> "Layout":
        """Room for the widest cell of each column, for the last what is left."""
        widths = _widths(headers, cells)
        room = columns - sum(widths[:-1]) - len(widths) + 1
        return cls((*widths[:-1], min(widths[-1], max(room, _LEAST))), frozenset(right))

    def head(self, headers: Sequence[str]) -> list[str]:
        """Headers and rules."""
        return [self.line(headers), self.line(["-" * wide for wide in self.widths])]

    def line(self, cells: Sequence[str], paint: Callable[[int, str], str] = lambda _, text: text) -> str:
        """One line; only the last cell is cut. `paint` may colour what stands in a column."""
        last = len(cells) - 1
        shown = [
            paint(n, _cell(cell if n < last else _cut(cell, wide), wide, right=n in self.right))
            for n, (cell, wide) in enumerate(zip(cells, self.widths, strict=True))
        ]
        return " ".join(shown).rstrip()


def fits(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> bool:
    """Whether the terminal has room for a table with something of its last column."""
    widths = _widths(headers, _cells(rows))
    return sum(widths[:-1]) + len(widths) - 1 + min(widths[-1], _LEAST) <= width()


def _widths(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max([_wide(h), *(_wide(row[n]) for row in cells)]) for n, h in enumerate(headers)]


def _cells(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    return [[printable(str(cell), 2_000) for cell in row] for row in rows]


def _cut(text: str, wide: int) -> str:
    return text if _wide(text) <= wide else text[: wide - 1] + "…"


def _cell(text: str, wide: int, *, right: bool) -> str:
    pad = " " * (wide - _wide(text))
    return pad + text if right else text + pad


def _wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def block(pairs: Iterable[tuple[str, object]], indent: int = 2) -> str:
    """`label   value` lines, the values aligned, none of them cut."""
    shown = [(label, printable(str(value), 2_000)) for label, value in pairs]
    wide = max((len(label) for label, _ in shown), default=0)
    return "\n".join(f"{' ' * indent}{label:<{wide}}  {value}".rstrip() for label, value in shown)


def ago(at: datetime | None, now: datetime) -> str:
    """`3h12m ago`, `in 12m`, `now`; `never` without a time. Two units at most."""
    if at is None:
        return "never"
    gap = now - at
    near = rough(abs(gap))
    if near == "0s":
        return "now"
    return f"{near} ago" if gap > timedelta(0) else f"in {near}"


def rough(duration: timedelta) -> str:
    """A duration in its two largest units."""
    from core.duration import format_duration  # noqa: PLC0415 - brings pydantic, which --help can do without

    seconds = duration.total_seconds()
    step = 1 if seconds < 3_600 else 60 if seconds < 86_400 else 3_600
    return format_duration(timedelta(seconds=seconds // step * step))


def clock_time(at: datetime | None) -> str:
    """`14:05:12` in the machine's zone."""
    return at.astimezone().strftime("%H:%M:%S") if at else ""


def moment(at: datetime | None, now: datetime) -> str:
    """`2026-11-23 14:05:12 CET (3h ago)`."""
    if at is None:
        return "never"
    return f"{at.astimezone().strftime('%Y-%m-%d %H:%M:%S %Z')} ({ago(at, now)})"


def read_time(text: object) -> datetime | None:
    """A time from the API; None when it is absent or cannot be read."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def colour(text: str, code: str) -> str:
    """Coloured on a terminal, unless NO_COLOR is set. Colour never carries a meaning alone."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"
