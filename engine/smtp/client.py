"""The client's side of one SMTP session: bytes in, events out, bytes out.

Whatever the peer says becomes an event; nothing it sends can raise. A peer that is out of step (garbage, a
reply nobody asked for, 354 to MAIL) is hung up on, because its next reply could be taken for another's.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from core.errors import InternalError
from engine.smtp.client_events import Closed, Event, Finished, Ready, Rejected, ShakeHands
from engine.smtp.client_states import TRANSITIONS, State, Turn
from engine.smtp.outcome import Envelope, Stage, TransactionResult
from engine.smtp.reply import Garbled, Reply, ReplyParser, local
from engine.smtp.transaction import Transaction

_HOST = re.compile(r"[!-~]{1,255}\Z")
_CLOSING: Final = 421
_STAGES: Final = {
    State.GREETING: Stage.CONNECT,
    State.EHLO: Stage.CONNECT,
    State.HELO: Stage.CONNECT,
    State.STARTTLS: Stage.CONNECT,
    State.HANDSHAKE: Stage.CONNECT,
    State.RSET: Stage.MAIL,
    State.MAIL: Stage.MAIL,
    State.RCPT: Stage.RCPT,
    State.DATA: Stage.DATA,
    State.CONTENT: Stage.DATA,
    State.FINAL_DOT: Stage.FINAL_DOT,
}


_UNGREETED: Final = frozenset({State.GREETING, State.EHLO, State.HELO, State.STARTTLS, State.HANDSHAKE})
_DEAF: Final = frozenset({State.HANDSHAKE, State.CLOSED})
_NOT_OFFERED: Final = local(450, "4.7.4", "TLS required but not offered")


class TlsPolicy(StrEnum):
    """Whether a session is to be encrypted."""

    NEVER = "in clear text"
    OPPORTUNISTIC = "with TLS where it is offered"
    REQUIRED = "with TLS or not at all"


class ClientSession:
    """One connection. Write `data_to_send()` after every call; close the socket once `state` is CLOSED."""

    def __init__(self, hostname: str, tls: TlsPolicy = TlsPolicy.NEVER) -> None:
        """`hostname` is what EHLO says. Raises ValueError when it cannot stand in a command."""
        if not _HOST.match(hostname):
            raise ValueError(f"{hostname!r} cannot be said in EHLO")
        self.state = State.GREETING
        self.extensions: dict[str, str] = {}
        self.banner: Reply | None = None
        self.is_secured = self.began_tls = False
        self._hostname = hostname
        self._tls = tls
        self._parser = ReplyParser()
        self._out: list[bytes] = []
        self._transaction: Transaction | None = None
        self._needs_reset = False

    @property
    def is_ready(self) -> bool:
        return self.state is State.READY

    @property
    def _pipelining(self) -> bool:
        return "PIPELINING" in self.extensions

    def receive_data(self, data: bytes) -> list[Event]:
        """Take what the peer sent."""
        events: list[Event] = []
        for found in self._parser.feed(data):
            if self.state in _DEAF:
                break  # what was said in the clear after the go-ahead for TLS was said by anybody
            if isinstance(found, Garbled):
                events += self._lose(local(451, "4.5.0", f"{found.reason} {self.state}"))
            elif found.code == _CLOSING and self.state is not State.QUIT:
                events += self._lose(found)
            else:
                events += _HANDLERS[self.state](self, found)
        return events

    def lose(self, what: str) -> list[Event]:
        """The connection is gone, or given up: `what` is "connection lost", "timed out after 300 s"…"""
        return self._lose(local(451, "4.4.2", f"{what} {self.state}"))

    def secured(self) -> None:
        """The handshake is done. What was learnt in the clear is forgotten; EHLO is said again."""
        self._move(Turn.SECURED)
        self._parser = ReplyParser()
        self.is_secured = True
        self.extensions = {}
        self._say(f"EHLO {self._hostname}\r\n".encode())

    def transaction(self, envelope: Envelope) -> list[Event]:
        """Begin to deliver. Returns Finished at once when the peer need not even be asked."""
        if self.state is not State.READY:
            raise InternalError(f"a transaction cannot begin {self.state}")
        transaction = Transaction(envelope)
        obstacle = transaction.obstacle(self.extensions)
        if obstacle is not None:
            transaction.settle_rest(obstacle, Stage.MAIL)
        if obstacle is not None or not transaction.has_work:
            return [Finished(TransactionResult(transaction.outcomes, usable=True))]
        self._transaction = transaction
        if self._needs_reset:
            self.rset()
            if self._pipelining:
                self._say_envelope(transaction)
        else:
            self._move(Turn.SEND_MAIL)
            self._say_envelope(transaction)
        return []

    def rset(self) -> None:
        """Say RSET. `transaction` does so by itself where it is needed."""
        self._move(Turn.SEND_RSET)
        self._say(b"RSET\r\n")

    def quit(self) -> None:
        """Say QUIT; Closed follows."""
        self._move(Turn.SEND_QUIT)
        self._say(b"QUIT\r\n")

    def content_written(self) -> None:
        """The driver has handed all of the content to the network."""
        if self.state is State.CONTENT:
            self._move(Turn.CONTENT_WRITTEN)

    def data_to_send(self) -> bytes:
        """What to write now; empty when there is nothing."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    # Speaking

    def _say(self, command: bytes) -> None:
        self._out.append(command)

    def _say_envelope(self, transaction: Transaction) -> None:
        mail = transaction.mail_command(self.extensions)
        if self._pipelining:
            mail += transaction.rcpt_commands() + b"DATA\r\n"
        self._say(mail)

    def _move(self, turn: Turn) -> None:
        following = TRANSITIONS[self.state].get(turn)
        if following is None:
            raise InternalError(f"cannot {turn} {self.state}")
        self.state = following

    # Hearing

    def _lose(self, reply: Reply) -> list[Event]:
        """The session is over; `reply` (the peer's 421, or our words) answers whatever is open."""
        state, transaction = self.state, self._transaction
        if state is State.CLOSED:
            return []
        self._move(Turn.LOST)
        if transaction is not None:
            return self._finish(reply, _STAGES[state])
        if state in _UNGREETED:
            return [Rejected(reply)]
        return [Closed(reply)]

    def _out_of_step(self, reply: Reply) -> list[Event]:
        return self._lose(local(451, "4.5.0", f"the peer said «{reply.text}» {self.state}"))

    def _finish(self, reply: Reply, stage: Stage) -> list[Event]:
        """The transaction is over: `reply` answers those who have no answer yet."""
        transaction = self._current()
        self._transaction = None
        transaction.settle_rest(reply, stage)
        return [Finished(TransactionResult(transaction.outcomes, usable=self.state is State.READY))]

    def _current(self) -> Transaction:
        if self._transaction is None:
            raise InternalError("there is no transaction")
        return self._transaction

    def _on_greeting(self, reply: Reply) -> list[Event]:
        self.banner = reply
        if not reply.is_positive:
            return self._lose(reply)
        self._move(Turn.ACCEPTED)
        self._say(f"EHLO {self._hostname}\r\n".encode())
        return []

    def _on_ehlo(self, reply: Reply) -> list[Event]:
        if reply.is_permanent:
            self._move(Turn.FALL_BACK)  # RFC 5321 section 3.2: a server from before 1995
            self._say(f"HELO {self._hostname}\r\n".encode())
            return []
        if not reply.is_positive:
            return self._lose(reply)
        for line in reply.lines[1:]:
            keyword, _, value = line.strip().partition(" ")
            self.extensions[keyword.upper()] = value.strip()
        if "STARTTLS" in self.extensions and self._wants_tls:
            self._move(Turn.SEND_STARTTLS)
            self._say(b"STARTTLS\r\n")
            self.began_tls = True
            return []
        return self._greeted(reply)

    @property
    def _wants_tls(self) -> bool:
        return self._tls is not TlsPolicy.NEVER and not self.is_secured

    def _on_starttls(self, reply: Reply) -> list[Event]:
        if reply.is_positive:
            self._move(Turn.ACCEPTED)
            return [ShakeHands(reply)]
        if not _is_refusal(reply):
            return self._out_of_step(reply)
        if self._tls is TlsPolicy.REQUIRED:
            return self._lose(local(450, "4.7.4", f"TLS required but declined: {reply.text}"))
        self._move(Turn.DECLINED)
        return [Ready(reply)]

    def _on_helo(self, reply: Reply) -> list[Event]:
        return self._greeted(reply) if reply.is_positive else self._lose(reply)

    def _greeted(self, reply: Reply) -> list[Event]:
        if self._tls is TlsPolicy.REQUIRED and not self.is_secured:
            return self._lose(_NOT_OFFERED)
        self._move(Turn.ACCEPTED)
        return [Ready(reply)]

    def _on_rset(self, reply: Reply) -> list[Event]:
        if not reply.is_positive:
            return self._out_of_step(reply)
        self._needs_reset = False
        self._move(Turn.ACCEPTED)
        if self._transaction is not None:
            self._move(Turn.SEND_MAIL)
            if not self._pipelining:
                self._say_envelope(self._transaction)
        return []

    def _on_mail(self, reply: Reply) -> list[Event]:
        transaction = self._current()
        if not _is_answer(reply):
            return self._out_of_step(reply)
        self._needs_reset = reply.is_positive
        if not reply.is_positive:
            if not self._pipelining:
                self._move(Turn.TRANSACTION_OVER)
                return self._finish(reply, Stage.MAIL)
            transaction.settle_rest(reply, Stage.MAIL)
        self._move(Turn.ANSWERED)
        if not self._pipelining:
            self._say(transaction.rcpt_command())
        return []

    def _on_rcpt(self, reply: Reply) -> list[Event]:
        transaction = self._current()
        if not _is_answer(reply):
            return self._out_of_step(reply)
        transaction.take_rcpt(reply)
        if not transaction.is_answered:
            self._move(Turn.ANSWERED)
            if not self._pipelining:
                self._say(transaction.rcpt_command())
        elif transaction.accepted or self._pipelining:
            self._move(Turn.RECIPIENTS_ANSWERED)
            if not self._pipelining:
                self._say(b"DATA\r\n")
        else:
            self._move(Turn.TRANSACTION_OVER)
            return self._finish(reply, Stage.RCPT)
        return []

    def _on_data(self, reply: Reply) -> list[Event]:
        if reply.is_intermediate:
            self._move(Turn.GO_AHEAD)
            self._say(self._current().wire_content())
            return []
        if not _is_answer(reply) or reply.is_positive:
            return self._out_of_step(reply)
        self._move(Turn.TRANSACTION_OVER)
        return self._finish(reply, Stage.DATA)

    def _on_content(self, reply: Reply) -> list[Event]:
        """Answered while we still speak: the verdict stands, but nobody is in step any more."""
        return self._lose(reply) if _is_refusal(reply) else self._out_of_step(reply)

    def _on_final_dot(self, reply: Reply) -> list[Event]:
        if not _is_answer(reply):
            return self._out_of_step(reply)
        self._needs_reset = False
        self._move(Turn.TRANSACTION_OVER)
        return self._finish(reply, Stage.FINAL_DOT)

    def _on_quit(self, reply: Reply) -> list[Event]:
        self._move(Turn.ACCEPTED)
        return [Closed(reply)]


