"""Whether a DNS list lists an IP: one hit is a suspicion, hits that agree are a listing.

Control.md 1.3: a single spurious answer must not throttle, and a delisting needs clean answers over hours.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.incident import IncidentKind, Rule, Severity
from core.reading import Reading, Status
from core.text import printable
from monitor.detection.finding import Finding, FindingState, ip_fingerprint
from monitor.detection.samples import Samples, valid
from monitor.detection.settings import DnsblRules

AGREEING_HITS = 2
_SEVERITIES = {1: Severity.CRITICAL, 2: Severity.WARNING}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the answers so far add up to. None for a moment that has not been."""

    state: FindingState = FindingState.CLEAR
    hit: Reading | None = None
    first_hit: Reading | None = None
    first_clean: datetime | None = None
    hits: int = 0
    misses: int = 0
    looks: int = 0
    cleans: int = 0
    ever_clean: bool = False
    settled: bool = False
    listed_before_clean: bool = False


def listing(samples: Samples, rules: DnsblRules) -> Finding | None:
    """Fold all answers of one list about one IP, oldest first; unknown ones count as looks taken."""
    standing = Listing()
    known = {id(sample) for sample in valid(samples)}
    for sample in samples:
        standing = _step(standing, sample, rules, valid_sample=id(sample) in known)
    unsaid = standing.state is FindingState.CLEAR and not standing.settled
    return _finding(standing, samples[-1], rules) if known and not unsaid else None


def _step(now: Listing, sample: Reading, rules: DnsblRules, *, valid_sample: bool) -> Listing:
    if not valid_sample:
        return replace(now, looks=now.looks + 1)
    if sample.status is Status.GOOD:
        return _clean(now, sample, rules)
    return _hit(now, sample)


def _hit(now: Listing, sample: Reading) -> Listing:
    if now.state is FindingState.CLEAR:
        return replace(
            now,
            state=FindingState.SUSPECT, hit=sample, first_hit=sample, hits=1, misses=0, looks=0,
            cleans=0, first_clean=None, settled=False, listed_before_clean=not now.ever_clean,
        )  # fmt: skip
    hits = now.hits + 1
    confirmed = now.state is not FindingState.SUSPECT or hits >= AGREEING_HITS
    state = FindingState.ACTIVE if confirmed else FindingState.SUSPECT
    return replace(now, state=state, hit=sample, hits=hits, looks=now.looks + 1, cleans=0, first_clean=None)


def _clean(now: Listing, sample: Reading, rules: DnsblRules) -> Listing:
    cleans, since = now.cleans + 1, now.first_clean or sample.period_end
    enough = cleans >= rules.clean_polls and sample.period_end - since >= rules.clean_for
    seen = replace(now, cleans=cleans, first_clean=since, ever_clean=True, looks=now.looks + 1)
    if now.state is FindingState.SUSPECT:
        misses = now.misses + 1
        spurious = misses >= len(rules.second_looks)
        return replace(seen, misses=misses, state=FindingState.CLEAR if spurious else FindingState.SUSPECT)
    if enough or now.state is FindingState.CLEAR:
        return replace(seen, state=FindingState.CLEAR, settled=now.settled or enough)
    return replace(seen, state=FindingState.CLEARING)


def _finding(standing: Listing, newest: Reading, rules: DnsblRules) -> Finding:
    hit = standing.hit or newest
    tier = _tier(hit)
    name = list_name(hit)
    return Finding(
        fingerprint=ip_fingerprint(hit.ip, Rule.DNSBL_LISTED, hit.metric),
        kind=IncidentKind.IP,
        ip=hit.ip,
        source=hit.source,
        metric=hit.metric,
        rule=Rule.DNSBL_LISTED,
        severity=_SEVERITIES.get(tier, Severity.INFO),
        tier=tier,
        title=f"{hit.ip} listed on {name}",
        summary=_summary(standing, name),
        evidence=_evidence(standing, hit),
        evidence_end=hit.period_end,
        state=standing.state,
        look_again_at=_look_again(standing, rules),
        baseline=standing.listed_before_clean,
    )


def list_name(reading: Reading) -> str:
    """The list and the part of it that answered: `Spamhaus ZEN (SBL)`; its zone where it has no name."""
    name = printable(str(reading.evidence.get("zone_name") or reading.metric), 60).split(" (")[0]
    codes = reading.evidence.get("codes")
    part = printable(str(next(iter(codes.values()))), 40) if isinstance(codes, dict) and codes else ""
    return name if part.split(",")[0] in {"", "listed", name} else f"{name} ({part.split(',')[0]})"


def _tier(reading: Reading) -> int:
    tier = reading.evidence.get("tier", 3)
    return tier if tier in {1, 2, 3} else 3


def _summary(standing: Listing, name: str) -> str:
    said = printable(standing.hit.detail, 200) if standing.hit else ""
    match standing.state:
        case FindingState.SUSPECT:
            return f"{name} answered once that the address is listed; it is being asked again"
        case FindingState.ACTIVE:
            # nothing here may move with the window of history: a changed summary is told to people
            return f"{name} says {said}"
        case FindingState.CLEARING:
            return f"{name} answers that the address is clean; waiting for that to hold"
        case FindingState.CLEAR:
            return f"no longer listed on {name}"


def _evidence(standing: Listing, hit: Reading) -> dict[str, Any]:
    first = standing.first_hit
    return {
        **hit.evidence,
        "said": printable(hit.detail),
        "first-hit": first.period_end.isoformat() if first else None,
    }


def _look_again(standing: Listing, rules: DnsblRules) -> datetime | None:
    if standing.state is not FindingState.SUSPECT or standing.first_hit is None:
        return None
    if standing.looks >= len(rules.second_looks):
        return None
    return standing.first_hit.period_end + rules.second_looks[standing.looks]
