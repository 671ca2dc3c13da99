"""The server's side of one SMTP session: bytes in, messages out, bytes out.

Pipelined commands are answered in one write. While a message is being committed, further input is held:
nothing is read ahead of an answer that is still owed.
"""

import re
from typing import Final

from core.address import IpAddress
from core.errors import InternalError
from engine.smtp import server_replies
from engine.smtp.data import ContentReader, Fault
from engine.smtp.limits import Relaying, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply, encode
from engine.smtp.server_dialogue import CommandRefused, Dialogue
from engine.smtp.server_states import TRANSITIONS, Input, State

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_COMMANDS: Final = {
    word.encode(): Input(word)
    for word in ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "HELP", "QUIT")
}
_NOT_IMPLEMENTED: Final = frozenset({b"STARTTLS", b"AUTH", b"EXPN", b"BDAT", b"ETRN", b"TURN"})
_HTTP: Final = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"})
_JUNK: Final = frozenset({Input.EHLO, Input.HELO, Input.RSET, Input.NOOP, Input.VRFY, Input.HELP})
_BLOCKED: Final = frozenset({State.COMMITTING, State.CLOSED})


class ServerSession:
    """One connection. Write `data_to_send()` after every call, then close if `is_closed`."""

    def __init__(self, limits: ServerLimits, peer: IpAddress, relaying: Relaying = Relaying.ALLOWED) -> None:
        self.state = State.CONNECTED
        self._limits = limits
        self._dialogue = Dialogue(limits, peer, relaying)
        self._content: ContentReader | None = None
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
        """Whether a message is on its way: content being read or committed."""
        return self.state in {State.CONTENT, State.COMMITTING}

    @property
    def is_committing(self) -> bool:
        return self.state is State.COMMITTING

    @property
    def held(self) -> int:
        """Octets of input that wait for the commit to be answered."""
        return len(self._input) - self._start

    @property
    def progress(self) -> int:
        """Grows with every command and every KiB of content, and not with single octets (slowloris)."""
        return self._lines + (self._content.received >> 10 if self._content else 0)

    def receive_data(self, data: bytes) -> list[ReceivedMessage]:
        """Take what the peer sent. A message that comes out is owed one call of `finish`."""
        if self.state is State.CLOSED:
            return []
        self._input = self._input + data if self._input else data
        return self._advance()

    def finish(self, reply: Reply) -> list[ReceivedMessage]:
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

    def _advance(self) -> list[ReceivedMessage]:
        messages: list[ReceivedMessage] = []
        while self._start < len(self._input) and self.state not in _BLOCKED:
            if self.state is State.CONTENT:
                self._take_content(messages)
            elif not self._take_line():
                break
        if self._start:
            self._input, self._start = self._input[self._start :], 0
        return messages

    # Commands

    def _take_line(self) -> bool:
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
            self._refuse(server_replies.LINE_TOO_LONG)
        else:
            self._command(line)
        return True

    def _skip_long_line(self) -> None:
        if not self._skipping:
            self._skipping = True
            self._refuse(server_replies.LINE_TOO_LONG)
        self._input, self._start = self._input[-1:], 0  # perhaps the CR of its end

    def _command(self, line: bytes) -> None:
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
            reply = self._dialogue.answer(command, _text(line, argument))
        except CommandRefused as refused:
            self._refuse(refused.reply)
            return
        if command is Input.DATA:
            self._content = ContentReader(self._limits.max_size)
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

    # Content

    def _take_content(self, messages: list[ReceivedMessage]) -> None:
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
        messages.append(self._dialogue.message(content))
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
