"""Mail as bytes: headers for threads, filters and auto-responders, and the alternatives. Pure.

Threads need a constant subject and a constant root in References, both (reference: ux.md 2.2 and 2.3).
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from core.text import printable

PREFIX = "[Tidegate]"
_UNFOLDED = SMTP.clone(max_line_length=998)
"""Headers as they are (RFC 5322 section 2.1.1 allows 998): the standard library folds a long Subject after
its colon and encodes a long References (RFC 2047), and no client finds a thread by that."""
_ASCII = str.maketrans({"×": "x", "→": "->", "…": "...", "·": "-"})


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation: its name in Message-IDs (`inc-42.9f2c…`), its subject, which mail of it this is."""

    name: str
    subject: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG shown inline; the HTML part refers to it as `cid:<name>`."""

    name: str
    png: bytes


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready for the outbox, for one envelope recipient or several."""

    key: str
    subject: str
    html: str
    text: str
    mime: bytes
    message_id: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes around the two parts. `stream` names the list: alerts or digest."""

    sender: str
    recipients: tuple[str, ...]
    reply_to: str | None
    stream: str
    at: datetime
    headers: dict[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()


def message_id(thread: Thread, ordinal: int, sender: str) -> str:
    """The same for the same mail, always: a repeated delivery can be told from a new mail."""
    return f"<tidegate.{thread.name}.{ordinal}@{_domain(sender)}>"


def thread_name(kind: str, *identity: object) -> str:
    """`inc-42.9f2c41d0aa17`: readable, and different between two databases that both have an incident 42."""
    digest = hashlib.sha256("\0".join(map(str, identity)).encode()).hexdigest()[:12]
    return f"{kind}.{digest}"


def subject_of(thread: Thread) -> str:
    """The thread's subject in ASCII; `Re:` from the second mail on, as people's clients write it."""
    plain = printable(thread.subject, 180).translate(_ASCII).encode("ascii", "replace").decode()
    return f"{'Re: ' if thread.ordinal > 1 else ''}{PREFIX} {plain}"


def assemble(thread: Thread, envelope: Envelope, html: str, text: str) -> RenderedMail:
    """The whole message as bytes."""
    mail = EmailMessage(policy=SMTP)
    own = message_id(thread, thread.ordinal, envelope.sender)
    mail["From"] = envelope.sender
    mail["To"] = ", ".join(envelope.recipients)
    mail["Subject"] = subject_of(thread)
    mail["Date"] = format_datetime(envelope.at)
    mail["Message-ID"] = own
    if thread.ordinal > 1:
        root = message_id(thread, 1, envelope.sender)
        mail["In-Reply-To"] = root
        mail["References"] = root
    if envelope.reply_to:
        mail["Reply-To"] = envelope.reply_to
    for name, value in (_standing_headers(envelope) | envelope.headers).items():
        mail[name] = value
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    _attach(mail, envelope.pictures)
    return RenderedMail(own.strip("<>"), mail["Subject"], html, text, mail.as_bytes(policy=_UNFOLDED), own)


def _standing_headers(envelope: Envelope) -> dict[str, str]:
    domain = _domain(envelope.sender)
    reader = parseaddr(envelope.reply_to or envelope.sender)[1]  # who reads it can take somebody off the list
    return {
        "Auto-Submitted": "auto-generated",  # RFC 3834
        "X-Auto-Response-Suppress": "All",  # Exchange
        "List-Id": f"Tidegate {envelope.stream} <{envelope.stream}.tidegate.{domain}>",
        "List-Unsubscribe": f"<mailto:{reader}?subject=unsubscribe%20{envelope.stream}>",
    }


def _attach(mail: EmailMessage, pictures: tuple[Picture, ...]) -> None:
    parts = mail.get_payload()
    if not pictures or not isinstance(parts, list):
        return
    html = parts[1]
    if not isinstance(html, EmailMessage):
        raise TypeError("the second alternative is not the HTML part")
    for picture in pictures:
        html.add_related(
            picture.png, "image", "png", cid=f"<{picture.name}>", disposition="inline", filename=picture.name
        )


def _domain(sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return domain or make_msgid().rpartition("@")[2].rstrip(">")
