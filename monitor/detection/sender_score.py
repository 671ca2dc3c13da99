"""What Validity's Sender Score means for an IP.

A drop is judged against the median of the scores before it, and absolute floors stand beside it. Run rules
beat CUSUM here, because the score is autocorrelated and quantised (control.md 1.3).
"""

from collections.abc import Callable
from statistics import median

from core.incident import IncidentKind, Rule, Severity
from core.reading import Reading
from monitor.detection.finding import Finding, FindingState, ip_fingerprint
from monitor.detection.samples import Judge, Samples, Standing, stand, valid, within
from monitor.detection.settings import SenderScoreRules
from monitor.detection.wording import number


def sender_score(samples: Samples, rules: SenderScoreRules) -> list[Finding]:
    """The findings of both rules: a drop, and a low score."""
    usable = [s for s in valid(samples) if s.value is not None]
    return [*_drop(usable, rules), *_low(usable, rules)]


def baseline(seen: Samples, rules: SenderScoreRules) -> float | None:
    """What the last score is judged by: the median of those before it; None where too few came before."""
    before = [s.value or 0 for s in seen[-rules.baseline - 1 : -1]]
    return median(before) if len(before) >= rules.baseline_least else None


def drop(rules: SenderScoreRules) -> Judge:
    """The judge of so many drops below the baseline."""

    def fires(seen: Samples) -> Severity | None:
        recent = within(seen, rules.drops_of, rules.period)
        ends = range(len(seen) - len(recent) + 1, len(seen) + 1)
        # what an older score is judged by lies before it, so only that much is looked at
        count = sum(_dropped(seen[max(0, end - rules.baseline - 1) : end], rules) for end in ends)
        return Severity.WARNING if count >= rules.drops else None

    return fires


def low(rules: SenderScoreRules) -> Judge:
    """The judge of low scores in a row."""

    def fires(seen: Samples) -> Severity | None:
        last = [s.value or 0 for s in within(seen, rules.low_in_a_row, rules.period)]
        if len(last) < rules.low_in_a_row or max(last) >= rules.warn_below:
            return None
        return Severity.CRITICAL if max(last) < rules.bad_below else Severity.WARNING

    return fires


def _dropped(seen: Samples, rules: SenderScoreRules) -> bool:
    base = baseline(seen, rules)
    return base is not None and base - (seen[-1].value or 0) >= rules.drop


def _drop(usable: Samples, rules: SenderScoreRules) -> list[Finding]:
    before = {id(s): baseline(usable[: place + 1], rules) for place, s in enumerate(usable)}

    def held(sample: Reading) -> bool:
        base = before[id(sample)]
        return base is not None and base - (sample.value or 0) < rules.drop

    def words(at: Standing) -> str:
        base = before[id(at.started)]
        usual = number(base) if base is not None else "unknown"
        return f"the score is {number(at.trigger.value or 0)}; before the drop it was {usual}"

    standing = stand(usable, drop(rules), held, rules.clear_after)
    return _findings(Rule.SENDER_SCORE_DROP, standing, "Sender Score dropped", words)


def _low(usable: Samples, rules: SenderScoreRules) -> list[Finding]:
    def words(at: Standing) -> str:
        floor = rules.bad_below if at.severity is Severity.CRITICAL else rules.warn_below
        return (
            f"the score is {number(at.trigger.value or 0)}, {rules.low_in_a_row} times below {number(floor)}"
        )

    standing = stand(usable, low(rules), lambda s: (s.value or 0) >= rules.warn_below, rules.clear_after)
    return _findings(Rule.SENDER_SCORE_LOW, standing, "Sender Score is low", words)


def _findings(
    rule: Rule, standing: Standing | None, phrase: str, words: Callable[[Standing], str]
) -> list[Finding]:
    if standing is None:
        return []
    subject = standing.trigger
    over = standing.state is FindingState.CLEAR
    return [
        Finding(
            fingerprint=ip_fingerprint(subject.ip, rule, ""),
            kind=IncidentKind.IP,
            ip=subject.ip,
            source=subject.source,
            metric=subject.metric,
            rule=rule,
            severity=standing.severity,
            tier=2,
            title=f"{subject.ip} {phrase}",
            summary=f"the score is back at {number(standing.newest.value or 0)}" if over else words(standing),
            evidence={**subject.evidence, "score": subject.value},
            evidence_end=subject.period_end,
            state=standing.state,
            baseline=standing.baseline,
        )
    ]
