"""Every number the controller goes by, each with where it comes from.

"2.2" in the descriptions is the controller table that the simulator measured (a sweep of the factors shows a
flat optimum: ±2 % of good mail delivered), see `make evaluate`.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from core.duration import Duration
from core.rate import Rate
from core.settings import Settings

Level = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Mode(StrEnum):
    """How far the controller goes."""

    OBSERVE = "observe"
    ADVISE = "advise"
    ENFORCE = "enforce"

    @property
    def meaning(self) -> str:
        return {
            Mode.OBSERVE: "records what it would do",
            Mode.ADVISE: "mails what it would do",
            Mode.ENFORCE: "does it",
        }[self]


class EngineAccess(Settings):
    """How to reach the engine's control API."""

    url: str = Field(
        "unix:data/control.sock", description="Where the control API listens: http://… or unix:path."
    )
    token: SecretStr | None = Field(None, description="A bearer token with the scope operate.")
    token_file: Path | None = Field(None, description="A file that holds the token, instead of `token`.")
    timeout: Duration = Field(timedelta(seconds=10), description="How long to wait for an answer.")


class ReplySettings(Settings):
    """The fast loop: what mailbox providers answer, in the last hour and since the last cut."""

    window: Duration = Field(timedelta(hours=1), description="How far back replies count (2.2).")
    min_events: Count = Field(
        3,
        description="So many reputation replies at least: one lonely event cuts nothing (Postfix's finding).",
    )
    deferral_threshold: Share = Field(
        0.03, description="Share of reputation deferrals that cuts: Momentum's low mark, 3 % (2.2)."
    )
    deferral_factor: Level = Field(0.7, description="What such deferrals multiply the rate by (2.2).")
    heavy_threshold: Share = Field(0.20, description="Share of reputation deferrals that cuts hard (2.2).")
    heavy_factor: Level = Field(0.4, description="What such deferrals multiply the rate by (2.2).")
    block_threshold: Share = Field(0.10, description="Share of blocks that cuts hardest (2.2).")
    block_factor: Level = Field(0.2, description="What blocks multiply the rate by (2.2).")
    burst_window: Duration = Field(
        timedelta(minutes=1),
        description="Heavy trouble within this time counts by itself: an hour of good mail must not hide it.",
    )
    burst_events: Count = Field(10, description="So many reputation replies at least make such a burst.")
    z: float = Field(1.96, gt=0, description="Quantile of the Wilson interval: 1.96 is 95 % (1.3).")


class CountSettings(Settings):
    """Complaints and hard bounces: CUSUM over hours of sending, one message at a time (1.3)."""

    complaint_good: Share = Field(0.0005, description="Complaints per message when all is well (1.3).")
    complaint_bad: Share = Field(0.003, description="Complaints per message to detect: Gmail's limit (1.3).")
    complaint_factor: Level = Field(0.5, description="What complaints multiply the rate by (2.2).")
    bounce_good: Share = Field(0.02, description="Hard bounces per message when all is well (1.3).")
    bounce_bad: Share = Field(0.08, description="Hard bounces per message to detect (1.3).")
    bounce_factor: Level = Field(
        0.7, description="What hard bounces multiply the IP's whole rate by: list quality (2.2)."
    )
    threshold: float = Field(
        9.0, gt=0, description="CUSUM level h that acts: ARL of 4e5 messages or more (1.3)."
    )
    memory: Duration = Field(timedelta(days=3), description="How far back hours of sending count.")


