"""Any decrease of any metric, told at once: it may be the beginning of a forming issue.

The other rules wait until they are sure; this one does not, so it says less and throttles nothing.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from core.incident import IncidentKind, Rule, Severity
from core.provider import EVERY, MICROSOFT
from core.reading import Reading, Source, Status
from monitor.detection.finding import Finding, FindingState, ip_fingerprint
from monitor.detection.samples import Samples, valid
from monitor.detection.settings import DecreaseRules
from monitor.detection.wording import metric_name, said

CLEAR_AFTER = 2
_RANKS = {Status.GOOD: 0.0, Status.WARN: -1.0, Status.BAD: -2.0}


@dataclass(frozen=True, slots=True)
class Fall:
    """A fall that is going on: from which sample, to the lowest one, and how it has gone since."""

    state: FindingState
    before: Reading
    lowest: Reading
    recovered: int = 0
    level: int = 0


def decrease(samples: Samples, rules: DecreaseRules) -> list[Finding]:
    """Fold valid samples of one series, oldest first."""
    usable = [s for s in valid(samples) if _height(s) is not None]
    if not rules.enabled or len(usable) < 2:
        return []
    step = step_of(usable[0], rules)
    fall: Fall | None = None
    for previous, sample in pairwise(usable):
        fall = follow(fall, previous, sample, step, rules.settles_after)
    return [_finding(fall, usable[-1])] if fall else []


def follow(fall: Fall | None, previous: Reading, sample: Reading, step: float, settles: int) -> Fall | None:
    """The fall after one more sample; None while nothing has fallen."""
    if fall is None or fall.state is FindingState.CLEAR:
        fell = _level(previous) - _level(sample) >= step
        return Fall(FindingState.ACTIVE, previous, sample) if fell else fall
    if _level(sample) >= _level(fall.before):
        recovered = fall.recovered + 1
        state = FindingState.CLEAR if recovered >= CLEAR_AFTER else FindingState.CLEARING
        return replace(fall, state=state, recovered=recovered)
    if _level(fall.lowest) - _level(sample) >= step:
        return replace(fall, state=FindingState.ACTIVE, lowest=sample, recovered=0, level=0)
    level = fall.level + 1
    state = FindingState.CLEAR if level >= settles else FindingState.ACTIVE
    return replace(fall, state=state, recovered=0, level=level)


def _height(sample: Reading) -> float | None:
    """The sample as a number that is higher when things are better."""
    if sample.source is Source.SENDER_SCORE:
        return sample.value
    if sample.metric in {"complaint-rate", "trap-hits"}:
        return None if sample.value is None else -sample.value
    return _RANKS.get(sample.status)


def _level(sample: Reading) -> float:
    return _height(sample) or 0.0


def step_of(sample: Reading, rules: DecreaseRules) -> float:
    """By how much the series that the sample is of must fall for it to count."""
    if sample.source is Source.SENDER_SCORE:
        return rules.score_step
    steps = {"complaint-rate": rules.complaint_step, "trap-hits": rules.trap_step}
    # 0.3 - 0.2 is a little less than 0.1 in binary: a hundredth of a step is forgiven
    return steps.get(sample.metric, 1.0) * 0.99


_RISES = {"complaint-rate", "trap-hits"}


def _finding(fall: Fall, newest: Reading) -> Finding:
    low = fall.lowest
    name = metric_name(low.source, low.metric)
    verb = "rose" if low.metric in _RISES else "fell" if low.source is Source.SENDER_SCORE else "got worse"
    return Finding(
        fingerprint=ip_fingerprint(low.ip, Rule.DECREASE, low.metric or low.source),
        kind=IncidentKind.IP,
        ip=low.ip,
        source=low.source,
        metric=low.metric,
        rule=Rule.DECREASE,
        severity=Severity.INFO if low.status is Status.GOOD else Severity.WARNING,
        tier=3,
        provider=EVERY if low.source is Source.SENDER_SCORE else MICROSOFT,
        title=f"{low.ip} {name} {verb}",
        summary=_summary(fall, newest),
        evidence={**low.evidence, "before": said(fall.before), "now": said(low)},
        evidence_end=low.period_end,
        state=fall.state,
    )


def _summary(fall: Fall, newest: Reading) -> str:
    moved = f"from {said(fall.before)} to {said(fall.lowest)}"
    if fall.state is not FindingState.CLEAR:
        return moved
    return f"back at {said(newest)}" if fall.recovered else f"{moved}, and level since: the new normal"
