"""AUTH PLAIN and AUTH LOGIN on the server's side (RFC 4954, RFC 4616, draft-murchison-sasl-login).

Errors never repeat what the client sent: it may be a password.
"""

import base64
import binascii
from typing import Final

from core.errors import PeerError
from engine.smtp import server_replies
from engine.smtp.server_events import Credentials

MECHANISMS: Final = ("PLAIN", "LOGIN")
_CANCEL: Final = b"*"
_EMPTY: Final = b"="
"""RFC 4954 section 4: an initial response of no octets."""


class ExchangeFailed(PeerError):  # noqa: N818 - reads as what happened
    """The exchange is over without credentials; `reply` says why, ready for the wire."""

    def __init__(self, reply: bytes) -> None:
        super().__init__("the authentication exchange failed", permanent=True)
        self.reply = reply


class Exchange:
    """One attempt to log in: lines in, challenges out, Credentials in the end."""

    __slots__ = ("_answers", "_mechanism")

    def __init__(self, mechanism: str) -> None:
        """Raises ExchangeFailed for a mechanism that is not ours."""
        self._mechanism = mechanism.upper()
        self._answers: list[str] = []
        if self._mechanism not in MECHANISMS:
            raise ExchangeFailed(server_replies.UNKNOWN_MECHANISM)

    def challenge(self) -> bytes:
        """What to ask next, ready for the wire."""
        if self._mechanism == "PLAIN":
            return b"334 \r\n"
        prompt = b"Password:" if self._answers else b"Username:"
        return b"334 " + base64.b64encode(prompt) + b"\r\n"

    def initial(self, response: str) -> Credentials | None:
        """The response that came with the command. Raises ExchangeFailed."""
        return self.take(b"" if response.encode() == _EMPTY else response.encode())

    def take(self, line: bytes) -> Credentials | None:
        """The client's next line; None while more is to be asked. Raises ExchangeFailed."""
        if line == _CANCEL:
            raise ExchangeFailed(server_replies.LOGIN_CANCELLED)
        text = _decoded(line)
        if self._mechanism == "PLAIN":
            return _plain(text)
        self._answers.append(text)
        return Credentials(self._answers[0], self._answers[1]) if len(self._answers) == 2 else None


def _decoded(line: bytes) -> str:
    try:
        return base64.b64decode(line, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise ExchangeFailed(server_replies.MALFORMED_CREDENTIALS) from None


def _plain(text: str) -> Credentials:
    """`authzid NUL authcid NUL password`; acting for somebody else is not to be had."""
    parts = text.split("\0")
    if len(parts) != 3 or not parts[1] or parts[0] not in {"", parts[1]}:
        raise ExchangeFailed(server_replies.MALFORMED_CREDENTIALS)
    return Credentials(parts[1], parts[2])
