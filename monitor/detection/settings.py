"""Every number that detection uses, with where it comes from."""

from datetime import timedelta
from enum import StrEnum
from math import log
from typing import Annotated, Self

from pydantic import Field, model_validator

from core.cusum import Shift
from core.duration import Duration
from core.settings import Settings

Share = Annotated[float, Field(gt=0, lt=1)]


class FleetCorrection(StrEnum):
    """Whether levels rise with the number of IPs that are watched."""

    LOGARITHM = "log"
    NONE = "none"


class DnsblRules(Settings):
    """When a DNS list counts as listing an IP (control.md 1.3: 480 false listings a day become 0.5)."""

    second_looks: list[Duration] = Field(
        default=[timedelta(seconds=30), timedelta(minutes=5)],
        description="After a first hit the list is asked again this long after it; two hits are a listing.",
    )
    clean_polls: int = Field(default=3, ge=1, description="How many clean answers in a row end a listing.")
    clean_for: Duration = Field(
        default=timedelta(hours=6), description="The clean answers must span at least this long."
    )
    max_age: Duration = Field(
        default=timedelta(hours=3),
        description="No answer for this long (three polls) means that monitoring is blind on the list.",
    )


class SndsRules(Settings):
    """When Microsoft SNDS data mean trouble (control.md 1.3: 515 days between false alarms)."""

    period: Duration = Field(
        default=timedelta(days=1), description="The length of one activity period of SNDS."
    )
    non_green: int = Field(default=2, ge=1, description="This many periods that are not green ...")
    non_green_of: int = Field(default=3, ge=1, description="... out of this many valid ones are a finding.")
    clear_after: int = Field(
        default=2,
        ge=1,
        description="How many clean periods in a row end a finding; days without data do not count.",
    )
    trap_hits_warn: int = Field(default=1, ge=1, description="Trap hits in one period that are a warning.")
    trap_hits_bad: int = Field(default=5, ge=1, description="Trap hits in one period that are critical.")
    complaints_warn: float = Field(
        default=0.003,
        gt=0,
        lt=1,
        description="Complaint rate, as a share, that is a warning (0.3 %: Gmail's published limit, too).",
    )
    complaints_bad: float = Field(
        default=0.01, gt=0, lt=1, description="Complaint rate, as a share, that is critical."
    )
    max_age: Duration = Field(
        default=timedelta(hours=72),
        description="No usable answer for this long (three periods) means that monitoring is blind on SNDS.",
    )


class SenderScoreRules(Settings):
    """When Sender Score means trouble (control.md 1.3: 1,471 days between false alarms)."""

    drop: float = Field(default=5, gt=0, description="Points below the baseline that count as a drop.")
    baseline: int = Field(
        default=14, ge=3, description="The baseline is the median of this many scores before the one judged."
    )
    baseline_least: int = Field(
        default=5, ge=1, description="With fewer scores than this before it, no score is called a drop."
    )
    drops: int = Field(default=2, ge=1, description="This many drops ...")
    drops_of: int = Field(default=3, ge=1, description="... out of this many scores are a finding.")
    warn_below: float = Field(default=80, description="Scores below this are a warning.")
    bad_below: float = Field(
        default=70, description="Scores below this are critical: filters begin to act there."
    )
    low_in_a_row: int = Field(default=2, ge=1, description="How many low scores in a row are a finding.")
    clear_after: int = Field(default=2, ge=1, description="How many good scores in a row end a finding.")
    period: Duration = Field(default=timedelta(days=1), description="How often the score is published.")
    max_age: Duration = Field(
        default=timedelta(hours=72),
        description="No usable answer for this long (three periods) means blind on Sender Score.",
    )


class ShareRule(Settings):
    """The two shares that a CUSUM tells apart (core.cusum), and the levels at which it speaks."""

    good: Share = Field(description="The share when all is well.")
    bad: Share = Field(description="The share to detect; it must be above `good`.")
    warn_level: float = Field(gt=0, description="CUSUM level h that is a warning.")
    bad_level: float = Field(default=9.0, gt=0, description="CUSUM level h that is critical.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.good >= self.bad:
            raise ValueError(f"bad ({self.bad}) must be above good ({self.good})")
        if self.warn_level > self.bad_level:
            raise ValueError(f"warn-level ({self.warn_level}) must not be above bad-level ({self.bad_level})")
        return self

    @property
    def shift(self) -> Shift:
        return Shift(self.good, self.bad)


class CountRules(Settings):
    """When what the engine counts means trouble: CUSUM over hours of sending, per scope (control.md 1.3).

    The warning levels of frequent events are higher, for one and the same number of false alarms.
    """

    complaints: ShareRule = Field(
        default=ShareRule(good=0.0005, bad=0.003, warn_level=4.6),
        description="Complaints per delivered recipient.",
    )
    hard_bounces: ShareRule = Field(
        default=ShareRule(good=0.02, bad=0.08, warn_level=7.0),
        description="Hard bounces per recipient delivered or bounced.",
    )
    reputation_deferrals: ShareRule = Field(
        default=ShareRule(good=0.005, bad=0.10, warn_level=7.0),
        description="Reputation deferrals per answered recipient.",
    )
    blocks: ShareRule = Field(
        default=ShareRule(good=0.001, bad=0.05, warn_level=7.0),
        description="Blocks per answered recipient.",
    )
    fleet_correction: FleetCorrection = Field(
        default=FleetCorrection.LOGARITHM,
        description="log adds ln(number of source IPs) to all levels, so that false alarms do not grow with "
        "the fleet; none leaves them.",
    )
    least_events: int = Field(default=3, ge=1, description="Fewer events than this are never a finding.")
    memory: Duration = Field(
        default=timedelta(days=7), description="How far back hours of sending count; at most 14d are kept."
    )

    def correction(self, fleet: int) -> float:
        """What a fleet of so many IPs adds to the levels: a false alarm's odds fall as e^-h."""
        return log(max(1, fleet)) if self.fleet_correction is FleetCorrection.LOGARITHM else 0.0


class DecreaseRules(Settings):
    """Any decrease is told: it may be the beginning of a forming issue."""

    enabled: bool = Field(default=True, description="Whether any decrease of any metric opens an incident.")
    score_step: float = Field(default=1, gt=0, description="Sender Score points that count as a decrease.")
    complaint_step: float = Field(
        default=0.001, gt=0, description="Rise of the complaint rate, as a share, that counts as a decrease."
    )
    trap_step: float = Field(default=1, gt=0, description="Rise of trap hits that counts as a decrease.")
    settles_after: int = Field(
        default=7,
        ge=1,
        description="After this many readings without further decrease the new level is normal.",
    )


class DetectionSettings(Settings):
    """How readings become findings."""

    dnsbl: DnsblRules = Field(default=DnsblRules(), description="Rules for DNS lists.")
    snds: SndsRules = Field(default=SndsRules(), description="Rules for Microsoft SNDS.")
    sender_score: SenderScoreRules = Field(
        default=SenderScoreRules(), description="Rules for Validity Sender Score."
    )
    counts: CountRules = Field(
        default=CountRules(), description="Rules for what mail servers reply to the engine, and complaints."
    )
    decrease: DecreaseRules = Field(
        default=DecreaseRules(), description="The early warning: any decrease of any metric."
    )
    replies_max_age: Duration = Field(
        default=timedelta(minutes=30),
        description="An engine that answered once and then not for this long: blind on replies.",
    )
    blind_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Blind on a source: at least this share of its IPs has no fresh answer.",
    )
