"""What each command means to a transaction: who greets, who sends, who receives.

Knows nothing of order (server_states decides that) nor of framing (server does that).
"""

import re
from collections.abc import Callable
from typing import Final

from core.address import IpAddress
from core.errors import PeerError
from engine.smtp import address, server_replies
from engine.smtp.dsn import NOTHING, RecipientWish, Wishes
from engine.smtp.limits import Authentication, Offers, Relaying, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.sasl import MECHANISMS
from engine.smtp.server_states import Input

_HOST = re.compile(r"[!-~]{1,255}\Z")
_FROM = re.compile(r"FROM: ?", re.IGNORECASE)
_TO = re.compile(r"TO: ?", re.IGNORECASE)


class CommandRefused(PeerError):  # noqa: N818 - reads as what happened
    """A command that is in order but not granted, with the reply for it, ready for the wire."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply.decode("utf-8", "replace").strip())
        self.reply = reply


class Dialogue:
    """The client's name and the transaction that it is building."""

    __slots__ = (
        "_cipher",
        "_client",
        "_envid",
        "_extended",
        "_limits",
        "_offers",
        "_peer",
        "_recipients",
        "_relaying",
        "_ret",
        "_sender",
        "_smtp_utf8",
        "_tls",
        "_user",
        "_wanted",
    )

    def __init__(self, limits: ServerLimits, peer: IpAddress, relaying: Relaying, offers: Offers) -> None:
        self._limits = limits
        self._peer = peer
        self._relaying = relaying
        self._offers = offers
        self._user = self._tls = self._cipher = ""
        self._client = ""
        self._extended = False
        self.reset()

    def reset(self) -> None:
        """Forget the transaction, keep the greeting."""
        self._sender = ""
        self._recipients: list[str] = []
        self._smtp_utf8 = False
        self._ret = self._envid = ""
        self._wanted: list[RecipientWish] = []

    def secure(self, tls: str, cipher: str) -> None:
        """From here on TLS protects it; whatever was said before is forgotten (RFC 3207 section 4.2)."""
        self._tls, self._cipher = tls, cipher
        self._client, self._extended = "", False
        self.reset()

    def login(self, user: str) -> None:
        """The client is that user, and may relay from anywhere."""
        self._user = user
        self._relaying = Relaying.ALLOWED

    def answer(self, command: Input, argument: str) -> bytes:
        """Perform a command and return the reply. Raises CommandRefused and leaves all as it was."""
        try:
            return _HANDLERS[command](self, argument)
        except address.SyntaxRefused as refused:
            reply = server_replies.wire(refused.code, refused.enhanced, str(refused))
            raise CommandRefused(reply) from refused

    def message(self, content: bytes) -> ReceivedMessage:
        """The transaction as it stands, with its content."""
        return ReceivedMessage(
            peer=self._peer,
            helo=self._client,
            sender=self._sender,
            recipients=tuple(self._recipients),
            content=content,
            eight_bit=not content.isascii(),
            smtp_utf8=self._smtp_utf8,
            extended=self._extended,
            user=self._user,
            tls=self._tls,
            cipher=self._cipher,
            wishes=self._wishes,
        )

    @property
    def _wishes(self) -> Wishes | None:
        """What the client wants to be told; None for nothing, which is nearly always."""
        if not (self._ret or self._envid or any(wish is not NOTHING for wish in self._wanted)):
            return None
        return Wishes(self._ret, self._envid, tuple(self._wanted))

    def _ehlo(self, argument: str) -> bytes:
        self._greet(argument, extended=True)
        more = ["STARTTLS"] if self._offers.starttls and not self._tls else []
        if self._may_log_in:
            more.append(f"AUTH {' '.join(MECHANISMS)}")
        return server_replies.wire(
            250, None, self._limits.hostname, "PIPELINING", f"SIZE {self._limits.max_size}", "8BITMIME",
            "ENHANCEDSTATUSCODES", "SMTPUTF8", "DSN", *more, "HELP",
        )  # fmt: skip

    @property
    def _may_log_in(self) -> bool:
        offered = self._offers.authentication
        over_tls = offered is Authentication.OVER_TLS and bool(self._tls)
        return (over_tls or offered is Authentication.ALWAYS) and not self._user

    def _starttls(self, argument: str) -> bytes:
        _refuse_argument(argument)
        if self._tls:
            raise CommandRefused(server_replies.ALREADY_SECURE)
        if not self._offers.starttls:
            raise CommandRefused(server_replies.NOT_IMPLEMENTED)
        return server_replies.START_TLS

    def _auth(self, _argument: str) -> bytes:
        """Whether the exchange may begin; it has no reply of its own."""
        if self._offers.authentication is Authentication.NONE:
            raise CommandRefused(server_replies.NOT_IMPLEMENTED)
        if self._user:
            raise CommandRefused(server_replies.ALREADY_LOGGED_IN)
        if not self._may_log_in:
            raise CommandRefused(server_replies.LOGIN_NEEDS_TLS)
        return b""

    def _helo(self, argument: str) -> bytes:
        self._greet(argument, extended=False)
        return server_replies.wire(250, None, self._limits.hostname)

    def _greet(self, argument: str, *, extended: bool) -> None:
        name = argument.strip(" ")
        if not _HOST.match(name):
            raise CommandRefused(server_replies.wire(501, "5.5.4", "Tell your host name"))
        self._client, self._extended = name, extended
        self.reset()

    def _mail(self, argument: str) -> bytes:
        prefix = _FROM.match(argument)
        if not prefix:
            raise CommandRefused(server_replies.wire(501, "5.5.4", "Syntax: MAIL FROM:<address>"))
        sender, rest = address.parse_reverse_path(argument[prefix.end() :])
        parameters = address.parse_mail_parameters(rest)
        if parameters.size is not None and parameters.size > self._limits.max_size:
            raise CommandRefused(server_replies.TOO_BIG)
        _check_charset(sender, allowed=parameters.smtp_utf8)
        self._sender, self._smtp_utf8 = sender, parameters.smtp_utf8
        self._ret, self._envid = parameters.ret, parameters.envid
        return server_replies.SENDER_OK

    def _rcpt(self, argument: str) -> bytes:
        prefix = _TO.match(argument)
        if not prefix:
            raise CommandRefused(server_replies.wire(501, "5.5.4", "Syntax: RCPT TO:<address>"))
        recipient, rest = address.parse_forward_path(argument[prefix.end() :])
        wish = address.parse_rcpt_parameters(rest)
        _check_charset(recipient, allowed=self._smtp_utf8)
        if self._relaying is Relaying.DENIED and not self._limits.open_to(recipient):
            denied = f"Relaying denied: {self._peer} may not send mail through this server"
            raise CommandRefused(server_replies.wire(550, "5.7.1", denied))
        if len(self._recipients) >= self._limits.max_recipients:
            raise CommandRefused(server_replies.TOO_MANY_RECIPIENTS)
        if recipient == address.POSTMASTER:
            recipient = f"{recipient}@{self._limits.hostname}"  # RFC 5321 section 2.3.5
        self._recipients.append(recipient)
        self._wanted.append(wish)
        return server_replies.RECIPIENT_OK

    def _data(self, argument: str) -> bytes:
        _refuse_argument(argument)
        return server_replies.GO_AHEAD

    def _rset(self, argument: str) -> bytes:
        _refuse_argument(argument)
        self.reset()
        return server_replies.RESET_OK

    def _noop(self, _argument: str) -> bytes:
        return server_replies.OK

    def _vrfy(self, argument: str) -> bytes:
        if not argument:
            raise CommandRefused(server_replies.wire(501, "5.5.4", "Syntax: VRFY address"))
        return server_replies.CANNOT_VERIFY

    def _help(self, _argument: str) -> bytes:
        return server_replies.HELP

    def _quit(self, argument: str) -> bytes:
        _refuse_argument(argument)
        return server_replies.wire(221, "2.0.0", f"{self._limits.hostname} closing the connection")


