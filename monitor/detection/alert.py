"""What another monitor's alert means: it said so itself, so its newest word stands until it runs out."""

from core.incident import IncidentKind, Rule, Severity
from core.reading import Quality, Reading
from core.text import printable
from monitor.alerts import evidence
from monitor.detection.finding import Finding, FindingState, ip_fingerprint
from monitor.detection.samples import Samples

_KEPT_TO_OURSELVES = {"title", "rule", "tier", "provider", "severity"}


def alert(samples: Samples) -> Finding:
    """The conclusion of the newest sample, oldest first in `samples`: no run rule, no second look."""
    newest = samples[-1]
    facts = newest.evidence
    rule = Rule(facts["rule"])
    return Finding(
        fingerprint=ip_fingerprint(newest.ip, rule, f"alert:{newest.metric}"),
        kind=IncidentKind.IP,
        ip=newest.ip,
        source=newest.source,
        metric=newest.metric,
        rule=rule,
        severity=Severity(facts["severity"]),
        tier=int(facts["tier"]),
        provider=str(facts["provider"]),
        title=str(facts["title"]),
        summary=_summary(newest),
        evidence={name: value for name, value in facts.items() if name not in _KEPT_TO_OURSELVES},
        evidence_end=newest.period_end,
        state=FindingState.ACTIVE if evidence.is_firing(newest) else FindingState.CLEAR,
    )


def _summary(newest: Reading) -> str:
    sender, said = newest.evidence["sender"], printable(newest.detail, 300)
    if evidence.is_firing(newest):
        return f"{sender} says: {said}"
    if newest.quality is Quality.NO_DATA:
        return f"{said}; {sender} did not say that it is over"
    return f"resolved, says {sender}: {said}"
