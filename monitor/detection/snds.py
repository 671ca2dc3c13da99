"""What Microsoft SNDS data mean for an IP; they speak about consumer Outlook alone (control.md 1.3)."""

from collections.abc import Callable
from typing import Any

from core.incident import IncidentKind, Rule, Severity
from core.provider import MICROSOFT
from core.reading import Reading, Status
from core.text import printable
from monitor.detection.finding import Finding, FindingState, ip_fingerprint
from monitor.detection.samples import Judge, Samples, Standing, stand, valid, within
from monitor.detection.settings import SndsRules
from monitor.detection.wording import day, number, percent, said

Words = Callable[[Standing], tuple[str, str]]
"""From where a rule stands to the incident's title and one sentence."""


def filter_result(samples: Samples, rules: SndsRules) -> list[Finding]:
    """RED once, and 2 of 3 that are not green: two rules, because they mean two different caps."""
    usable = valid(samples)
    at_once = stand(usable, red, lambda s: s.status is not Status.BAD, rules.clear_after)
    repeated = stand(usable, non_green(rules), lambda s: s.status is Status.GOOD, rules.clear_after)
    share = {Status.WARN: "10 to 90 %", Status.BAD: "more than 90 %"}

    def red_words(at: Standing) -> tuple[str, str]:
        sentence = f"Outlook judged more than 90 % of the mail of {day(at.trigger.period_start)} as spam"
        return f"{at.newest.ip} is RED at Microsoft SNDS", sentence

    def non_green_words(at: Standing) -> tuple[str, str]:
        judged = share.get(at.trigger.status, "a part")
        sentence = (
            f"{rules.non_green} of {rules.non_green_of} days not green; on {day(at.trigger.period_start)} "
            f"Outlook judged {judged} of the mail as spam"
        )
        return f"{at.newest.ip} is not green at Microsoft SNDS", sentence

    return [
        *_findings(Rule.SNDS_RED, at_once, red_words),
        *_findings(Rule.SNDS_NON_GREEN, repeated, non_green_words),
    ]


def trap_hits(samples: Samples, rules: SndsRules) -> list[Finding]:
    """No statistics here: one hit is a warning, five in a period or hits in two periods are critical."""

    def fires(seen: Samples) -> Severity | None:
        hits = seen[-1].value or 0
        if hits < rules.trap_hits_warn:
            return None
        again = sum((s.value or 0) >= rules.trap_hits_warn for s in within(seen, 3, rules.period))
        return Severity.CRITICAL if hits >= rules.trap_hits_bad or again >= 2 else Severity.WARNING

    def words(at: Standing) -> tuple[str, str]:
        count = at.trigger.value or 0
        hits = f"{number(count)} message{'' if count == 1 else 's'}"
        when = day(at.trigger.period_start)
        return f"{at.newest.ip} hit spam traps at Microsoft", f"{hits} to spam traps on {when}"

    usable = [s for s in valid(samples) if s.value is not None]
    standing = stand(usable, fires, lambda s: (s.value or 0) < rules.trap_hits_warn, rules.clear_after)
    return _findings(Rule.SNDS_TRAP_HITS, standing, words)


def complaint_rate(samples: Samples, rules: SndsRules) -> list[Finding]:
    """Share of recipients who pressed "junk", in percent."""

    def fires(seen: Samples) -> Severity | None:
        rate = seen[-1].value or 0
        if rate < rules.complaints_warn:
            return None
        return Severity.CRITICAL if rate >= rules.complaints_bad else Severity.WARNING

    def words(at: Standing) -> tuple[str, str]:
        sentence = (
            f"{said(at.trigger)} of the recipients of {day(at.trigger.period_start)} complained; "
            f"{percent(rules.complaints_warn)} is the limit"
        )
        return f"{at.newest.ip} draws complaints at Microsoft", sentence

    usable = [s for s in valid(samples) if s.value is not None]
    standing = stand(usable, fires, lambda s: (s.value or 0) < rules.complaints_warn, rules.clear_after)
    return _findings(Rule.SNDS_COMPLAINTS, standing, words)


def ip_status(samples: Samples, rules: SndsRules) -> list[Finding]:
    """Blocked or junked. The text decides: SNDS writes "No" beside "Junked due to ..." (signals.md 1.4)."""
    usable = valid(samples)
    blocked = stand(usable, _when(_is_blocked, Severity.CRITICAL), _not(_is_blocked), rules.clear_after)
    junked = stand(usable, _when(_is_junked, Severity.WARNING), _not(_is_junked), rules.clear_after)
    return [
        *_findings(
            Rule.SNDS_BLOCKED,
            blocked,
            lambda at: (f"{at.newest.ip} is blocked by Microsoft", _quote(at.trigger)),
        ),
        *_findings(
            Rule.SNDS_JUNKED,
            junked,
            lambda at: (f"{at.newest.ip} is junked by Microsoft", _quote(at.trigger)),
        ),
    ]


def red(seen: Samples) -> Severity | None:
    """The judge of RED once."""
    return Severity.CRITICAL if seen[-1].status is Status.BAD else None


def non_green(rules: SndsRules) -> Judge:
    """The judge of so many periods that are not green."""

    def fires(seen: Samples) -> Severity | None:
        window = within(seen, rules.non_green_of, rules.period)
        count = sum(s.status is not Status.GOOD for s in window)
        return Severity.WARNING if count >= rules.non_green else None

    return fires


def _is_junked(sample: Reading) -> bool:
    text = sample.detail.lower()
    # "neither blocked nor junked" is what the good ones say
    return sample.status is not Status.GOOD and ("junked" in text or not _is_blocked(sample))


def _is_blocked(sample: Reading) -> bool:
    text = sample.detail.lower()
    if sample.status is Status.GOOD or "junked" in text:
        return False
    return "blocked" in text or sample.status is Status.BAD


def _when(holds: Callable[[Reading], bool], severity: Severity) -> Judge:
    return lambda seen: severity if holds(seen[-1]) else None


def _not(holds: Callable[[Reading], bool]) -> Callable[[Reading], bool]:
    return lambda sample: not holds(sample)


def _quote(sample: Reading) -> str:
    return f"SNDS says: {printable(sample.detail, 200)}"


def _findings(rule: Rule, standing: Standing | None, words: Words) -> list[Finding]:
    if standing is None:
        return []
    subject = standing.trigger
    title, sentence = words(standing)
    evidence: dict[str, Any] = {
        **subject.evidence,
        "said": printable(subject.detail),
        "value": subject.value,
    }
    return [
        Finding(
            fingerprint=ip_fingerprint(subject.ip, rule, ""),
            kind=IncidentKind.IP,
            ip=subject.ip,
            source=subject.source,
            metric=subject.metric,
            rule=rule,
            severity=standing.severity,
            tier=1 if standing.severity is Severity.CRITICAL else 2,
            provider=MICROSOFT,
            title=title,
            summary=sentence
            if standing.state is not FindingState.CLEAR
            else f"clean again: {said(standing.newest)}",
            evidence=evidence,
            evidence_end=subject.period_end,
            state=standing.state,
            baseline=standing.baseline,
        )
    ]
