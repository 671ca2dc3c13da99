"""Complaints, hard bounces, reputation deferrals and blocks of one scope: a CUSUM over hours of sending.

Two walks over the same hours. One begins at zero and says when it is bad; the other begins at the alarm and
says when it is good, so that hours forgotten at the far end of the window never look like a recovery.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.address import IpAddress
from core.cusum import Shift, rise
from core.incident import IncidentKind, Rule, Severity
from core.proportion import wilson_lower, wilson_upper
from core.reading import Source
from core.text import printable
from monitor.detection.finding import Finding, FindingState, ip_fingerprint
from monitor.detection.settings import CountRules, ShareRule
from monitor.detection.wording import percent
from storage.scopes import ScopeHour

_HOUR: Final = timedelta(hours=1)


class Count(StrEnum):
    """What is counted; the second half of a series' metric, after the provider, and the name of the rule."""

    DEFERRALS = "reputation-deferrals"
    BLOCKS = "blocks"
    BOUNCES = "hard-bounces"
    COMPLAINTS = "complaints"


_TITLES = {
    Count.DEFERRALS: "is put off by {}",
    Count.BLOCKS: "meets blocks at {}",
    Count.BOUNCES: "bounces at {}",
    Count.COMPLAINTS: "draws complaints at {}",
}


@dataclass(frozen=True, slots=True)
class Tally:
    """Which count of which tally."""

    ip: IpAddress
    provider: str
    count: Count

    @property
    def metric(self) -> str:
        return f"{self.provider}:{self.count}"


@dataclass(frozen=True, slots=True)
class Cohort:
    """The mail of one hour of sending: what became of it, however late that was told."""

    hour: datetime
    events: int
    trials: int


@dataclass(frozen=True, slots=True)
class Levels:
    """Where the CUSUM warns and where it alarms, after the fleet's correction."""

    warn: float
    bad: float


@dataclass(frozen=True, slots=True)
class Walk:
    """Where both walks stand. The excursion is what has been since the first one last left zero."""

    level: float = 0.0
    pessimist: float = 0.0
    severity: Severity | None = None
    begun: datetime | None = None
    newest: datetime | None = None
    events: int = 0
    trials: int = 0
    cleared: bool = False


def cohorts(hours: Iterable[ScopeHour], count: Count) -> list[Cohort]:
    """The hours of one scope as cohorts of one count."""
    return [Cohort(h.hour, *_figures(h, count)) for h in hours]


def levels(count: Count, rules: CountRules, fleet: int) -> Levels:
    """For a fleet of so many source IPs."""
    rule, more = rule_of(count, rules), rules.correction(fleet)
    return Levels(rule.warn_level + more, rule.bad_level + more)


def rule_of(count: Count, rules: CountRules) -> ShareRule:
    """The two shares that tell good from bad."""
    return {
        Count.DEFERRALS: rules.reputation_deferrals,
        Count.BLOCKS: rules.blocks,
        Count.BOUNCES: rules.hard_bounces,
        Count.COMPLAINTS: rules.complaints,
    }[count]


def judge(
    found: Iterable[Cohort], tally: Tally, rules: CountRules, fleet: int = 1, last_reply: str = ""
) -> list[Finding]:
    """Fold all cohorts of one count. Their order does not matter, nor do repetitions: a count only grows."""
    known = _ordered(found)
    if not known:
        return []
    at = levels(tally.count, rules, fleet)
    walk = walked(known, rule_of(tally.count, rules).shift, at, rules.least_events)
    if walk.severity is None and not walk.cleared:
        return []
    return [_finding(walk, known[-1], tally, rules, last_reply)]


def walked(known: Sequence[Cohort], shift: Shift, at: Levels, least_events: int) -> Walk:
    """Both walks over cohorts in order of time."""
    walk = Walk(pessimist=at.bad)
    for cohort in known:
        walk = step(walk, cohort, shift, at, least_events)
    return walk


