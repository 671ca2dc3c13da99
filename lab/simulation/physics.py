"""The laws of the toy world: every number in one place, with the public fact or the assumption it rests on.

"2.6" is the list of public dynamics in the control reference; what is called an assumption is one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

STEP_MINUTES: Final = 5
HOURS: Final = STEP_MINUTES / 60
"""Length of one step, in hours."""
STEPS_PER_HOUR: Final = 60 // STEP_MINUTES
STEPS_PER_DAY: Final = 24 * STEPS_PER_HOUR

PROVIDERS: Final = ("microsoft", "google", "yahoo", "other")
MICROSOFT, GOOGLE, YAHOO, OTHER = range(4)
SHARES: Final = (0.30, 0.35, 0.15, 0.20)
"""Of an IP's mail; an assumption about a consumer audience."""

GOOD, BAD = range(2)
"""Kinds of mail: wanted and unwanted."""

VOLUME: Final = 3_000.0
"""Recipients an hour of ordinary mail from one IP, over all providers (2.4)."""
OPERATOR_LIMIT: Final = 10_000.0
"""Recipients an hour that the operator allows an IP, per provider and in all (2.4)."""

# Return Path and Validity, 2017 and 2018 (2.6): score 91-100, 81-90, 71-80; delivered 92/91, 72/68, 45/42 %;
# complaint rate 0.5, 3.2, 4.0 %. Midpoints of the bands, means of the two years, straight lines between; the
# outer lines go on to nothing and to everything.
_SCORES: Final = (59.1, 75.5, 85.5, 95.5, 99.5)
_DELIVERED: Final = (0.0, 0.435, 0.70, 0.915, 1.0)
_MARKS: Final = (0.0, 0.005, 0.032, 0.040, 0.1004)
_LEADS_TO: Final = (100.0, 95.5, 85.5, 75.5, 0.0)
PERFECT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Physics:
    """How providers judge and how late their signals come. Times in hours, scores 0..100.

    `fall_time`, `mend_time`: time constants of the reputation, fast down and slow up (2.4). `evidence`:
    accepted recipients an hour at which a provider learns at half speed; an assumption. `allowance`: what a
    perfect score may send in an hour: 2.4 takes the operator's limit, which its owner found out by trying;
    lesser scores get the table's share of it (Outlook's limits "tied to reputation", 2.6). `tight`: where it
    is given, a multiple of the IP's usual busy hour instead. `trickle`: the share of the allowance that even
    a poor score may send; an assumption.
    `surprise`: mail above this multiple of the recent busiest hour is deferred (Gmail's "unusual rate",
    2.6); None: no such rule. `memory`: how long a busy hour is remembered; an assumption. `pressure`: what
    refused attempts as many as the usual volume take from the score that the mail leads to: two bands of the
    Return Path table; an assumption, as `renewal`: by how much they slow the end of a block, so that it
    lasts up to twice as long. `block_below`: below this score nothing would be delivered if the table's line
    went on. `block_time`: length of a block (2.4).
    `permanent`: the share of refusals in a block that are 5xx; an assumption (Outlook S3140 is 550, Yahoo
    TSS is 421). `listed_penalty`: what a tier 1 listing takes from the score that microsoft and yahoo aim
    at; `other` refuses listed IPs outright. `complaint_time`: mean time from delivery to a complaint (2.4).
    `snds_delay`: when a day's SNDS row is published, after the day (2.4). `listing_delay`: from trap hits
    to a listing (2.4).
    """

    fall_time: float = 10.0
    mend_time: float = 96.0
    evidence: float = 50.0
    allowance: float = OPERATOR_LIMIT
    tight: float | None = None
    trickle: float = 0.01
    surprise: float | None = 1.6
    memory: float = 168.0
    pressure: float = 20.0
    renewal: float = 0.5
    block_below: float = 59.1
    block_time: float = 24.0
    permanent: float = 0.5
    listed_penalty: float = 15.0
    complaint_time: float = 5.0
    snds_delay: tuple[float, float] = (8.0, 30.0)
    listing_delay: tuple[float, float] = (1.0, 6.0)


class Variation(StrEnum):
    """Other laws that the world might follow."""

    USUAL = "as described"
    NO_SURPRISE = "no volume rule"
    NO_PRESSURE = "no pressure penalty"
    SLOW = "slower feedback"
    TIGHT = "tight limits"

    @property
    def physics(self) -> Physics:
        laws = Physics()
        match self:
            case Variation.USUAL:
                return laws
            case Variation.NO_SURPRISE:
                return replace(laws, surprise=None)
            case Variation.NO_PRESSURE:
                return replace(laws, pressure=0.0, renewal=0.0)
            case Variation.SLOW:
                return replace(laws, complaint_time=15.0, snds_delay=(32.0, 54.0), listing_delay=(3.0, 18.0))
            case Variation.TIGHT:
                return replace(laws, tight=2.0, trickle=0.05)


def acceptance(score: Floats) -> Floats:
    """The share of mail that is delivered at a score, by the published table."""
    return np.interp(score, _SCORES, _DELIVERED)


def delivered_share(score: float) -> float:
    """The same for one score."""
    return float(np.interp(score, _SCORES, _DELIVERED))


def score_of(marks: Floats) -> Floats:
    """The score that a share of spam marks leads to in the long run, by the published table."""
    return np.interp(marks, _MARKS, _LEADS_TO)
