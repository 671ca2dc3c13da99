"""A message handed over as JSON, turned into what SMTP would have brought. Nothing here opens a socket.

Text that ends up in a header field or in the envelope may hold no control character and no line separator of
any kind: what a program puts into a subject must not become another field.
"""

import base64
import binascii
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.address import IpAddress
from core.errors import OperatorError
from engine.smtp.address import is_mailbox
from engine.smtp.data import normalise
from engine.smtp.message import ReceivedMessage

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}\Z")
_OURS = {"from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type", "received",
         "content-transfer-encoding", "x-virtual-mta", "x-job"}  # fmt: skip
MOST_RECIPIENTS = 1_000


def _one_line(text: str) -> str:
    if _FORBIDDEN.search(text):
        raise ValueError("control characters and line breaks are not allowed here")
    return text


def _mailbox(text: str) -> str:
    if not is_mailbox(_one_line(text)):
        raise ValueError(f"{text!r} is not an address; write it like ann@example.com")
    return text


Line = Annotated[str, Field(max_length=2_000), AfterValidator(_one_line)]
Mailbox = Annotated[str, Field(max_length=320), AfterValidator(_mailbox)]


class Person(BaseModel):
    """Somebody in a From, To or Cc field."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    address: Mailbox
    name: Line = ""


class Fields(BaseModel):
    """A message by its parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    from_: Person = Field(alias="from")
    to: tuple[Person, ...] = Field((), max_length=MOST_RECIPIENTS)
    cc: tuple[Person, ...] = Field((), max_length=MOST_RECIPIENTS)
    subject: Line = ""
    text: str | None = None
    html: str | None = None
    headers: dict[str, Line] = {}

    @model_validator(mode="after")
    def _is_a_message(self) -> Self:
        if self.text is None and self.html is None:
            raise ValueError("a message needs text or html")
        for name in self.headers:
            if not _FIELD_NAME.match(name) or name.lower() in _OURS:
                raise ValueError(f"{name!r} cannot be set as a header field")
        return self


class Injection(BaseModel):
    """An envelope, and the message: `content` (whole, as text), `content_base64` (whole) or `fields`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sender: Mailbox | None = Field(description="The return path; null for none (a notification).")
    recipients: tuple[Mailbox, ...] = Field(min_length=1, max_length=MOST_RECIPIENTS)
    content: str | None = None
    content_base64: str | None = None
    fields: Fields | None = None
    virtual_mta: Line = ""
    job: Line = ""

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        if sum(part is not None for part in (self.content, self.content_base64, self.fields)) != 1:
            raise ValueError("give exactly one of content, content_base64 and fields")
        return self


def received(wanted: Injection, peer: IpAddress, user: str, hostname: str, now: datetime) -> ReceivedMessage:
    """The message as if it had come in by SMTP. Raises OperatorError."""
    body = _content(wanted, hostname, now)
    instructions = [("x-virtual-mta", wanted.virtual_mta), ("x-job", wanted.job)]
    head = "".join(f"{name}: {value}\r\n" for name, value in instructions if value)
    content = normalise(head.encode() + body)
    addresses = (wanted.sender or "", *wanted.recipients)
    return ReceivedMessage(
        peer=peer,
        helo="http-api",
        sender=wanted.sender or "",
        recipients=wanted.recipients,
        content=content,
        eight_bit=not content.isascii(),
        smtp_utf8=not all(address.isascii() for address in addresses),
        user=user,
    )


def _content(wanted: Injection, hostname: str, now: datetime) -> bytes:
    if wanted.fields is not None:
        return _composed(wanted.fields, hostname, now)
    if wanted.content is not None:
        return _encoded(wanted.content)
    try:
        return base64.b64decode(wanted.content_base64 or "", validate=True)
    except binascii.Error as error:
        raise OperatorError(f"content_base64 is not base64: {error}") from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise OperatorError(f"content is not text: {error.reason} at {error.start}") from error


def _composed(fields: Fields, hostname: str, now: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = _address(fields.from_)
        for name, people in (("To", fields.to), ("Cc", fields.cc)):
            if people:
                message[name] = [_address(person) for person in people]
        message["Subject"] = fields.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=hostname)
        for name, value in fields.headers.items():
            message[name] = value
    except ValueError as error:
        raise OperatorError(f"a header field cannot be written: {error}") from error
    _fill(message, fields)
    return message.as_bytes()


def _fill(message: EmailMessage, fields: Fields) -> None:
    if fields.text is not None:
        message.set_content(fields.text)
        if fields.html is not None:
            message.add_alternative(fields.html, subtype="html")
    else:
        message.set_content(fields.html or "", subtype="html")


def _address(person: Person) -> Address:
    name, _, domain = person.address.rpartition("@")
    return Address(display_name=person.name, username=name, domain=domain)