class CapSettings(Settings):
    """The slow signals: levels that hold while their incident is open, as a share of the base rate (2.2)."""

    dnsbl_tier_1: Level = Field(0.10, description="Spamhaus SBL, CSS, XBL: at all providers but google.")
    dnsbl_tier_1_google: Level = Field(0.5, description="The same at google, which does not use these lists.")
    dnsbl_tier_2: Level = Field(
        0.5, description="SpamCop, Barracuda and the like: at all but google, microsoft, yahoo."
    )
    dnsbl_tier_2_exempt: tuple[str, ...] = Field(
        ("google", "microsoft", "yahoo"), description="Providers that tier 2 lists do not move."
    )
    snds_red: Level = Field(0.2, description="SNDS filter result RED: at microsoft alone.")
    snds_non_green: Level = Field(0.5, description="SNDS two of three days not GREEN: at microsoft alone.")
    snds_blocked: Level = Field(0.2, description="SNDS says blocked: at microsoft, as heavy as RED.")
    snds_junked: Level = Field(0.5, description="SNDS says junked: at microsoft, as two days not GREEN.")
    snds_complaints: Level = Field(
        0.5, description="SNDS complaint rate: at microsoft, as our own complaints."
    )
    trap_hits_warning: Level = Field(0.5, description="SNDS trap hits, warning: at microsoft.")
    trap_hits_critical: Level = Field(0.3, description="SNDS trap hits, critical: at microsoft.")
    trap_hits_everywhere: Level = Field(
        0.8, description="SNDS trap hits: the IP's whole rate (list quality)."
    )
    alert_critical: Level = Field(
        0.2, description="A critical alert of another monitor: at its provider, or the IP's whole rate."
    )
    alert_warning: Level = Field(
        0.5, description="A warning of another monitor: at its provider, or the IP's whole rate."
    )
    sender_score_drop: Level = Field(
        0.7, description="Sender Score fell by 5 in 2 of 3: the IP's whole rate."
    )
    sender_score_low: Level = Field(0.5, description="Sender Score below 70 twice: the IP's whole rate.")


class RecoverySettings(Settings):
    """When a scope may be cut again, and how it comes back: step by step, never at once (2.2)."""

    dwell: Duration = Field(
        timedelta(minutes=30),
        description="Cuts by replies compound at most this often; within, the worst counts.",
    )
    daily_dwell: Duration = Field(
        timedelta(hours=24),
        description="The same for cuts by complaints and hard bounces, which arrive late.",
    )
    cool_down: Duration = Field(
        timedelta(hours=2), description="So long without any alarm before the first step."
    )
    relapse_factor: float = Field(
        2.0,
        ge=1,
        le=100,
        description="Each cut after a step up multiplies the next cool-down by this, until all is well: who "
        "feels for a limit that stays where it is meets it ever more seldom.",
    )
    longest_cool_down: Duration = Field(timedelta(hours=24), description="No cool-down is longer.")
    step: Duration = Field(timedelta(hours=2), description="Time between steps up.")
    factor: float = Field(1.5, gt=1, description="A step multiplies the level by this, up to the threshold.")
    threshold: Level = Field(
        0.7, description="The threshold: this share of the level at which the last cut happened (ssthresh)."
    )
    increment: Level = Field(0.04, description="Above the threshold a step adds this share of the base rate.")
    slow_factor: float = Field(
        1.1,
        gt=1,
        description="Above the threshold a step multiplies the level by this at most: with 4 % of the base "
        "alone a rate near the floor would treble, and be cut again (`make evaluate`, single parts).",
    )
    min_deliveries: Count = Field(10, description="Deliveries that prove a level before the next step.")
    doubling: float = Field(
        2.0,
        gt=1,
        description="While recovering, at most this × the best hour of the last day (Gmail's doubling rule).",
    )
    max_age: Duration = Field(
        timedelta(days=14), description="A throttle that lasts longer is shown to a human."
    )

    def patience(self, relapses: int) -> timedelta:
        """The cool-down after so many cuts that each came after a step up."""
        most = max(self.longest_cool_down, self.cool_down)
        # beyond some doublings the cap binds anyway; in seconds, for no span may overflow
        patience = self.cool_down.total_seconds() * self.relapse_factor ** min(relapses, 30)
        return timedelta(seconds=min(most.total_seconds(), patience))


class FloorSettings(Settings):
    """What always flows, so that a throttled IP can show that it is good again (2.2)."""

    share: Level = Field(
        0.02, description="This share of the base rate: 0.2 % starves, 10 % feeds a block (2.2)."
    )
    rate: Rate = Field(Rate(10, 3_600), description="At least this rate, whatever the base.")
    microsoft: Rate = Field(
        Rate(200, 86_400),
        description="At least this at microsoft: SNDS shows nothing below 100 messages a day.",
    )
    probe: Rate = Field(Rate(1, 360), description="At least one message in this time, to learn how it goes.")


