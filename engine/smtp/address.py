"""The arguments of MAIL and RCPT: paths and parameters (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

Two leniencies, both because the mail of paying customers depends on them: dots may stand anywhere in an
unquoted local part (Japanese carriers gave out `a..b@` and `a.@` for years), and a local part may exceed
64 octets (VERP). One strictness: control characters, also those of Unicode, are refused everywhere.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from core.errors import PeerError
from engine.smtp import dsn

POSTMASTER: Final = "postmaster"

# RFC 6531 adds everything beyond ASCII; we leave out C1 controls here and _SEPARATORS below. The classes are
# written as what they exclude: spelled out up to U+10FFFF they take `re` a tenth of a second to compile.
_DOTTED = r"""[^\x00-\x20"(),:;<>@\[\\\]\x7f-\x9f]+"""
_QUOTED = r"""\"(?:[^\x00-\x1f"\\\x7f-\x9f]|\\[\x20-\x7e])*\""""
_END = r"[^\x00-/:-@\[-`{-\x9f]"
_LABEL = rf"{_END}(?:[^\x00-,./:-@\[-`{{-\x9f]{{0,61}}{_END})?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[0-9A-Za-z.:]{2,60}\]"
_MAILBOX = rf"(?:{_DOTTED}|{_QUOTED})@(?:(?P<domain>{_DOMAIN})|(?P<literal>{_LITERAL}))"
_ROUTE = rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"

_PATH = re.compile(rf"<{_ROUTE}(?P<mailbox>{_MAILBOX})>(?P<rest>\Z| .*\Z)")
_WHOLE_MAILBOX = re.compile(rf"{_MAILBOX}\Z")
_NULL = re.compile(r"<>(?P<rest>\Z| .*\Z)")
_BARE_POSTMASTER = re.compile(rf"<{POSTMASTER}>(?P<rest>\Z| .*\Z)", re.IGNORECASE)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?\Z")
_SEPARATORS = re.compile("[\u2028\u2029]")
_SIZE = re.compile(r"\d{1,20}\Z")


class SyntaxRefused(PeerError):  # noqa: N818 - reads as what happened
    """A path or a parameter that we refuse, with the reply that says so."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text, permanent=True)
        self.code = code
        self.enhanced = enhanced


@dataclass(frozen=True, slots=True)
class MailParameters:
    """What a client declared with MAIL. `size` in octets, None when it did not say."""

    size: int | None = None
    eight_bit: bool = False
    smtp_utf8: bool = False
    ret: str = ""
    envid: str = ""


NO_PARAMETERS: Final = MailParameters()


def is_mailbox(text: str) -> bool:
    """Whether the text is one address that may be put between angle brackets; the null sender is not."""
    match = _WHOLE_MAILBOX.match(text)
    return match is not None and _is_plausible(match)


def parse_reverse_path(text: str) -> tuple[str, str]:
    """What follows `MAIL FROM:` as (address, parameters); the address is empty for `<>`.

    Raises SyntaxRefused.
    """
    match = _PATH.match(text)
    if match and _is_plausible(match):
        return match["mailbox"], match["rest"]
    null = _NULL.match(text)
    if null:
        return "", null["rest"]
    raise SyntaxRefused(501, "5.1.7", "Bad sender address syntax")


def parse_forward_path(text: str) -> tuple[str, str]:
    """What follows `RCPT TO:` as (address, parameters); `<Postmaster>` alone is allowed and lower-cased.

    Raises SyntaxRefused.
    """
    match = _PATH.match(text)
    if match and _is_plausible(match):
        return match["mailbox"], match["rest"]
    bare = _BARE_POSTMASTER.match(text)
    if bare:
        return POSTMASTER, bare["rest"]
    raise SyntaxRefused(501, "5.1.3", "Bad recipient address syntax")


def parse_mail_parameters(text: str) -> MailParameters:
    """Read SIZE, BODY, SMTPUTF8, RET, ENVID. Raises SyntaxRefused, 555 for those that we do not know."""
    if not text:
        return NO_PARAMETERS
    size, eight_bit, smtp_utf8, ret, envid = None, False, False, "", ""
    for keyword, value in _parameters(text).items():
        if keyword == "SIZE":
            size = _size(value)
        elif keyword == "BODY":
            eight_bit = _body(value)
        elif keyword == "SMTPUTF8" and value is None:
            smtp_utf8 = True
        elif keyword == "RET":
            ret = _wish(dsn.parse_ret, value)
        elif keyword == "ENVID":
            envid = _wish(dsn.parse_envid, value)
        elif keyword == "AUTH" and value is not None:
            continue  # RFC 4954 section 5: to be taken, and to be believed from peers alone that we trust
        else:
            raise SyntaxRefused(555, "5.5.4", f"Parameter {keyword} is not supported")
    return MailParameters(size, eight_bit, smtp_utf8, ret, envid)


def parse_rcpt_parameters(text: str) -> dsn.RecipientWish:
    """Read NOTIFY and ORCPT. Raises SyntaxRefused, 555 for those that we do not know."""
    if not text:
        return dsn.NOTHING
    notify = orcpt = ""
    for keyword, value in _parameters(text).items():
        if keyword == "NOTIFY":
            notify = _wish(dsn.parse_notify, value)
        elif keyword == "ORCPT":
            orcpt = _wish(dsn.parse_orcpt, value)
        else:
            raise SyntaxRefused(555, "5.5.4", f"Parameter {keyword} is not supported")
    return dsn.RecipientWish(notify, orcpt)


def _wish(parse: Callable[[str | None], str], value: str | None) -> str:
    try:
        return parse(value)
    except ValueError as error:
        raise SyntaxRefused(501, "5.5.4", str(error)) from error


def _parameters(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for word in text.split(" "):
        if not word:
            continue
        match = _PARAMETER.match(word)
        if not match or match[1].upper() in found:
            raise SyntaxRefused(501, "5.5.4", "Bad or repeated parameter")
        found[match[1].upper()] = match[2]
    return found


def _size(value: str | None) -> int:
    if value is None or not _SIZE.match(value):
        raise SyntaxRefused(501, "5.5.4", "SIZE wants a number of octets")
    return int(value)


def _body(value: str | None) -> bool:
    kind = (value or "").upper()
    if kind not in {"7BIT", "8BITMIME"}:
        raise SyntaxRefused(501, "5.5.4", "BODY wants 7BIT or 8BITMIME")
    return kind == "8BITMIME"


def _is_plausible(match: re.Match[str]) -> bool:
    """What the grammar cannot say: a domain's length, an address literal that is an address."""
    if not match.string.isascii() and _SEPARATORS.search(match.string):
        return False
    literal = match["literal"]
    if literal is None:
        return len(match["domain"]) <= 255
    inner = literal[1:-1]
    try:
        if inner[:5].upper() == "IPV6:":
            IPv6Address(inner[5:])
        else:
            IPv4Address(inner)
    except AddressValueError:
        return False
    return True
