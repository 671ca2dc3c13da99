"""Bounds of one server session, and whether its peer may hand us mail."""

from dataclasses import dataclass
from enum import StrEnum


class Relaying(StrEnum):
    """Whether this peer may hand us mail."""

    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of one session. Sizes in octets.

    `max_recipients` must be 100 or more (RFC 5321 section 4.5.3.1.8); `max_line` is for commands and has
    room for long addresses and all parameters; `max_junk` is how many NOOP, RSET, VRFY, HELP, HELO and
    EHLO may pass between two messages before each counts as an error (Postfix: smtpd_junk_command_limit).
    Text lines of a content have no bound of their own: they are relayed as they came.
    """

    hostname: str
    max_size: int = 52_428_800
    max_recipients: int = 1_000
    max_line: int = 2_048
    max_errors: int = 20
    max_junk: int = 100