def _is_refusal(reply: Reply) -> bool:
    return reply.is_transient or reply.is_permanent


def _is_answer(reply: Reply) -> bool:
    return reply.is_positive or _is_refusal(reply)


_HANDLERS: Final[dict[State, Callable[[ClientSession, Reply], list[Event]]]] = {
    State.GREETING: ClientSession._on_greeting,  # noqa: SLF001
    State.EHLO: ClientSession._on_ehlo,  # noqa: SLF001
    State.HELO: ClientSession._on_helo,  # noqa: SLF001
    State.STARTTLS: ClientSession._on_starttls,  # noqa: SLF001
    State.HANDSHAKE: ClientSession._out_of_step,  # noqa: SLF001
    State.READY: ClientSession._out_of_step,  # noqa: SLF001
    State.RSET: ClientSession._on_rset,  # noqa: SLF001
    State.MAIL: ClientSession._on_mail,  # noqa: SLF001
    State.RCPT: ClientSession._on_rcpt,  # noqa: SLF001
    State.DATA: ClientSession._on_data,  # noqa: SLF001
    State.CONTENT: ClientSession._on_content,  # noqa: SLF001
    State.FINAL_DOT: ClientSession._on_final_dot,  # noqa: SLF001
    State.QUIT: ClientSession._on_quit,  # noqa: SLF001
}
