"""Bounds of one server session, whether its peer may hand us mail, and what it may ask for first."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Relaying(StrEnum):
    """Whether this peer may hand us mail."""

    ALLOWED = "allowed"
    DENIED = "denied"


class Authentication(StrEnum):
    """Whether AUTH is to be had."""

    NONE = "not offered"
    OVER_TLS = "once TLS protects the password"
    ALWAYS = "also in clear text"


@dataclass(frozen=True, slots=True)
class Offers:
    """What one session offers beyond plain SMTP."""

    starttls: bool = False
    authentication: Authentication = Authentication.NONE


PLAIN_SMTP = Offers()


def _nobody(_recipient: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of one session. Sizes in octets.

    `max_recipients` must be 100 or more (RFC 5321 section 4.5.3.1.8); `max_line` is for commands and has
    room for long addresses and all parameters; `max_junk` is how many NOOP, RSET, VRFY, HELP, HELO and
    EHLO may pass between two messages before each counts as an error (Postfix: smtpd_junk_command_limit).
    `max_login_failures` end the session (RFC 4954 section 4: clients are to be kept from guessing).
    `open_to` says for which recipients everybody may send mail here (feedback loops, bounces).
    Text lines of a content have no bound of their own: they are relayed as they came.
    """

    hostname: str
    max_size: int = 52_428_800
    max_recipients: int = 1_000
    max_line: int = 2_048
    max_errors: int = 20
    max_junk: int = 100
    max_login_failures: int = 3
    open_to: Callable[[str], bool] = _nobody
