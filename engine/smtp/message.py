"""A message as a client handed it over."""

from typing import NamedTuple

from core.address import IpAddress
from engine.smtp.dsn import Wishes


class ReceivedMessage(NamedTuple):
    """One accepted transaction, before anybody took responsibility for it.

    `sender` is empty for the null reverse-path. `content` has CR LF line ends, dots unstuffed, and was not
    looked into. `eight_bit` is what the octets say, not what the client declared. `user` is who logged in,
    empty for nobody; `tls` and `cipher` are the protocol and suite, empty in clear text.
    """

    peer: IpAddress
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    eight_bit: bool = False
    smtp_utf8: bool = False
    extended: bool = True
    user: str = ""
    tls: str = ""
    cipher: str = ""
    wishes: Wishes | None = None

    @property
    def protocol(self) -> str:
        """The word after `with` in a Received field (RFC 3848, RFC 6531 section 4.3)."""
        if not self.extended:
            return "SMTP"
        name = "UTF8SMTP" if self.smtp_utf8 else "ESMTP"
        return name + ("S" if self.tls else "") + ("A" if self.user else "")