def step(walk: Walk, cohort: Cohort, shift: Shift, at: Levels, least_events: int) -> Walk:
    """Both walks after one more hour."""
    score = shift.score(cohort.events, cohort.trials)
    # no higher than the alarm: what is long over must not take as long again to be believed
    level, pessimist = min(rise(walk.level, score), at.bad), min(rise(walk.pessimist, score), at.bad)
    cleared = walk.cleared or pessimist == 0
    if level == 0:
        return Walk(pessimist=pessimist, cleared=cleared)
    events, trials = walk.events + cohort.events, walk.trials + cohort.trials
    return replace(
        walk,
        level=level,
        pessimist=pessimist,
        severity=_worse(walk.severity, _severity(level, events, at, least_events)),
        begun=walk.begun or cohort.hour,
        newest=cohort.hour if score > 0 else walk.newest,
        events=events,
        trials=trials,
        cleared=cleared,
    )


def _severity(level: float, events: int, at: Levels, least_events: int) -> Severity | None:
    if events < least_events or level < at.warn:
        return None
    return Severity.CRITICAL if level >= at.bad else Severity.WARNING


def _worse(one: Severity | None, other: Severity | None) -> Severity | None:
    return max(filter(None, (one, other)), key=lambda s: s.rank, default=None)


def _ordered(found: Iterable[Cohort]) -> list[Cohort]:
    chosen: dict[datetime, Cohort] = {}
    for cohort in found:
        known = chosen.get(cohort.hour, cohort)
        chosen[cohort.hour] = Cohort(
            cohort.hour, max(known.events, cohort.events), max(known.trials, cohort.trials)
        )
    return [chosen[hour] for hour in sorted(chosen)]


def _figures(hour: ScopeHour, count: Count) -> tuple[int, int]:
    answered = hour.delivered + hour.deferred + hour.bounced
    return {
        Count.DEFERRALS: (hour.reputation_deferred, answered),
        Count.BLOCKS: (hour.blocked, answered),
        Count.BOUNCES: (hour.hard_bounced, hour.delivered + hour.hard_bounced),
        Count.COMPLAINTS: (hour.complaints, hour.delivered),
    }[count]


def _finding(walk: Walk, last: Cohort, tally: Tally, rules: CountRules, last_reply: str) -> Finding:
    title = _TITLES[tally.count].format(tally.provider)
    state = _state(walk)
    return Finding(
        fingerprint=ip_fingerprint(tally.ip, Rule(tally.count), tally.provider),
        kind=IncidentKind.IP,
        ip=tally.ip,
        source=Source.REPLIES,
        metric=tally.metric,
        rule=Rule(tally.count),
        severity=walk.severity or Severity.INFO,
        tier=1 if walk.severity is Severity.CRITICAL else 2,
        provider=tally.provider,
        title=f"{tally.ip} {title}",
        summary=_summary(walk, tally.count, rules, state),
        evidence=_evidence(walk, last_reply) if walk.severity else {},
        evidence_end=(walk.newest or last.hour) + _HOUR,
        state=state,
    )


def _state(walk: Walk) -> FindingState:
    """Active until the walk is back at zero: halfway down it may as well go up again."""
    return FindingState.CLEAR if walk.severity is None else FindingState.ACTIVE


def _summary(walk: Walk, count: Count, rules: CountRules, state: FindingState) -> str:
    """Nothing here may move with the hours: a changed summary is told to people."""
    name, rule = count.replace("-", " "), rule_of(count, rules)
    if state is FindingState.CLEAR:
        return f"{name} are back at {percent(rule.good)} of the mail or less"
    sure = "are surely" if walk.severity is Severity.CRITICAL else "seem to be"
    return f"{name} {sure} above the usual {percent(rule.good)} of the mail; {percent(rule.bad)} is bad"


def _evidence(walk: Walk, last_reply: str) -> dict[str, object]:
    share = walk.events / walk.trials if walk.trials else 1.0
    low, high = wilson_lower(walk.events, walk.trials), wilson_upper(walk.events, walk.trials)
    quote = {"last reply": printable(last_reply)} if last_reply else {}
    return {
        "counted": f"{walk.events:,} of {walk.trials:,} recipients",
        "share": f"{percent(share)} ({percent(low)} to {percent(high)} with 95 % confidence)",
        "since": walk.begun.isoformat() if walk.begun else None,
        **quote,
    }
