"""From the history of one series to everything that is to be said about it."""

from collections.abc import Iterable

from core.reading import Reading, Source
from monitor.detection import alert, counts, decrease, dnsbl, sender_score, snds
from monitor.detection.finding import Finding, FindingState
from monitor.detection.samples import Samples, ordered
from monitor.detection.settings import DetectionSettings
from storage.scopes import ScopeHour

HISTORY = 60
"""How many readings of a series the folds look at (control.md 1.2)."""

_SNDS_DATA = {
    "filter-result": snds.filter_result,
    "trap-hits": snds.trap_hits,
    "complaint-rate": snds.complaint_rate,
}
_WITHOUT_FALLS = {Source.DNSBL, Source.ALERT, Source.REPLIES}
"""A listing or an alert is its own rule; replies go up and down by the hour."""
_SURE = {FindingState.ACTIVE, FindingState.CLEARING}


def detect(history: Iterable[Reading], rules: DetectionSettings) -> list[Finding]:
    """All findings about one series. The order in which readings came does not matter, nor do duplicates."""
    samples = ordered(history)[-HISTORY:]
    if not samples:
        return []
    levels = _levels(samples, rules)
    falls = [] if samples[-1].source in _WITHOUT_FALLS else decrease.decrease(samples, rules.decrease)
    if any(finding.state in _SURE for finding in levels):
        # a rule that is sure says it better; an early warning that was given stands until all is clear
        falls = []
    return [*levels, *falls]


def counted(
    series: Reading, hours: Iterable[ScopeHour], rules: DetectionSettings, fleet: int
) -> list[Finding]:
    """All findings about one count of the engine: the exact hours of its IP, in whatever order.

    `series` is its newest reading; `fleet` how many source IPs are watched.
    """
    provider, _, name = series.metric.rpartition(":")
    tally = counts.Tally(series.ip, provider, counts.Count(name))
    mine = [h for h in hours if h.scope.source_ip == series.ip and h.scope.provider == provider]
    last_reply = str(series.evidence.get("last_reply", ""))
    return counts.judge(counts.cohorts(mine, tally.count), tally, rules.counts, fleet, last_reply)


def _levels(samples: Samples, rules: DetectionSettings) -> list[Finding]:
    match samples[-1].source:
        case Source.DNSBL:
            found = dnsbl.listing(samples, rules.dnsbl)
            return [found] if found else []
        case Source.SENDER_SCORE:
            return sender_score.sender_score(samples, rules.sender_score)
        case Source.SNDS_STATUS:
            return snds.ip_status(samples, rules.snds)
        case Source.SNDS_DATA:
            fold = _SNDS_DATA.get(samples[-1].metric)
            return fold(samples, rules.snds) if fold else []
        case Source.ALERT:
            return [alert.alert(samples)]
        case Source.REPLIES:
            return []  # rounded to hours that changed; `counted` has them exactly
