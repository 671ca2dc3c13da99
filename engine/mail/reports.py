"""Reads what others report about our mail: complaints (ARF, JMRP) and bounces that come later (DSN).

ARF is RFC 5965, JMRP Microsoft's older form (the original attached, `X-HmXmrOriginalRecipient` in it), DSN
RFC 3464. Reports are written by strangers: bounded (engine.mail.mime), never raises, nothing believed but
the trace id that we once gave the original.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.mail import header, mime
from engine.mail.header import Field
from engine.mail.mime import Part
from engine.mail.trace import traces_in

_MAX_RECIPIENTS: Final = 100
_JMRP_FIELD: Final = b"x-hmxmroriginalrecipient"
_JMRP_SUBJECT: Final = re.compile(r"complaint about message from ([0-9a-fA-F.:]{3,45})", re.IGNORECASE)
_UNDELIVERED: Final = re.compile(
    r"undeliver|returned mail|failure notice|delivery (?:status notification )?\(?fail|not delivered",
    re.IGNORECASE,
)
_WARNING: Final = re.compile(r"delay|warning|still trying", re.IGNORECASE)
_MAX_PLAIN: Final = 1 << 16
_ORIGINALS: Final = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global-headers",
    }
)
_STATUS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ADDRESS: Final = re.compile(r"<?([^\s<>;@]{1,256}@[^\s<>;,@]{1,256})>?")
_MAX_ADDRESS: Final = 700


@dataclass(frozen=True, slots=True)
class Complaint:
    """Somebody pressed "this is spam". Texts are as the reporter wrote them; empty where it did not."""

    format: str
    feedback_type: str
    recipients: tuple[str, ...]
    traces: tuple[bytes, ...]
    sender: str = ""
    source_ip: str = ""
    user_agent: str = ""
    reporting_mta: str = ""
    reported_domain: str = ""
    envelope_id: str = ""


@dataclass(frozen=True, slots=True)
class RemoteStatus:
    """What a server that had taken a message says about one recipient. `action` is RFC 3464's, lower case."""

    recipient: str
    action: str
    status: str
    traces: tuple[bytes, ...]
    original_recipient: str = ""
    diagnostic: str = ""
    remote_mta: str = ""
    reporting_mta: str = ""
    envelope_id: str = ""


Report = Complaint | RemoteStatus


def read(content: bytes) -> list[Report]:
    """The reports in a message: one complaint, or a status for each recipient; empty if it is neither."""
    parts = mime.parts(content)
    feedback = next((p for p in parts if p.type == "message/feedback-report"), None)
    originals = [*_originals(parts)]
    traces = _traces(parts[1:], originals)
    if feedback is not None:
        return [_arf(mime.block(feedback.body), originals, traces)]
    status = next((p for p in parts if p.type in _STATUS), None)
    if status is not None:
        return [*_statuses(status, traces)]
    return _jmrp(parts, originals, traces)


def _originals(parts: list[Part]) -> Iterable[tuple[Field, ...]]:
    """The header of what is reported, wherever it hides; the report's own header is not among them."""
    return (mime.block(part.body) for part in parts[1:] if part.type in _ORIGINALS)


def _traces(parts: list[Part], originals: list[tuple[Field, ...]]) -> tuple[bytes, ...]:
    found = [t for fields in originals for f in fields if f.key == b"received" for t in traces_in(f.text)]
    if not found:  # an original quoted in a text part
        found = [t for p in parts if p.type.startswith("text/") for t in traces_in(p.body.decode("latin-1"))]
    return tuple(dict.fromkeys(found))


def _arf(
    fields: tuple[Field, ...], originals: list[tuple[Field, ...]], traces: tuple[bytes, ...]
) -> Complaint:
    named = [f.text for f in fields if f.key == b"original-rcpt-to"]
    attached = [f.text for found in originals for f in found if f.key in {_JMRP_FIELD, b"x-original-to"}]
    return Complaint(
        format="arf",
        feedback_type=_text(fields, b"feedback-type").lower() or "abuse",
        recipients=_addresses(named or attached),
        traces=traces,
        sender=_address(_text(fields, b"original-mail-from")),
        source_ip=_text(fields, b"source-ip"),
        user_agent=_text(fields, b"user-agent"),
        reporting_mta=_name(_text(fields, b"reporting-mta")),
        reported_domain=_text(fields, b"reported-domain"),
        envelope_id=_text(fields, b"original-envelope-id"),
    )


def _jmrp(parts: list[Part], originals: list[tuple[Field, ...]], traces: tuple[bytes, ...]) -> list[Report]:
    headers = [*originals, *(part.fields for part in parts)]
    named = [f.text for fields in headers for f in fields if f.key == _JMRP_FIELD]
    subject = _JMRP_SUBJECT.search(parts[0].field("subject"))
    if not named and not (subject and originals):
        return []
    sender = next((_address(_text(o, b"return-path")) for o in originals if _text(o, b"return-path")), "")
    return [
        Complaint(
            format="jmrp",
            feedback_type="abuse",
            recipients=_addresses(named),
            traces=traces,
            sender=sender,
            source_ip=subject[1] if subject else "",
        )
    ]


def _statuses(part: Part, traces: tuple[bytes, ...]) -> Iterable[RemoteStatus]:
    message, *recipients = mime.blocks(part.body) or [()]
    for fields in recipients[:_MAX_RECIPIENTS]:
        recipient = _address(_name(_text(fields, b"final-recipient")))
        original = _address(_name(_text(fields, b"original-recipient")))
        if recipient or original:
            yield RemoteStatus(
                recipient=recipient or original,
                action=_text(fields, b"action").lower() or "failed",
                status=_text(fields, b"status").partition(" ")[0],
                traces=traces,
                original_recipient=original,
                diagnostic=_text(fields, b"diagnostic-code"),
                remote_mta=_name(_text(fields, b"remote-mta")),
                reporting_mta=_name(_text(message, b"reporting-mta")),
                envelope_id=_text(message, b"original-envelope-id"),
            )


def _text(fields: tuple[Field, ...], name: bytes) -> str:
    return header.first(list(fields), name)


def _name(text: str) -> str:
    """What follows `rfc822;` or `dns;`."""
    return text.partition(";")[2].strip() if ";" in text else text


def _address(text: str) -> str:
    match = _ADDRESS.search(text[:_MAX_ADDRESS])
    return match[1] if match else ""


def _addresses(texts: Iterable[str]) -> tuple[str, ...]:
    found = (_address(text) for text in texts)
    return tuple(dict.fromkeys(address for address in found if address))[:_MAX_RECIPIENTS]


def plain_bounce(content: bytes) -> str:
    """The subject of a bounce that is no DSN (qmail's, old gateways'); empty if it does not look like one.

    For mail to a VERP address, which says whom it is about. Warnings and automatic answers are none.
    """
    fields = mime.parts(content[:_MAX_PLAIN])[0].fields
    subject = _text(fields, b"subject")
    if _text(fields, b"x-failed-recipients") or (
        _UNDELIVERED.search(subject) and not _WARNING.search(subject)
    ):
        return subject or "returned"
    return ""
