"""What becomes of a recipient after an attempt. A decider: reply, tries and age in, verdict out."""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from engine.classification import ReplyCatalogue, ReplyClass
from engine.directives import DomainSettings
from engine.patterns import Pattern, PatternAction
from engine.smtp.reply import Reply, Speaker

SERVICE_CLOSING = 421
"""RFC 5321 section 4.2.1: the server turns the whole connection away, not the recipient."""


class Fate(Enum):
    """What happens to the recipient."""

    DELIVERED = "delivered"
    DEFERRED = "waits for its own retry"
    TURNED_AWAY = "back to its queue: the source IP was turned away, not the recipient"
    BOUNCED = "refused for good"
    EXPIRED = "too old"


_FINAL = (Fate.DELIVERED, Fate.BOUNCED, Fate.EXPIRED)


class Verdict(NamedTuple):
    """The fate of one recipient, the kind of reply, and how long it waits if it does."""

    fate: Fate
    kind: ReplyClass
    wait: timedelta = timedelta(0)

    @property
    def is_final(self) -> bool:
        return self.fate in _FINAL


def wait_after(schedule: Sequence[timedelta], failures: int) -> timedelta:
    """The wait after the n-th failure (from 1); the last one of the list repeats."""
    return schedule[min(max(failures, 1), len(schedule)) - 1]


def lane_wait(settings: DomainSettings, failures: int, *, in_backoff: bool) -> timedelta:
    """How long a lane waits after its n-th failure in a row."""
    schedule = settings.backoff_retry_after if in_backoff else settings.retry_after
    return wait_after(schedule or settings.retry_after or (timedelta(minutes=10),), failures)


def judge(
    reply: Reply,
    *,
    provider: str,
    attempts: int,
    age: timedelta,
    settings: DomainSettings,
    catalogue: ReplyCatalogue,
) -> Verdict:
    """Decide from the reply to one recipient; `attempts` counts this one."""
    if reply.speaker is Speaker.OURSELVES and not reply.is_permanent:
        kind = ReplyClass.DEFERRAL
    else:
        kind = catalogue.classify(provider, reply.code, reply.text)
    if reply.is_positive:
        return Verdict(Fate.DELIVERED, kind)
    if reply.is_permanent:
        return Verdict(Fate.BOUNCED, kind)
    if settings.bounce_after is not None and age >= settings.bounce_after:
        return Verdict(Fate.EXPIRED, kind)
    if reply.code == SERVICE_CLOSING:
        return Verdict(Fate.TURNED_AWAY, kind)
    waits = settings.retry_recipients_after or (timedelta(minutes=10),)
    return Verdict(Fate.DEFERRED, kind, wait_after(waits, attempts))


def overrule(verdict: Verdict, pattern: Pattern | None) -> Verdict:
    """What skip-mx and bounce-rcpt make of a verdict: the one keeps mail that a 5xx would end, the other ends
    what a 4xx would keep."""
    if pattern is None or verdict.fate is Fate.DELIVERED:
        return verdict
    if PatternAction.SKIP_MX in pattern.actions:
        return Verdict(Fate.TURNED_AWAY, verdict.kind)
    if PatternAction.BOUNCE_RCPT in pattern.actions:
        return Verdict(Fate.BOUNCED, verdict.kind)
    return verdict
