"""When monitoring itself is blind: nobody answers. About the source, never about an IP.

One finding per source, not per IP, and one for all DNS lists when the resolver is what is broken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from core.address import IpAddress
from core.incident import IncidentKind, Rule, Severity
from core.reading import Quality, Reading, Source
from core.text import printable
from monitor.detection.finding import Finding, FindingState, source_fingerprint
from monitor.detection.settings import DetectionSettings
from monitor.detection.wording import minute, source_name
from monitor.health import SourceHealth, SourceState

RESOLVER = "every-zone"
"""Stands for the metric in the finding about all DNS lists at once."""

RESOLVER_SHARE = 0.5
_NEVER_OLD = timedelta(days=3_650)
_ANSWERS = {Quality.OK, Quality.NO_DATA}
_NAMES = {
    "dnsbl": Source.DNSBL,
    "sender-score": Source.SENDER_SCORE,
    "snds": Source.SNDS_DATA,
    "engine": Source.REPLIES,
}

Unit = tuple[Source, str]
"""What can be blind as a whole: one list, one SNDS account, Sender Score."""


@dataclass(frozen=True, slots=True)
class Sight:
    """When one polled series last had an answer. "No data" is one: the source works and knows nothing."""

    ip: IpAddress
    source: Source
    metric: str
    seen_at: datetime
    asked_at: datetime
    last_words: str = ""


def is_answer(reading: Reading) -> bool:
    """Whether the source worked when it gave this reading."""
    return reading.quality in _ANSWERS


def sight(history: Sequence[Reading]) -> Sight:
    """From one series, oldest first; where no answer is known, measured from the oldest try that is."""
    newest = history[-1]
    answered = [r.observed_at for r in history if is_answer(r)]
    seen = max(answered) if answered else min(r.observed_at for r in history)
    return Sight(newest.ip, newest.source, newest.metric, seen, newest.observed_at, newest.detail)


def blind(
    sights: Iterable[Sight],
    sources: Iterable[SourceHealth],
    now: datetime,
    watching_since: datetime,
    rules: DetectionSettings,
    cadences: Mapping[Unit, timedelta] = MappingProxyType({}),
) -> list[Finding]:
    """A finding for every source that is asked: ACTIVE where blind, CLEAR where it sees.

    Nothing is older than `watching_since`: after a pause of ours the sources get their time to answer. Until
    they have, they are SUSPECT, which starts nothing and ends nothing: a new start is no answer.
    `cadences` are of sources that are asked more seldom than the rules expect: three of them are the bound.
    Series of SNDS are not looked at, because an IP that sends little has no rows there.
    """
    groups: dict[Unit, list[Sight]] = {}
    for one in _still_asked(list(sights), rules):
        if one.source in {Source.DNSBL, Source.SENDER_SCORE}:
            groups.setdefault((one.source, one.metric if one.source is Source.DNSBL else ""), []).append(one)
    health = {unit: h for h in sources if (unit := _unit(h.name)) and _is_asked(h, watching_since)}
    oldest = {
        unit: now - max(max_age(unit[0], rules), 3 * cadences.get(unit, timedelta(0)))
        for unit in {**groups, **health}
    }
    reasons = {
        unit: _mistrust(health.get(unit))
        or _unanswered(groups.get(unit, []), health.get(unit), watching_since, oldest[unit])
        or _partly(groups.get(unit, []), watching_since, oldest[unit], rules.blind_share)
        for unit in oldest
    }
    findings = [
        _about(unit, why, now)
        if why or _has_answered(groups.get(unit, []), health.get(unit), oldest[unit])
        else replace(_about(unit, why, now), state=FindingState.SUSPECT)
        for unit, why in reasons.items()
    ]
    return _resolver_first(findings, now)


def max_age(source: Source, rules: DetectionSettings) -> timedelta:
    """How old an answer may get before the source counts as blind: three times its cadence."""
    match source:
        case Source.DNSBL:
            return rules.dnsbl.max_age
        case Source.SENDER_SCORE:
            return rules.sender_score.max_age
        case Source.SNDS_DATA | Source.SNDS_STATUS:
            return rules.snds.max_age
        case Source.REPLIES:
            return rules.replies_max_age
        case Source.ALERT:
            return _NEVER_OLD  # others speak when they like


def source_of(name: str) -> Source | None:
    """The source that a row of source health (`dnsbl:zen.spamhaus.org`) is about."""
    return _NAMES.get(name.partition(":")[0])


def _still_asked(sights: list[Sight], rules: DetectionSettings) -> list[Sight]:
    """Without series that others of their source have outlived: a list or IP that was taken out."""
    newest: dict[Source, datetime] = {}
    for one in sights:
        newest[one.source] = max(one.asked_at, newest.get(one.source, one.asked_at))
    return [s for s in sights if s.asked_at >= newest[s.source] - max_age(s.source, rules)]


def _unit(name: str) -> Unit | None:
    kind, _, metric = name.partition(":")
    source = _NAMES.get(kind)
    return (source, metric) if source else None


def _is_asked(health: SourceHealth, since: datetime) -> bool:
    # what was last asked before this process began may have been taken out of the configuration
    return health.last_attempt_at is not None and health.last_attempt_at >= since


def _mistrust(health: SourceHealth | None) -> str:
    if health is None or health.state is not SourceState.QUARANTINED:
        return ""
    return f"it is not believed: {printable(health.reason, 200)}"


def _unanswered(members: list[Sight], health: SourceHealth | None, since: datetime, oldest: datetime) -> str:
    if health is None or max(health.last_success_at or since, since) >= oldest:
        return ""
    if health.last_success_at is None and source_of(health.name) is Source.REPLIES:
        return ""  # who only watches has no engine
    seen = max([health.last_success_at or since, *(m.seen_at for m in members)])
    return f"no usable answer since {minute(seen)}: {printable(health.last_error, 200)}"


def _has_answered(members: list[Sight], health: SourceHealth | None, oldest: datetime) -> bool:
    answers = [m.seen_at for m in members]
    if health is not None and health.last_success_at is not None:
        answers.append(health.last_success_at)
    return max(answers, default=oldest - timedelta.resolution) >= oldest


def _partly(members: list[Sight], since: datetime, oldest: datetime, share: float) -> str:
    stale = [m for m in members if max(m.seen_at, since) < oldest]
    if not stale or len(stale) / len(members) < share:
        return ""
    told = f"no usable answer about {len(stale)} of {len(members)} IPs since {minute(stale[-1].seen_at)}"
    return f"{told}: {printable(stale[-1].last_words, 200)}"


def _about(unit: Unit, why: str, now: datetime) -> Finding:
    name = source_name(*unit)
    named = f"{name}, account {unit[1]}" if unit[0] is Source.SNDS_DATA and unit[1] else name
    held = "What was known before is held, and nothing is relaxed."
    return _finding(
        unit, f"blind on {named}", f"{why}. {held}" if why else f"{named} answers again", why, now
    )


def _resolver_first(findings: list[Finding], now: datetime) -> list[Finding]:
    """More than half of the lists blind is one problem: the resolver. It mutes the single ones."""
    zones = [f for f in findings if f.source is Source.DNSBL]
    down = [f for f in zones if f.state is FindingState.ACTIVE]
    silent = [f for f in zones if f.state is not FindingState.CLEAR]
    if len(zones) < 2:
        return findings
    if len(down) <= len(zones) * RESOLVER_SHARE < len(silent):
        return findings
    if len(down) <= len(zones) * RESOLVER_SHARE:
        over = _finding(
            (Source.DNSBL, RESOLVER), "blind on the DNS lists", "the DNS lists answer again", "", now
        )
        return [*findings, over]
    why = f"{len(down)} of {len(zones)} lists give no usable answer, so the resolver is broken or refused"
    one = _finding((Source.DNSBL, RESOLVER), "blind on the DNS lists", f"{why}: {down[0].summary}", why, now)
    return [f for f in findings if f not in down] + [one]


def _finding(unit: Unit, title: str, summary: str, why: str, now: datetime) -> Finding:
    return Finding(
        fingerprint=source_fingerprint(*unit),
        kind=IncidentKind.SOURCE,
        ip=None,
        source=unit[0],
        metric=unit[1],
        rule=Rule.BLIND,
        severity=Severity.WARNING,
        title=title,
        summary=summary,
        evidence={"said": why} if why else {},
        evidence_end=now,
        state=FindingState.ACTIVE if why else FindingState.CLEAR,
    )