def _check_charset(mailbox: str, *, allowed: bool) -> None:
    if not allowed and not mailbox.isascii():
        raise CommandRefused(server_replies.wire(553, "5.6.7", "Address needs the SMTPUTF8 parameter"))


def _refuse_argument(argument: str) -> None:
    if argument.strip(" "):
        raise CommandRefused(server_replies.wire(501, "5.5.4", "The command takes no argument"))


_HANDLERS: Final[dict[Input, Callable[[Dialogue, str], bytes]]] = {
    Input.EHLO: Dialogue._ehlo,  # noqa: SLF001
    Input.HELO: Dialogue._helo,  # noqa: SLF001
    Input.MAIL: Dialogue._mail,  # noqa: SLF001
    Input.RCPT: Dialogue._rcpt,  # noqa: SLF001
    Input.DATA: Dialogue._data,  # noqa: SLF001
    Input.RSET: Dialogue._rset,  # noqa: SLF001
    Input.NOOP: Dialogue._noop,  # noqa: SLF001
    Input.VRFY: Dialogue._vrfy,  # noqa: SLF001
    Input.HELP: Dialogue._help,  # noqa: SLF001
    Input.QUIT: Dialogue._quit,  # noqa: SLF001
    Input.STARTTLS: Dialogue._starttls,  # noqa: SLF001
    Input.AUTH: Dialogue._auth,  # noqa: SLF001
}