class BaseSettings(Settings):
    """What an `unlimited` scope is measured against, frozen while it is throttled (2.2)."""

    window: Duration = Field(timedelta(days=14), description="How many days of accepted volume to look at.")
    quantile: Share = Field(
        0.95, description="Which of the hours with mail, from the quietest to the busiest."
    )
    headroom: float = Field(1.2, ge=1, description="The base is this × that hour.")
    min_hours: Count = Field(24, description="With fewer hours of mail than this, the base is assumed.")
    assumed_base: Rate = Field(Rate(1_000, 3_600), description="The base where there is too little history.")

    @property
    def counts_kept(self) -> timedelta:
        """How long hourly counts are kept: by Sunday last week is still compared with the one before it."""
        return max(self.window, timedelta(days=21)) + timedelta(days=1)


class LeaseSettings(Settings):
    """How long the engine keeps a lease if the controller dies; it ramps by itself then (2.2)."""

    min_ttl: Duration = Field(timedelta(hours=6), description="The shortest life of a lease.")
    cadences: float = Field(3.0, ge=1, description="At least this × the cadence of the signal behind it.")
    dnsbl_cadence: Duration = Field(timedelta(hours=1), description="How often DNS lists are asked.")
    daily_cadence: Duration = Field(timedelta(days=1), description="How often SNDS and Sender Score change.")
    hysteresis: Share = Field(0.10, description="Changes of a rate by less than this share are not sent.")


class GuardSettings(Settings):
    """Blast radius: how much of the fleet slow signals may take away (2.5). Replies are not bound by it."""

    source_share: Share = Field(
        0.10, description="A source that names more than this share of the fleet within the window must wait."
    )
    source_ips: Count = Field(5, description="So many IPs at least, so that a small fleet is protected, too.")
    source_window: Duration = Field(
        timedelta(hours=1), description="The window: as long as one round of the DNS lists."
    )

    hourly: Share = Field(0.25, description="At most this share of the fleet's capacity within an hour.")
    total: Share = Field(0.40, description="At most this share of the fleet's capacity in all.")
    free_ips: int = Field(
        2, ge=0, description="This many IPs may always be capped, so that a small fleet is protected, too."
    )
    changes_per_minute: Count = Field(
        600, description="So many leases at most change within a minute; what replies cut goes first (2.5)."
    )
    clock_tolerance: Duration = Field(
        timedelta(minutes=2),
        description="A clock that jumps further, or is further from the engine's, makes the controller wait.",
    )
    stale_after: Duration = Field(
        timedelta(hours=24),
        description="If no source was asked for so long, slow signals lower nothing and let nothing rise.",
    )


class CouplingSettings(Settings):
    """Two providers that cut one IP within this time are a warning for the others (2.2)."""

    window: Duration = Field(timedelta(hours=6), description="Time between the two cuts.")
    providers: int = Field(2, ge=2, description="So many providers.")


class ControllerSettings(Settings):
    """From incidents and replies to rates."""

    mode: Mode = Field(
        Mode.ADVISE,
        description="observe and advise change nothing: every change is recorded under that name, mailed "
        "with the command that would make it, and counted in the weekly digest. enforce makes it.",
    )
    engine: EngineAccess = Field(EngineAccess(), description="The engine whose rates are controlled.")
    interval: Duration = Field(timedelta(seconds=60), description="Time between two looks at everything.")
    look_again: Duration = Field(
        timedelta(seconds=1),
        description="Time between two looks when the engine itself reports replies about an IP.",
    )
    protected_virtual_mtas: tuple[str, ...] = Field(
        (),
        description="VirtualMTAs of transactional mail. Slow signals are told and advised there, and lower "
        "nothing; only what providers reply cuts the source IPs that these VirtualMTAs use.",
    )
    replies: ReplySettings = Field(ReplySettings(), description="The fast loop.")
    counts: CountSettings = Field(CountSettings(), description="Complaints and hard bounces.")
    caps: CapSettings = Field(CapSettings(), description="The slow signals.")
    recovery: RecoverySettings = Field(RecoverySettings(), description="Cutting and coming back.")
    floor: FloorSettings = Field(FloorSettings(), description="What always flows.")
    base: BaseSettings = Field(BaseSettings(), description="What `unlimited` is measured against.")
    leases: LeaseSettings = Field(LeaseSettings(), description="Life and hysteresis of leases.")
    guard: GuardSettings = Field(GuardSettings(), description="Blast radius.")
    coupling: CouplingSettings = Field(CouplingSettings(), description="Providers that agree.")
