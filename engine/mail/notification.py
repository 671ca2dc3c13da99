"""Delivery status notifications (RFC 3464 in an RFC 3462 multipart/report): what is known in, a mail out."""

from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from enum import StrEnum
from typing import Final

from core.text import printable
from engine.mail import header
from engine.smtp import dsn

_MAX_HEADER: Final = 1 << 16
"""Octets of the original's header that go back; it was ours to send, but not ours to repeat at any length."""

_MAX_FULL: Final = 1 << 20
"""Octets up to which RET=FULL is honoured; of a larger original only the header goes back."""

_MAX_DIAGNOSTIC: Final = 900


class Action(StrEnum):
    """RFC 3464 section 2.3.3, as far as we say it."""

    FAILED = "failed"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What became of one recipient. `reply` is verbatim, `peer` `host (address)` or empty."""

    recipient: str
    action: Action
    status: str
    reply: str
    peer: str = ""
    by_peer: bool = True
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Original:
    """The message that the notification is about. `envid` in xtext."""

    sender: str
    received_at: datetime
    content: bytes
    envid: str = ""
    ret: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """Who notifies: the name beside `MAILER-DAEMON@hostname` in From, and the reporting MTA."""

    hostname: str
    name: str


def compose(
    author: Author, original: Original, reports: tuple[RecipientReport, ...], now: datetime, token: str
) -> bytes:
    """The notification, CR LF line ends. `token` (letters, digits) makes Message-ID and boundary unique."""
    boundary = f"=_{token}"
    returned, returned_type = _returned(original)
    body = [
        _part(boundary, b"text/plain; charset=utf-8", _words(author, original, reports).encode()),
        _part(boundary, b"message/delivery-status", _status(author, original, reports).encode("ascii")),
        _part(boundary, returned_type, returned),
        f"--{boundary}--\r\n".encode(),
    ]
    return _header(author, original, reports, now, boundary) + b"".join(body)


def _header(
    author: Author,
    original: Original,
    reports: tuple[RecipientReport, ...],
    now: datetime,
    boundary: str,
) -> bytes:
    failed = any(report.action is Action.FAILED for report in reports)
    subject = "Your message could not be delivered" if failed else "Your message was passed on"
    name = author.name
    if not name.isascii():
        name = Header(printable(name), "utf-8").encode(linesep="\r\n")
    return (
        f"From: {_quoted(name)} <MAILER-DAEMON@{author.hostname}>\r\n"
        f"To: <{original.sender}>\r\n"
        f"Subject: {subject}\r\n"
        f"Date: {format_datetime(now)}\r\n"
        f"Message-ID: <{boundary.removeprefix('=_')}@{author.hostname}>\r\n"
        f"Auto-Submitted: auto-replied\r\n"
        f"MIME-Version: 1.0\r\n"
        f"Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f'\tboundary="{boundary}"\r\n'
        f"\r\n"
    ).encode()


def _quoted(name: str) -> str:
    if name.startswith("=?"):
        return name
    return '"' + printable(name).replace("\\", "").replace('"', "") + '"'


def _part(boundary: str, content_type: bytes, body: bytes) -> bytes:
    encoding = b"7bit" if body.isascii() else b"8bit"
    head = b"--%b\r\nContent-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    return head % (boundary.encode(), content_type, encoding) + body + b"\r\n"


def _words(author: Author, original: Original, reports: tuple[RecipientReport, ...]) -> str:
    lines = [
        f"This is the mail system at {author.hostname}.",
        "",
        f"About your message of {format_datetime(original.received_at)}:",
        "",
    ]
    for report in reports:
        lines += _about(report)
    lines += ["The beginning of your message, or all of it, is attached.", ""]
    return "\r\n".join(lines)


def _about(report: RecipientReport) -> list[str]:
    who = f"<{printable(report.recipient)}>"
    where = f" {printable(report.peer)}" if report.peer else ""
    if report.action is Action.RELAYED:
        return [
            f"{who} was taken by{where or ' the next mail server'}, which sends no confirmation itself.",
            "",
        ]
    said = f"The mail server{where} said:" if report.by_peer else "The reason:"
    return [
        f"{who} could not be delivered. {said}",
        "",
        f"    {printable(report.reply, _MAX_DIAGNOSTIC)}",
        "",
    ]


def _status(author: Author, original: Original, reports: tuple[RecipientReport, ...]) -> str:
    fields = [f"Reporting-MTA: dns; {author.hostname}"]
    if original.envid:
        fields.append(f"Original-Envelope-Id: {_ascii(dsn.plain(original.envid))}")
    fields.append(f"Arrival-Date: {format_datetime(original.received_at)}")
    groups = ["\r\n".join(fields), *("\r\n".join(_recipient_fields(report)) for report in reports)]
    return "\r\n\r\n".join(groups) + "\r\n"


def _recipient_fields(report: RecipientReport) -> list[str]:
    fields = []
    if report.orcpt:
        kind, _, address = report.orcpt.partition(";")
        fields.append(f"Original-Recipient: {kind}; {_ascii(dsn.plain(address))}")
    fields += [
        f"Final-Recipient: {_address(report.recipient)}",
        f"Action: {report.action}",
        f"Status: {report.status}",
    ]
    if report.peer:
        fields.append(f"Remote-MTA: dns; {_ascii(report.peer)}")
    kind = "smtp" if report.by_peer else "x-tidegate"
    return [*fields, f"Diagnostic-Code: {kind}; {_ascii(printable(report.reply, _MAX_DIAGNOSTIC))}"]


def _address(recipient: str) -> str:
    """RFC 3464 section 2.3.2; beyond ASCII RFC 6533 section 3's utf-8-addr-xtext."""
    if recipient.isascii():
        return f"rfc822; {recipient}"
    return "utf-8; " + "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in recipient)


def _ascii(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode("ascii")


def _returned(original: Original) -> tuple[bytes, bytes]:
    if original.ret == "FULL" and len(original.content) <= _MAX_FULL:
        return original.content, b"message/rfc822"
    start, _ = header.split(original.content)
    if len(start) > _MAX_HEADER:
        start = start[: start.rfind(b"\r\n", 0, _MAX_HEADER) + 2]
    return start, b"text/rfc822-headers"
