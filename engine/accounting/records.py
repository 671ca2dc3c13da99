"""Records in PowerMTA's words: which columns each type has, and what is worked out when they are written.

User's guide 5.0, section 11.2; unlike PowerMTA's, every record about an attempt names the source IP.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from core.text import printable
from engine.accounting.bounce_category import bounce_category
from engine.accounting.settings import RecordKind
from engine.spool.base import format_id

_ATTEMPT = (
    "timeQueued totalSecondsQueued timeFirstAttempt orig rcpt orcpt dsnAction dsnStatus dsnDiag dsnMta "
    "bounceCat srcType srcMta dlvType dlvSourceIp dlvDestinationIp dlvEsmtpAvailable dlvSize vmta jobId "
    "envId queue vmtaPool userString dlvTlsProtocol dlvTlsCipher rcvSmtpUser provider id"
)
_REMOTE = (
    "orig rcpt orcpt dsnAction dsnStatus dsnDiag dsnMta dsnReportingMta bounceCat srcType srcMta envId "
    "format dlvSourceIp vmta jobId provider id"
)
_COLUMNS: dict[RecordKind, tuple[str, str]] = {
    RecordKind.DELIVERED: ("d", _ATTEMPT),
    RecordKind.BOUNCED: ("b", _ATTEMPT),
    RecordKind.DEFERRED: ("t", _ATTEMPT),
    RecordKind.QUEUE_DEFERRED: (
        "tq",
        "queue vmta dsnStatus dsnDiag dsnMta dlvType dlvSourceIp dlvDestinationIp userString provider",
    ),
    RecordKind.RECEIVED: (
        "r",
        (
            "orig rcpt orcpt srcType srcMta rcvSourceIp rcvDestinationIp vmta vmtaPool jobId envId "
            "userString rcvSmtpUser dlvSize id"
        ),
    ),
    RecordKind.REMOTE_BOUNCE: ("rb", _REMOTE),
    RecordKind.COMPLAINT: (
        "f",
        (
            "repSourceIp feedbackType format userAgent envId orig rcpt reportingMTA dlvSourceIp "
            "reportedDomain vmta jobId provider id"
        ),
    ),
}
_ACTIONS = {
    RecordKind.DELIVERED: "relayed",
    RecordKind.DEFERRED: "delayed",
    RecordKind.BOUNCED: "failed",
    RecordKind.REMOTE_BOUNCE: "failed",
}
_CATEGORISED = {RecordKind.DEFERRED, RecordKind.BOUNCED, RecordKind.REMOTE_BOUNCE}
_LONGEST = 2_000
_NAMED_BY_TIME = ("timeQueued", "timeFirstAttempt")


class Record(NamedTuple):
    """One event. `fields` are as given: times as POSIX seconds, `rcpt` one address or several."""

    kind: RecordKind
    at: datetime
    fields: Mapping[str, Any]


def letter(kind: RecordKind) -> str:
    """PowerMTA's record type."""
    return _COLUMNS[kind][0]


def columns(kinds: Iterable[RecordKind]) -> tuple[str, ...]:
    """The header for a file of these kinds: the union, in PowerMTA's order, after type and timeLogged."""
    names = [name for kind in kinds for name in _COLUMNS[kind][1].split()]
    return ("type", "timeLogged", *dict.fromkeys(names))


def completed(record: Record) -> Iterator[dict[str, Any]]:
    """What is known of the record and what follows from it, one for each recipient. Times are in UTC."""
    known = {name: value for name, value in record.fields.items() if value is not None}
    fields: dict[str, Any] = {"type": record.kind.value, "timeLogged": record.at, **known}
    _tell_times(fields, record.at)
    if (message_id := fields.get("id")) is not None:
        fields["id"] = format_id(message_id)
    if action := _ACTIONS.get(record.kind):
        fields.setdefault("dsnAction", action)
    if record.kind in _CATEGORISED and "bounceCat" not in fields:
        fields["bounceCat"] = bounce_category(str(fields.get("dsnDiag", ""))).value
    if (mta := fields.get("dsnMta")) and (address := _destination(mta)):
        fields.setdefault("dlvDestinationIp", address)
    given = fields.get("rcpt")
    if not isinstance(given, list):
        yield fields
        return
    for recipient in given:
        yield {**fields, "rcpt": recipient}


def _tell_times(fields: dict[str, Any], at: datetime) -> None:
    if (queued := fields.get("timeQueued")) is not None:
        fields["totalSecondsQueued"] = max(0, int(at.timestamp() - queued))
    for name in _NAMED_BY_TIME:
        if (seconds := fields.get(name)) is not None:
            fields[name] = datetime.fromtimestamp(seconds, UTC)


def plain(value: Any) -> str:
    """A value in one printable line; nothing for None."""
    if value is None:
        return ""
    text = str(value)
    return text if text.isprintable() and len(text) <= _LONGEST else printable(text, _LONGEST)


@lru_cache(maxsize=4_096)
def _destination(mta: str) -> str:
    """The address out of `mx.example.com (192.0.2.1)`."""
    return mta.rpartition("(")[2].removesuffix(")") if mta.endswith(")") else ""
