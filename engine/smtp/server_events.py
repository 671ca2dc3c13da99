"""What a server's session reports. Each of the three is owed an answer before the session reads on."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.smtp.message import ReceivedMessage


@dataclass(frozen=True, slots=True)
class StartTls:
    """The client was told to begin its handshake: shake hands, then call `secured`.

    What the client had sent beyond STARTTLS is gone (RFC 3207 section 6, CVE-2011-0411).
    """


@dataclass(frozen=True, slots=True)
class Credentials:
    """Somebody wants to log in: check it, then call `verified`. The password is in no representation."""

    user: str
    password: str = field(repr=False)


class Verdict(StrEnum):
    """What came of checking credentials."""

    ACCEPTED = "they are right"
    REFUSED = "they are wrong"
    LOCKED_OUT = "not checked: too many from there were wrong"


ServerEvent = ReceivedMessage | StartTls | Credentials
