"""A message as a client handed it over."""

from dataclasses import dataclass

from core.address import IpAddress


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One accepted transaction, before anybody took responsibility for it.

    `sender` is empty for the null reverse-path. `content` has CR LF line ends, dots unstuffed, and was not
    looked into. `eight_bit` is what the octets say, not what the client declared.
    """

    peer: IpAddress
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    eight_bit: bool = False
    smtp_utf8: bool = False
    extended: bool = True

    @property
    def protocol(self) -> str:
        """The word after `with` in a Received field (RFC 3848, RFC 6531 section 4.3)."""
        if self.smtp_utf8:
            return "UTF8SMTP"
        return "ESMTP" if self.extended else "SMTP"
