"""Records as lines of a file: JSON Lines, or CSV (RFC 4180) with PowerMTA's columns."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import orjson

from engine.accounting.records import Record, columns, completed, letter, plain
from engine.accounting.settings import AccountingFormat, RecordKind

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 256
_TIMES = ("timeLogged", "timeQueued", "timeFirstAttempt")


class Encoding(Protocol):
    """Turns records into bytes. `header` opens every file."""

    header: bytes

    def encode(self, records: Iterable[Record]) -> bytes: ...


def encoding(form: AccountingFormat, kinds: tuple[RecordKind, ...]) -> Encoding:
    """The encoding of a file of these kinds."""
    return CsvEncoding(kinds) if form is AccountingFormat.CSV else JsonEncoding()


class JsonEncoding:
    """One JSON object a line; what is unknown is left out."""

    header = b""

    def encode(self, records: Iterable[Record]) -> bytes:
        # A few at a time: thousands of lines held at once fall out of the cache, at twice the time for each.
        remaining = iter(records)
        chunks = iter(lambda: list(islice(remaining, _AT_ONCE)), [])
        return b"".join(map(_lines_of, chunks))


def _lines_of(records: list[Record]) -> bytes:
    return b"".join([_line(row) for record in records for row in completed(record)])


def _line(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, str, orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # half a surrogate pair, say: escaped, it is JSON all the same
        return json.dumps(row, default=_word).encode() + b"\n"


def _word(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class CsvEncoding:
    """Comma-separated values with a header line; what is unknown is empty."""

    def __init__(self, kinds: tuple[RecordKind, ...]) -> None:
        self._columns = columns(kinds)
        self.header = _lines([self._columns])

    def encode(self, records: Iterable[Record]) -> bytes:
        return _lines(self._row(record.kind, row) for record in records for row in completed(record))

    def _row(self, kind: RecordKind, values: dict[str, Any]) -> list[str]:
        written = {**values, "type": letter(kind), **_in_words_of_powermta(values)}
        return [guarded(plain(written.get(name))) for name in self._columns]


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _in_words_of_powermta(values: dict[str, Any]) -> dict[str, str]:
    """Times as `2017-09-07 11:50:25-0400`; a remote reply begins with `smtp;`."""
    said = {name: f"{values[name]:%Y-%m-%d %H:%M:%S%z}" for name in _TIMES if name in values}
    if values.get("dsnDiag") and values.get("dsnMta"):
        said["dsnDiag"] = f"smtp;{values['dsnDiag']}"
    return said


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")
