"""What the server says, each sentence once, ready for the wire."""

from typing import Final

from engine.smtp.reply import Reply, encode
from engine.smtp.server_states import Input, State


def wire(code: int, enhanced: str | None, *lines: str) -> bytes:
    return encode(Reply(code, enhanced, lines))


SENDER_OK: Final = wire(250, "2.1.0", "Sender ok")
RECIPIENT_OK: Final = wire(250, "2.1.5", "Recipient ok")
RESET_OK: Final = wire(250, "2.0.0", "Reset")
OK: Final = wire(250, "2.0.0", "Ok")
GO_AHEAD: Final = wire(354, None, "End data with <CR><LF>.<CR><LF>")
CANNOT_VERIFY: Final = wire(252, "2.5.2", "Cannot verify the user, but will take mail for it")
HELP: Final = wire(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT")

UNKNOWN_COMMAND: Final = wire(500, "5.5.1", "Command not recognised")
NOT_IMPLEMENTED: Final = wire(502, "5.5.1", "Command not implemented")
LINE_TOO_LONG: Final = wire(500, "5.5.2", "Line too long")
BAD_CHARACTER: Final = wire(500, "5.5.2", "Control character or invalid UTF-8 in command")
NEEDS_GREETING: Final = wire(503, "5.5.1", "Say EHLO first")
OUT_OF_ORDER: Final = wire(503, "5.5.1", "Commands are out of order")
NO_RECIPIENTS: Final = wire(554, "5.5.1", "No valid recipients")

START_TLS: Final = wire(220, "2.0.0", "Ready to start TLS")
ALREADY_SECURE: Final = wire(503, "5.5.1", "TLS is active already")
TLS_UNAVAILABLE: Final = wire(454, "4.7.0", "TLS is not available now")

LOGGED_IN: Final = wire(235, "2.7.0", "Authentication succeeded")
LOGIN_FAILED: Final = wire(535, "5.7.8", "Authentication credentials invalid")
LOGIN_LATER: Final = wire(454, "4.7.0", "Too many failed logins from your address, try again later")
LOGIN_NEEDS_TLS: Final = wire(538, "5.7.11", "Encryption required: say STARTTLS first")
ALREADY_LOGGED_IN: Final = wire(503, "5.5.1", "You are logged in already")
UNKNOWN_MECHANISM: Final = wire(504, "5.5.4", "Only AUTH PLAIN and AUTH LOGIN are known")
MALFORMED_CREDENTIALS: Final = wire(501, "5.5.2", "Credentials are malformed")
LOGIN_CANCELLED: Final = wire(501, "5.7.0", "Authentication cancelled")
TOO_MANY_LOGINS: Final = wire(421, "4.7.0", "Too many failed logins, closing the connection")

TOO_MUCH_JUNK: Final = wire(503, "5.5.1", "Too many commands without mail")

TOO_MANY_RECIPIENTS: Final = wire(452, "4.5.3", "Too many recipients")
TOO_BIG: Final = wire(552, "5.3.4", "Message size exceeds the limit")
TOO_MANY_ERRORS: Final = wire(421, "4.7.0", "Too many errors, closing the connection")
IDLE: Final = wire(421, "4.4.2", "Idle for too long, closing the connection")
STOPPING: Final = wire(421, "4.3.2", "Service is stopping, try again later")
TOO_MANY_SESSIONS: Final = wire(421, "4.3.2", "Too many sessions, try again later")
TOO_MANY_FROM_PEER: Final = wire(421, "4.7.0", "Too many sessions from your address, try again later")


def out_of_order(state: State, command: Input) -> bytes:
    """The reply to a command that has no place in that state."""
    if state is State.CONNECTED:
        return NEEDS_GREETING
    if state is State.SENDER and command is Input.DATA:
        return NO_RECIPIENTS
    return OUT_OF_ORDER
