"""The server's state machine. Everything that decides which command may follow which is in this file.

A command that has no entry for the present state is out of order: it gets 503 and changes nothing. A command
that is in order but refused (a bad address, say) changes nothing either.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a session stands."""

    CONNECTED = "connected, not greeted"
    GREETED = "greeted, no transaction"
    SENDER = "has a sender"
    RECIPIENTS = "has a sender and recipients"
    CONTENT = "reading content"
    COMMITTING = "waiting for the message to be committed"
    SECURING = "negotiating TLS"
    CREDENTIALS = "reading credentials"
    VERIFYING = "waiting for the credentials to be checked"
    CLOSED = "closed"


class Input(StrEnum):
    """What can happen: the commands we know, and the end of content."""

    EHLO = "EHLO"
    HELO = "HELO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    RSET = "RSET"
    NOOP = "NOOP"
    VRFY = "VRFY"
    HELP = "HELP"
    QUIT = "QUIT"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    SECURED = "TLS negotiated"
    CREDENTIALS_COMPLETE = "credentials complete"
    CREDENTIALS_REFUSED = "credentials cancelled or malformed"
    VERIFIED = "credentials checked"
    CONTENT_COMPLETE = "content complete"
    CONTENT_REFUSED = "content refused"
    COMMITTED = "commit answered"
    CLOSE = "close"


_ANY_TIME: Final = {Input.QUIT: State.CLOSED, Input.CLOSE: State.CLOSED}
_GREETINGS: Final = {Input.EHLO: State.GREETED, Input.HELO: State.GREETED}


def _unchanged(state: State) -> dict[Input, State]:
    return dict.fromkeys((Input.NOOP, Input.VRFY, Input.HELP), state)


TRANSITIONS: Final[dict[State, dict[Input, State]]] = {
    State.CONNECTED: {
        **_ANY_TIME, **_GREETINGS, **_unchanged(State.CONNECTED), Input.RSET: State.CONNECTED,
    },
    State.GREETED: {
        **_ANY_TIME, **_GREETINGS, **_unchanged(State.GREETED), Input.RSET: State.GREETED,
        Input.MAIL: State.SENDER, Input.STARTTLS: State.SECURING, Input.AUTH: State.CREDENTIALS,
    },
    State.SENDER: {
        **_ANY_TIME, **_GREETINGS, **_unchanged(State.SENDER), Input.RSET: State.GREETED,
        Input.RCPT: State.RECIPIENTS,
    },
    State.RECIPIENTS: {
        **_ANY_TIME, **_GREETINGS, **_unchanged(State.RECIPIENTS), Input.RSET: State.GREETED,
        Input.RCPT: State.RECIPIENTS, Input.DATA: State.CONTENT,
    },
    State.CONTENT: {
        Input.CONTENT_COMPLETE: State.COMMITTING, Input.CONTENT_REFUSED: State.GREETED,
        Input.CLOSE: State.CLOSED,
    },
    State.COMMITTING: {Input.COMMITTED: State.GREETED, Input.CLOSE: State.CLOSED},
    # RFC 3207 section 4.2: after the handshake the client is as unknown as one that has just connected.
    State.SECURING: {Input.SECURED: State.CONNECTED, Input.CLOSE: State.CLOSED},
    State.CREDENTIALS: {
        Input.CREDENTIALS_COMPLETE: State.VERIFYING, Input.CREDENTIALS_REFUSED: State.GREETED,
        Input.CLOSE: State.CLOSED,
    },
    State.VERIFYING: {Input.VERIFIED: State.GREETED, Input.CLOSE: State.CLOSED},
    State.CLOSED: {},
}  # fmt: skip
