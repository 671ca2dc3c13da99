"""What a submitter wants to be told (RFC 3461): RET and ENVID of a message, NOTIFY and ORCPT of a recipient.

Kept as written in SMTP, where every value is without spaces: that is also how the spool keeps it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_ORCPT: Final = re.compile(r"(?P<type>[A-Za-z0-9-]{1,40});(?P<text>(?:[!-*,-<>-~]|\+[0-9A-F]{2})+)\Z")
_CODED: Final = re.compile(r"\+([0-9A-F]{2})")
_KINDS: Final = ("SUCCESS", "FAILURE", "DELAY")
_MAX_ENVID: Final = 100
_MAX_ORCPT: Final = 500


@dataclass(frozen=True, slots=True)
class RecipientWish:
    """NOTIFY (upper case, in the order SUCCESS, FAILURE, DELAY) and ORCPT; empty where nothing was said."""

    notify: str = ""
    orcpt: str = ""

    @property
    def wants_success(self) -> bool:
        return "SUCCESS" in self.notify

    @property
    def wants_failure(self) -> bool:
        """RFC 3461 section 4.1: whoever says nothing wants to hear of failures."""
        return not self.notify or "FAILURE" in self.notify

    def __str__(self) -> str:
        return _words(("NOTIFY", self.notify), ("ORCPT", self.orcpt))


@dataclass(frozen=True, slots=True)
class Wishes:
    """RET (FULL or HDRS), ENVID in xtext, and one entry per recipient of the envelope."""

    ret: str = ""
    envid: str = ""
    recipients: tuple[RecipientWish, ...] = ()

    def of(self, index: int) -> RecipientWish:
        """What is wanted for one recipient."""
        return self.recipients[index] if index < len(self.recipients) else NOTHING

    def only(self, indices: Iterable[int]) -> "Wishes":
        """The same for some of the recipients, in that order."""
        return Wishes(self.ret, self.envid, tuple(self.of(index) for index in indices))

    def mail_words(self) -> str:
        """` RET=… ENVID=…` to append to MAIL; empty if there are none."""
        return _words(("RET", self.ret), ("ENVID", self.envid))

    def dump(self) -> str:
        """As one text for the spool; empty if nothing is wanted. `load` reads it."""
        lines = [self.mail_words(), *(str(wish) for wish in self.recipients)]
        return "\n".join(lines) if any(lines) else ""


NOTHING: Final = RecipientWish()


def load(text: str) -> Wishes | None:
    """What `dump` wrote; None if nothing was wanted."""
    if not text:
        return None
    first, *rest = (_values(line) for line in text.split("\n"))
    recipients = tuple(RecipientWish(line.get("NOTIFY", ""), line.get("ORCPT", "")) for line in rest)
    return Wishes(first.get("RET", ""), first.get("ENVID", ""), recipients)


def parse_ret(value: str | None) -> str:
    """Raises ValueError."""
    word = (value or "").upper()
    if word not in {"FULL", "HDRS"}:
        raise ValueError("RET wants FULL or HDRS")
    return word


def parse_envid(value: str | None) -> str:
    """Raises ValueError."""
    if not value or len(value) > _MAX_ENVID or not _XTEXT.match(value):
        raise ValueError("ENVID wants up to 100 characters of xtext")
    return value


def parse_notify(value: str | None) -> str:
    """`NEVER`, or a list of SUCCESS, FAILURE, DELAY. Raises ValueError."""
    words = (value or "").upper().split(",")
    if words == ["NEVER"]:
        return "NEVER"
    if len(set(words)) != len(words) or not set(words) <= set(_KINDS):
        raise ValueError("NOTIFY wants NEVER or a list of SUCCESS,FAILURE,DELAY")
    return ",".join(kind for kind in _KINDS if kind in words)


def parse_orcpt(value: str | None) -> str:
    """`rfc822;xtext`, or `utf-8;` and RFC 6533's utf-8-addr-xtext. Raises ValueError."""
    text = value or ""
    if len(text) > _MAX_ORCPT or not _ORCPT.match(text):
        raise ValueError("ORCPT wants type;address with the address in xtext")
    return text


def plain(xtext: str) -> str:
    """xtext decoded (RFC 3461 section 4)."""
    return _CODED.sub(lambda m: chr(int(m[1], 16)), xtext)


def _words(*pairs: tuple[str, str]) -> str:
    return "".join(f" {name}={value}" for name, value in pairs if value)


def _values(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
