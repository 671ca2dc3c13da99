"""How a mailbox provider judges a peer address: decisions only, no sockets and no clock.

A standing is a score 0..100 that mail above the hourly allowance and listings pull down and quiet time mends.
The dynamics are the lab's own; their shape (allowance tied to standing, deferral before block, slow mending)
follows what providers publish (reference: control.md 2.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

PERFECT = 100.0


class Verdict(StrEnum):
    """What happens to one attempt."""

    ACCEPT = "accepted"
    VOLUME = "deferred: more than the hourly allowance"
    DISGRACE = "deferred: poor reputation"
    BLOCKED = "blocked"
    BARRED = "blocked, to be tried again"

    @property
    def is_refusal(self) -> bool:
        return self is not Verdict.ACCEPT


class Stage(StrEnum):
    """Where in a transaction a provider says no."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Temper:
    """How strict a provider is.

    Scores are 0..100. `hourly_allowance`: recipients an hour for a perfect standing; None for no limit.
    Between `good` and `blocking` a growing share of mail is deferred; below `blocking` all is refused.
    """

    hourly_allowance: int | None = None
    good: float = 70.0
    blocking: float = 10.0
    mending_per_hour: float = 4.0
    overrun_penalty: float = 0.2
    listing_ceiling: float = 40.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a provider holds against one address. `ceiling` is how far the score may mend."""

    score: float = PERFECT
    ceiling: float = PERFECT
    as_of: datetime | None = None

    def at(self, now: datetime, temper: Temper) -> "Standing":
        """The standing at `now`: time mends it up to its ceiling."""
        if self.as_of is None:
            return replace(self, as_of=now)
        hours = max(0.0, (now - self.as_of).total_seconds() / 3600)
        mended = min(self.ceiling, self.score + hours * temper.mending_per_hour)
        # a score above a lowered ceiling falls to it at once
        return replace(self, score=min(mended, self.ceiling), as_of=now)

    def lowered(self, by: float) -> "Standing":
        return replace(self, score=max(0.0, self.score - by))


def seen_with(standing: Standing, listings: Sequence[str], temper: Temper) -> float:
    """The score in the light of DNS listings that the provider consults."""
    return min(standing.score, temper.listing_ceiling) if listings else standing.score


def deferred_share(score: float, temper: Temper) -> float:
    """The share of attempts deferred at a score: 0 from `good` up, growing to 1 at `blocking`."""
    if score >= temper.good:
        return 0.0
    return min(1.0, (temper.good - score) / (temper.good - temper.blocking))


def allowance(score: float, temper: Temper) -> float:
    """Recipients an hour that a score may send; infinity when the provider sets no limit."""
    if temper.hourly_allowance is None:
        return float("inf")
    return max(1.0, temper.hourly_allowance * min(1.0, score / temper.good))


def judge(score: float, sent_last_hour: int, draw: float, temper: Temper) -> Verdict:
    """Judge one attempt. `sent_last_hour` counts recipients accepted in the last hour; `draw` is in 0..1."""
    if score < temper.blocking:
        return Verdict.BLOCKED
    if draw < deferred_share(score, temper):
        return Verdict.DISGRACE
    if sent_last_hour >= allowance(score, temper):
        return Verdict.VOLUME
    return Verdict.ACCEPT
