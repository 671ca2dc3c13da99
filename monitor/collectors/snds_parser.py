"""Reads what SNDS answers, in every shape it has had: bytes in, rows out, SignalError for anything else.

Shapes: 14 columns without a header (data), 4 columns (ipStatus: ranges), a portal export with a header, and
JSON of the REST interface. Blank means not known, never zero. The column order is that of sndslib and of
answers seen in 2026 (reference: signals.md 1.3).
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any, Final

from core.errors import SignalError
from core.text import printable

DATA_COLUMNS: Final = (
    "ipaddress", "activitystart", "activityend", "rcptcommands", "datacommands", "messagerecipients",
    "filterresult", "complaintrate", "trapperiodstart", "trapperiodend", "traphits",
    "samplehelo", "samplemailfrom", "comments",
)  # fmt: skip
STATUS_COLUMNS: Final = ("firstip", "lastip", "blocked", "details")
_ALIASES: Final = {
    "ip": "ipaddress", "activityperiod": "activitystart", "activitystartdate": "activitystart",
    "activityenddate": "activityend", "rcptcommand": "rcptcommands", "rcpt": "rcptcommands",
    "datacommand": "datacommands", "recipients": "messagerecipients", "filter": "filterresult",
    "filterresults": "filterresult", "complaintrates": "complaintrate",
    "trapmessageperiod": "trapperiodstart", "trapmessageperiodstart": "trapperiodstart",
    "trapmessageperiodend": "trapperiodend", "spamtraphits": "traphits", "trapmessages": "traphits",
    "helo": "samplehelo", "mailfrom": "samplemailfrom",
    "comment": "comments", "samplecomments": "comments",
    "beginningipaddress": "firstip", "startipaddress": "firstip", "firstipaddress": "firstip",
    "endingipaddress": "lastip", "endipaddress": "lastip", "lastipaddress": "lastip",
    "reason": "details", "status": "details", "isblocked": "blocked",
}  # fmt: skip
_LONGEST_JSON: Final = 4 * 1_048_576  # "{}," becomes 64 bytes; the rows of 10,000 IPs fit
_LETTERS = re.compile(r"[^a-z0-9]")
_RATE = re.compile(r"(<|>|<=|>=)?\s*(\d{1,3}(?:[.,]\d{1,6})?)\s*%\Z")
_COUNT = re.compile(r"\d{1,15}\Z")
_YES = {"yes", "true", "1", "y"}
_NO = {"no", "false", "0", "n", ""}


class FilterResult(StrEnum):
    """The share of mail that was judged to be spam: under 10 %, up to 90 %, above."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"


@dataclass(frozen=True, slots=True)
class ComplaintRate:
    """A share of messages (0.001 is 0.1 %). `operator` is `<` where SNDS gives only a bound."""

    share: float
    operator: str = ""

    def __str__(self) -> str:
        return f"{self.operator} {self.share * 100:.4g}%".strip()


@dataclass(frozen=True, slots=True)
class DataRow:
    """One IP's activity on one day. Times are as written; None is blank, which is never zero.

    `jmr_sender` is the portal export's "JMR P1 Sender", which the other shapes do not have.
    """

    ip: IPv4Address
    activity_start: str | None
    activity_end: str | None
    rcpt_commands: int | None
    data_commands: int | None
    message_recipients: int | None
    filter_result: FilterResult | None
    complaint_rate: ComplaintRate | None
    trap_start: str | None
    trap_end: str | None
    trap_hits: int | None
    sample_helo: str | None
    sample_mail_from: str | None
    comments: str | None
    jmr_sender: str | None = None


@dataclass(frozen=True, slots=True)
class StatusRange:
    """Addresses in an abnormal state, both ends included."""

    first: IPv4Address
    last: IPv4Address
    blocked: bool
    details: str

    def __contains__(self, ip: object) -> bool:
        return isinstance(ip, IPv4Address) and self.first <= ip <= self.last


def parse_data(body: bytes) -> list[DataRow]:
    """The rows of an answer with activity data. Empty means nothing to tell. Raises SignalError."""
    return list(data_rows(body))


def data_rows(body: bytes) -> Iterator[DataRow]:
    """The same, row by row: an answer about all the IPs of others costs no memory. Read it to its end."""
    return map(_data_row, _records(body, DATA_COLUMNS, "filterresult"))


def parse_status(body: bytes) -> list[StatusRange]:
    """The abnormal ranges of an ipStatus answer. Empty means that there are none. Raises SignalError."""
    return [_status_range(record) for record in _records(body, STATUS_COLUMNS, "firstip")]


def _records(body: bytes, columns: tuple[str, ...], telling: str) -> Iterator[Mapping[str, str]]:
    """One mapping per row, by our column names; `telling` is the column that a header must have."""
    first = body.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if first == b"<":
        raise SignalError("SNDS answered a web page instead of data: a sign-in page, or a dead link")
    if b"\0" in body:
        raise SignalError("SNDS answered binary data, or text that is no UTF-8")
    try:
        records = _from_json(body) if first in {b"[", b"{"} else _from_csv(body, columns)
        for number, record in enumerate(records, 1):
            if telling not in record:
                raise SignalError(
                    f"SNDS answered something else than expected: row {number} has no {telling}"
                )
            yield record
    except UnicodeDecodeError:
        raise SignalError("SNDS answered bytes that are no UTF-8 text") from None


