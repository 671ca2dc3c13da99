"""The client's state machine. A state is named after what the session waits for.

Pipelined or in lockstep the states are the same: replies come in the order of the commands either way.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What the session waits for; also the end of a sentence that begins with "connection lost"."""

    GREETING = "before the greeting"
    EHLO = "while waiting for the reply to EHLO"
    HELO = "while waiting for the reply to HELO"
    STARTTLS = "while waiting for the reply to STARTTLS"
    HANDSHAKE = "during the TLS handshake"
    READY = "between messages"
    RSET = "while waiting for the reply to RSET"
    MAIL = "while waiting for the reply to MAIL"
    RCPT = "while waiting for the reply to RCPT"
    DATA = "while waiting for the reply to DATA"
    CONTENT = "while sending the content"
    FINAL_DOT = "after the final dot, before the reply to it"
    QUIT = "while waiting for the reply to QUIT"
    CLOSED = "after the end"


class Turn(StrEnum):
    """What can happen: our verbs, and what a reply means where it was awaited."""

    SEND_RSET = "send RSET"
    SEND_MAIL = "send MAIL"
    SEND_QUIT = "send QUIT"
    CONTENT_WRITTEN = "content written"
    ACCEPTED = "accepted"
    FALL_BACK = "EHLO is unknown"
    SEND_STARTTLS = "send STARTTLS"
    DECLINED = "TLS was declined and clear text will do"
    SECURED = "TLS negotiated"
    ANSWERED = "answered, the next command's reply follows"
    RECIPIENTS_ANSWERED = "all recipients answered"
    GO_AHEAD = "go ahead"
    TRANSACTION_OVER = "transaction over"
    LOST = "refused, lost or out of step"


TRANSITIONS: Final[dict[State, dict[Turn, State]]] = {
    State.GREETING: {Turn.ACCEPTED: State.EHLO, Turn.LOST: State.CLOSED},
    State.EHLO: {
        Turn.ACCEPTED: State.READY,
        Turn.FALL_BACK: State.HELO,
        Turn.SEND_STARTTLS: State.STARTTLS,
        Turn.LOST: State.CLOSED,
    },
    State.STARTTLS: {
        Turn.ACCEPTED: State.HANDSHAKE,
        Turn.DECLINED: State.READY,
        Turn.LOST: State.CLOSED,
    },
    State.HANDSHAKE: {Turn.SECURED: State.EHLO, Turn.LOST: State.CLOSED},
    State.HELO: {Turn.ACCEPTED: State.READY, Turn.LOST: State.CLOSED},
    State.READY: {
        Turn.SEND_RSET: State.RSET,
        Turn.SEND_MAIL: State.MAIL,
        Turn.SEND_QUIT: State.QUIT,
        Turn.LOST: State.CLOSED,
    },
    State.RSET: {Turn.ACCEPTED: State.READY, Turn.LOST: State.CLOSED},
    State.MAIL: {
        Turn.ANSWERED: State.RCPT,
        Turn.TRANSACTION_OVER: State.READY,
        Turn.LOST: State.CLOSED,
    },
    State.RCPT: {
        Turn.ANSWERED: State.RCPT,
        Turn.RECIPIENTS_ANSWERED: State.DATA,
        Turn.TRANSACTION_OVER: State.READY,
        Turn.LOST: State.CLOSED,
    },
    State.DATA: {
        Turn.GO_AHEAD: State.CONTENT,
        Turn.TRANSACTION_OVER: State.READY,
        Turn.LOST: State.CLOSED,
    },
    State.CONTENT: {Turn.CONTENT_WRITTEN: State.FINAL_DOT, Turn.LOST: State.CLOSED},
    State.FINAL_DOT: {Turn.TRANSACTION_OVER: State.READY, Turn.LOST: State.CLOSED},
    State.QUIT: {Turn.ACCEPTED: State.CLOSED, Turn.LOST: State.CLOSED},
    State.CLOSED: {},
}
