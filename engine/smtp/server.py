"""The server's side of one SMTP session: bytes in, events out, bytes out.

Pipelined commands are answered in one write. While a message is being committed or a password checked,
further input is held: nothing is read ahead of an answer that is still owed. What comes between STARTTLS
and the end of the handshake is dropped.
"""

import re
from typing import Final

from core.address import IpAddress
from core.errors import InternalError
from engine.smtp import server_replies
from engine.smtp.data import ContentReader, Fault
from engine.smtp.limits import PLAIN_SMTP, Offers, Relaying, ServerLimits
from engine.smtp.reply import Reply, encode
from engine.smtp.sasl import Exchange, ExchangeFailed
from engine.smtp.server_dialogue import CommandRefused, Dialogue
from engine.smtp.server_events import Credentials, ServerEvent, StartTls, Verdict
from engine.smtp.server_states import TRANSITIONS, Input, State

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_COMMANDS: Final = {
    word.encode(): Input(word)
    for word in (
        "EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "HELP", "QUIT", "STARTTLS", "AUTH",
    )
}  # fmt: skip
_NOT_IMPLEMENTED: Final = frozenset({b"EXPN", b"BDAT", b"ETRN", b"TURN"})
_HTTP: Final = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"})
_JUNK: Final = frozenset({Input.EHLO, Input.HELO, Input.RSET, Input.NOOP, Input.VRFY, Input.HELP})
_BUSY: Final = frozenset({State.CONTENT, State.COMMITTING, State.SECURING, State.VERIFYING})
_BLOCKED: Final = frozenset({State.COMMITTING, State.SECURING, State.VERIFYING, State.CLOSED})
_DEAF: Final = frozenset({State.SECURING, State.CLOSED})


