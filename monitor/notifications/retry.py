"""What becomes of a message after an attempt failed. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.notifications import wording
from monitor.notifications.settings import NotificationSettings


class Blame(StrEnum):
    """Why the attempt failed, as far as it matters for the next one."""

    PASSING = "the host could not take it now"
    REFUSED = "the other side refuses this message for good"
    UNKNOWN = "nobody carries it"


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Never again, because."""

    reason: str


def after_failure(
    attempts: int,
    blame: Blame,
    now: datetime,
    settings: NotificationSettings,
    at_least: timedelta = timedelta(0),
) -> Retry | GiveUp:
    """Decide; `attempts` counts the one that failed. The wait doubles up to the longest one.

    `at_least` is the wait that the other side asked for.
    """
    if blame is not Blame.PASSING:
        return GiveUp(blame.value)
    if attempts >= settings.attempts:
        return GiveUp(f"given up after {wording.count(attempts, 'attempt')}")
    wait = settings.retry_first * 2 ** min(attempts - 1, 20)
    return Retry(now + max(min(wait, settings.retry_longest), at_least))