def _from_csv(body: bytes, columns: tuple[str, ...]) -> Iterator[Mapping[str, str]]:
    # decoded and split as it is read: the rows together would take twenty times the room of the bytes
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="")
    names: tuple[str, ...] = ()
    number = 0
    try:
        for row in csv.reader(text, strict=True):
            if not any(map(str.strip, row)):
                continue
            if not names:
                header = tuple(_name(cell) for cell in row)
                names = header if columns[0] in header else columns
                if names is header:
                    continue
            number += 1
            yield _by_column(number, row, names)
    except csv.Error as error:
        raise SignalError(f"SNDS answered broken CSV, perhaps cut short: {error}") from None


def _by_column(number: int, row: list[str], columns: tuple[str, ...]) -> Mapping[str, str]:
    if len(row) < len(columns):
        # a row that lacks its end is a download that lacks its end: nothing in it can be relied on
        raise SignalError(f"SNDS' answer is cut short: row {number} has {len(row)} of {len(columns)} columns")
    last = ",".join(row[len(columns) - 1 :])  # an unquoted comment may hold commas
    return dict(zip(columns, [*row[: len(columns) - 1], last], strict=True))


def _from_json(body: bytes) -> Iterator[Mapping[str, str]]:
    if len(body) > _LONGEST_JSON:
        raise SignalError(f"SNDS answered more than {_LONGEST_JSON} bytes of JSON")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (json.JSONDecodeError, RecursionError):
        raise SignalError("SNDS answered broken JSON, perhaps cut short") from None
    except UnicodeDecodeError:
        raise
    except ValueError:
        raise SignalError("SNDS answered JSON with a number that is none") from None
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise SignalError("SNDS answered JSON without a list of rows")
        document = lists[0]
    if not all(isinstance(entry, dict) for entry in document):
        raise SignalError("SNDS answered JSON whose rows are no objects")
    return map(_by_name, document)


def _by_name(entry: Mapping[str, Any]) -> Mapping[str, str]:
    simple = ((_name(key), value) for key, value in entry.items() if not isinstance(value, dict | list))
    return {name: "" if value is None else str(value) for name, value in simple}


def _name(text: str) -> str:
    plain = _LETTERS.sub("", text.strip().lower())
    return _ALIASES.get(plain, plain)


def _data_row(record: Mapping[str, str]) -> DataRow:
    return DataRow(
        ip=_ip(record.get("ipaddress", "")),
        activity_start=_words(record, "activitystart"),
        activity_end=_words(record, "activityend"),
        rcpt_commands=_count(record, "rcptcommands"),
        data_commands=_count(record, "datacommands"),
        message_recipients=_count(record, "messagerecipients"),
        filter_result=_filter_result(record),
        complaint_rate=_rate(record),
        trap_start=_words(record, "trapperiodstart"),
        trap_end=_words(record, "trapperiodend"),
        trap_hits=_count(record, "traphits"),
        sample_helo=_words(record, "samplehelo"),
        sample_mail_from=_words(record, "samplemailfrom"),
        comments=_words(record, "comments"),
        jmr_sender=_words(record, "jmrp1sender"),
    )


def _status_range(record: Mapping[str, str]) -> StatusRange:
    first = _ip(record["firstip"])
    last = _ip(record.get("lastip", "") or record["firstip"])
    if last < first:
        raise SignalError(f"SNDS answered a range that ends before it begins: {first} to {last}")
    word = record.get("blocked", "").strip().lower()
    if word not in _YES | _NO:
        raise SignalError(f"SNDS answered {printable(word, 40)!r} where yes or no is expected")
    return StatusRange(first, last, word in _YES, printable(record.get("details", "")))


def _ip(text: str) -> IPv4Address:
    try:
        return IPv4Address(text.strip())
    except ValueError:
        raise SignalError(
            f"SNDS answered {printable(text, 40)!r} where an IPv4 address is expected"
        ) from None


def _words(record: Mapping[str, str], column: str) -> str | None:
    return printable(record.get(column, "")) or None


def _count(record: Mapping[str, str], column: str) -> int | None:
    text = record.get(column, "").strip()
    if not text:
        return None
    if not _COUNT.match(text) or not text.isascii():
        raise SignalError(f"SNDS answered {printable(text, 40)!r} where a number is expected ({column})")
    return int(text)


def _filter_result(record: Mapping[str, str]) -> FilterResult | None:
    text = record.get("filterresult", "").strip().upper()
    if not text:
        return None
    try:
        return FilterResult(text)
    except ValueError:
        raise SignalError(f"SNDS answered the filter result {printable(text, 40)!r}") from None


def _rate(record: Mapping[str, str]) -> ComplaintRate | None:
    text = record.get("complaintrate", "").strip()
    if not text:
        return None
    match = _RATE.match(text)
    if not match or not text.isascii():
        raise SignalError(f"SNDS answered {printable(text, 40)!r} where a complaint rate is expected")
    return ComplaintRate(float(match[2].replace(",", ".")) / 100, match[1] or "")