class ServerSession:
    """One connection. Write `data_to_send()` after every call, then close if `is_closed`."""

    def __init__(
        self,
        limits: ServerLimits,
        peer: IpAddress,
        relaying: Relaying = Relaying.ALLOWED,
        offers: Offers = PLAIN_SMTP,
    ) -> None:
        self.state = State.CONNECTED
        self._limits = limits
        self._dialogue = Dialogue(limits, peer, relaying, offers)
        self._content: ContentReader | None = None
        self._exchange: Exchange | None = None
        self._claimed = ""
        self._login_failures = 0
        self._out = [server_replies.wire(220, None, f"{limits.hostname} ESMTP Tidegate")]
        self._input = b""
        self._start = 0
        self._skipping = False
        self._errors = 0
        self._junk = 0
        self._lines = 0

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way that must not be cut short: a message, a handshake, a login."""
        return self.state in _BUSY

    @property
    def is_committing(self) -> bool:
        return self.state is State.COMMITTING

    @property
    def is_securing(self) -> bool:
        """Whether the socket is the handshake's: nothing may be written."""
        return self.state is State.SECURING

    @property
    def held(self) -> int:
        """Octets of input that wait for an answer of ours."""
        return len(self._input) - self._start

    @property
    def progress(self) -> int:
        """Grows with every command and every KiB of content, and not with single octets (slowloris)."""
        return self._lines + (self._content.received >> 10 if self._content else 0)

    def receive_data(self, data: bytes) -> list[ServerEvent]:
        """Take what the peer sent. What comes out is owed a call of `finish`, `secured` or `verified`."""
        if self.state in _DEAF:
            return []
        self._input = self._input + data if self._input else data
        return self._advance()

    def finish(self, reply: Reply) -> list[ServerEvent]:
        """Answer the message being committed, and go on with the input that was held meanwhile."""
        if self.state is State.CLOSED:
            return []
        if self.state is not State.COMMITTING:
            raise InternalError("no message waits for its answer")
        if reply.is_positive:
            self._errors = self._junk = 0
        self._out.append(encode(reply))
        self._dialogue.reset()
        self._move(Input.COMMITTED)
        return self._advance()

    def secured(self, tls: str, cipher: str) -> None:
        """The handshake is done: protocol and suite, as OpenSSL names them."""
        if self.state is not State.CLOSED:
            self._move(Input.SECURED)
            self._dialogue.secure(tls, cipher)

    def verified(self, verdict: Verdict) -> list[ServerEvent]:
        """Answer the credentials, and go on with the input that was held meanwhile."""
        if self.state is State.CLOSED:
            return []
        self._move(Input.VERIFIED)
        if verdict is Verdict.ACCEPTED:
            self._dialogue.login(self._claimed)
            self._out.append(server_replies.LOGGED_IN)
            return self._advance()
        self._login_failures += 1
        if self._login_failures >= self._limits.max_login_failures:
            self.close(server_replies.TOO_MANY_LOGINS)
            return []
        wrong = verdict is Verdict.REFUSED
        self._refuse(server_replies.LOGIN_FAILED if wrong else server_replies.LOGIN_LATER)
        return self._advance()

    def close(self, farewell: bytes) -> None:
        """Say a last word (421 …) and end the session, whatever it was doing."""
        if self.state is not State.CLOSED:
            self._out.append(farewell)
            self._move(Input.CLOSE)

    def data_to_send(self) -> bytes:
        """What to write now; empty when there is nothing."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def _move(self, happened: Input) -> None:
        self.state = TRANSITIONS[self.state][happened]

    def _advance(self) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        while self._start < len(self._input) and self.state not in _BLOCKED:
            if self.state is State.CONTENT:
                self._take_content(events)
            elif not self._take_line(events):
                break
        if self._start:
            self._input, self._start = self._input[self._start :], 0
        return events

    # Commands

    def _take_line(self, events: list[ServerEvent]) -> bool:
        """Handle one command line; False when there is none yet. Only CR LF ends a line."""
        end = self._input.find(b"\r\n", self._start)
        if end < 0:
            if self.held > self._limits.max_line + 1:  # the CR of its end may be there
                self._skip_long_line()
            return False
        line, self._start = self._input[self._start : end], end + 2
        self._lines += 1
        if self._skipping:
            self._skipping = False
        elif len(line) > self._limits.max_line:
            self._refuse_long_line()
        elif self.state is State.CREDENTIALS:
            self._take_credentials(line, events)
        else:
            self._command(line, events)
        return True

    def _skip_long_line(self) -> None:
        if not self._skipping:
            self._skipping = True
            self._refuse_long_line()
        self._input, self._start = self._input[-1:], 0  # perhaps the CR of its end

    def _refuse_long_line(self) -> None:
        if self.state is State.CREDENTIALS:
            self._move(Input.CREDENTIALS_REFUSED)
        self._refuse(server_replies.LINE_TOO_LONG)

    def _command(self, line: bytes, events: list[ServerEvent]) -> None:
        verb, _, argument = line.partition(b" ")
        command = _COMMANDS.get(verb) or _COMMANDS.get(verb.upper())
        if command is None:
            self._unknown(verb.upper())
            return
        following = TRANSITIONS[self.state].get(command)
        if following is None:
            self._refuse(server_replies.out_of_order(self.state, command))
            return
        try:
            self._count_junk(command)
            text = _text(line, argument)
            reply = self._dialogue.answer(command, text)
        except CommandRefused as refused:
            self._refuse(refused.reply)
            return
        if command is Input.AUTH:
            self._begin_login(text, events)
            return
        if command is Input.DATA:
            self._content = ContentReader(self._limits.max_size)
        elif command is Input.STARTTLS:
            self._input, self._start = b"", 0  # CVE-2011-0411: nothing said in the clear outlives it
            events.append(StartTls())
        self.state = following
        self._out.append(reply)

    def _unknown(self, verb: bytes) -> None:
        if verb in _HTTP:
            # A browser was tricked into talking to us (cross-protocol request forgery): hang up.
            self.close(server_replies.TOO_MANY_ERRORS)
        elif verb in _NOT_IMPLEMENTED:
            self._refuse(server_replies.NOT_IMPLEMENTED)
        else:
            self._refuse(server_replies.UNKNOWN_COMMAND)

    def _refuse(self, reply: bytes) -> None:
        """Say no. Permanent refusals count as errors; "try later" is our own doing and does not."""
        self._out.append(reply)
        if reply.startswith(b"5"):
            self._count_error()

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= self._limits.max_errors:
            self.close(server_replies.TOO_MANY_ERRORS)

    def _count_junk(self, command: Input) -> None:
        self._junk += command in _JUNK
        if command in _JUNK and self._junk > self._limits.max_junk:
            raise CommandRefused(server_replies.TOO_MUCH_JUNK)

    # Logging in

    def _begin_login(self, argument: str, events: list[ServerEvent]) -> None:
        mechanism, _, response = argument.strip(" ").partition(" ")
        try:
            self._exchange = Exchange(mechanism)
            credentials = self._exchange.initial(response) if response else None
        except ExchangeFailed as failed:
            self._refuse(failed.reply)
            return
        self._move(Input.AUTH)
        self._go_on(credentials, events)

    def _take_credentials(self, line: bytes, events: list[ServerEvent]) -> None:
        if self._exchange is None:
            raise InternalError("credentials without an exchange")
        try:
            credentials = self._exchange.take(line)
        except ExchangeFailed as failed:
            self._move(Input.CREDENTIALS_REFUSED)
            self._refuse(failed.reply)
            return
        self._go_on(credentials, events)

    def _go_on(self, credentials: Credentials | None, events: list[ServerEvent]) -> None:
        if credentials is None:
            self._out.append(self._exchange.challenge() if self._exchange else b"")
            return
        self._exchange, self._claimed = None, credentials.user
        self._move(Input.CREDENTIALS_COMPLETE)
        events.append(credentials)

    # Content

    def _take_content(self, events: list[ServerEvent]) -> None:
        reader = self._content
        if reader is None:
            raise InternalError("content without a reader")
        rest = reader.feed(self._input[self._start :] if self._start else self._input)
        self._input, self._start = rest or b"", 0
        if rest is None:
            return
        content = reader.content()
        if reader.fault:
            self._refuse_content(reader.fault)
            return
        self._lines += 1 + (reader.received >> 10)
        events.append(self._dialogue.message(content))
        self._content = None
        self._move(Input.CONTENT_COMPLETE)

    def _refuse_content(self, fault: Fault) -> None:
        self._content = None
        self._dialogue.reset()
        self._move(Input.CONTENT_REFUSED)
        code, enhanced = (552, "5.3.4") if fault is Fault.TOO_BIG else (550, "5.5.2")
        self._refuse(server_replies.wire(code, enhanced, fault))


def _text(line: bytes, argument: bytes) -> str:
    """The argument as text; a control character anywhere in the line refuses it."""
    if _CONTROL.search(line):
        raise CommandRefused(server_replies.BAD_CHARACTER)
    try:
        return argument.decode("utf-8")
    except UnicodeDecodeError:
        raise CommandRefused(server_replies.BAD_CHARACTER) from None
