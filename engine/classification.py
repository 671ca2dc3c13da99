"""What a remote reply is about: only replies whose subject is the IP count against a source IP."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml


class ReplyClass(StrEnum):
    """The kinds of reply that statistics tell apart."""

    DELIVERED = "delivered"
    REPUTATION_DEFERRAL = "deferred because of the source IP"
    DEFERRAL = "deferred"
    BLOCK = "refused because of the source IP"
    DOMAIN_DEFERRAL = "deferred because of the sending domain"
    DOMAIN_REFUSAL = "refused because of the sending domain"
    CONTENT_DEFERRAL = "deferred because of the content"
    CONTENT_REFUSAL = "refused because of the content"
    HARD_BOUNCE = "no such recipient"
    BOUNCE = "refused"


class Subject(StrEnum):
    """What a reply is about."""

    IP = "the source IP"
    DOMAIN = "the sending domain or its authentication"
    CONTENT = "what was sent"
    RECIPIENT = "the recipient"
    OTHER = "none of these"


@dataclass(frozen=True, slots=True)
class KnownReply:
    """One entry of the shipped catalogue."""

    id: str
    provider: str
    expression: re.Pattern[str]
    subject: str
    action: str
    meaning: str


# the catalogue says microsoft365 where scopes say office365
_PROVIDER_NAMES = {"microsoft365": "office365"}
_SUBJECTS = {
    "ip": Subject.IP,
    "domain": Subject.DOMAIN,
    "auth": Subject.DOMAIN,
    "auth-or-policy": Subject.DOMAIN,
    "content": Subject.CONTENT,
    "content-or-ip": Subject.CONTENT,  # a verdict on one message is not yet one on the IP
    "recipient": Subject.RECIPIENT,
}
_BY_TEXT = "ip-or-domain"
# Gmail's 4.7.28 names what it limits (https://support.google.com/mail/?p=UnsolicitedRateLimitError), QQ too
_NAMED = (
    (re.compile(r"\bURL\b", re.IGNORECASE), Subject.CONTENT),
    (re.compile(r"\b(SPF|DKIM)\b|\b(sender|domain) frequency", re.IGNORECASE), Subject.DOMAIN),
    (re.compile(r"\bIP (address|netblock)|\b(ip|connection) frequency", re.IGNORECASE), Subject.IP),
)
_KINDS = {
    Subject.DOMAIN: (ReplyClass.DOMAIN_DEFERRAL, ReplyClass.DOMAIN_REFUSAL),
    Subject.CONTENT: (ReplyClass.CONTENT_DEFERRAL, ReplyClass.CONTENT_REFUSAL),
}
_BLOCKING = {"ip_blocked"}
# RFC 3463: 5.1.1 no such mailbox, 5.1.10 null MX, 5.2.1 disabled; without a code the words must do
_NO_RECIPIENT = re.compile(
    r"\b5\.(1\.(1|2|3|6|10)|2\.1)\b"
    r"|user unknown|unknown user|no such (user|recipient|mailbox)|does not exist",
    re.IGNORECASE,
)


class ReplyCatalogue:
    """Looks replies up; the first entry of the provider (or `any`) that matches wins."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        known = [_known(entry) for entry in entries]
        self._general = [k for k in known if k.provider == "any"]
        self._by_provider: dict[str, list[KnownReply]] = {}
        for entry in known:
            if entry.provider != "any":
                self._by_provider.setdefault(entry.provider, []).append(entry)

    def find(self, provider: str, text: str) -> KnownReply | None:
        entries = self._by_provider.get(provider, []) + self._general
        return next((k for k in entries if k.expression.search(text)), None)

    def classify(self, provider: str, code: int, text: str) -> ReplyClass:
        """Sort a reply, `text` verbatim with its code. Text before digit: Yahoo defers with 553."""
        if code // 100 == 2:
            return ReplyClass.DELIVERED
        known = self.find(provider, text)
        about = subject_of(known, text) if known else Subject.OTHER
        transient = code // 100 == 4
        if known and about is Subject.IP:
            blocks = known.action in _BLOCKING or not transient
            return ReplyClass.BLOCK if blocks else ReplyClass.REPUTATION_DEFERRAL
        if about in _KINDS:
            deferral, refusal = _KINDS[about]
            return deferral if transient else refusal
        if transient:
            return ReplyClass.DEFERRAL
        return ReplyClass.HARD_BOUNCE if _NO_RECIPIENT.search(text) else ReplyClass.BOUNCE


def subject_of(known: KnownReply, text: str) -> Subject:
    """What a known reply is about; if the entry leaves it open, what the text names; in doubt not the IP."""
    if known.subject != _BY_TEXT:
        return _SUBJECTS.get(known.subject, Subject.OTHER)
    return next((subject for named, subject in _NAMED if named.search(text)), Subject.OTHER)


def _known(entry: dict[str, Any]) -> KnownReply:
    return KnownReply(
        id=str(entry["id"]),
        provider=provider_name(entry),
        expression=re.compile(str(entry["regex"])),
        subject=str(entry["subject"]),
        action=str(entry["action"]),
        meaning=str(entry["meaning"]),
    )


def provider_name(entry: dict[str, Any]) -> str:
    """The provider of a catalogue entry as scopes call it, or `any`."""
    provider = str(entry["provider"])
    return _PROVIDER_NAMES.get(provider, provider)


@lru_cache(maxsize=1)
def shipped_entries() -> list[dict[str, Any]]:
    """The entries of `engine/data/smtp_replies.yaml` as written."""
    text = resources.files("engine").joinpath("data/smtp_replies.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries: list[dict[str, Any]] = yaml.load(text, Loader=loader)["patterns"]  # noqa: S506 - a safe loader
    return entries


@lru_cache(maxsize=1)
def shipped_catalogue() -> ReplyCatalogue:
    """The shipped entries, ready to look replies up."""
    return ReplyCatalogue(shipped_entries())
