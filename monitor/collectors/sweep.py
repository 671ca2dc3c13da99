"""What one sweep over the DNS lists amounts to: who is listed, which zones are in doubt, how all did."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.address import IpAddress
from core.reading import Quality, Status
from monitor.collectors.answers import Verdict, classify, unknown
from monitor.collectors.self_test import Examined, Trust
from monitor.collectors.zones import AskedZone
from monitor.health import OutcomeKind, SourceOutcome
from monitor.resolver import Answer

RESOLVER = "resolver"
"""The name under which the health of the resolver itself is kept."""


@dataclass(frozen=True, slots=True)
class ZoneSweep:
    """One zone's answers in one sweep, and why it is not believed, if it is not."""

    zone: AskedZone
    answers: Mapping[IpAddress, Answer] = field(default_factory=dict)
    doubt: Verdict | None = None

    def verdict(self, ip: IpAddress) -> Verdict:
        """What this sweep says about one IP: the doubt about the zone, if there is one."""
        if self.doubt is not None:
            return self.doubt
        answer = self.answers.get(ip)
        return classify(self.zone.entry, answer) if answer else unknown("not asked")

    def listed(self) -> frozenset[IpAddress]:
        """The IPs that the raw answers list, doubt or no doubt."""
        return frozenset(ip for ip, a in self.answers.items() if classify(self.zone.entry, a).is_listing)

    def still_listed(self, before: frozenset[IpAddress]) -> frozenset[IpAddress]:
        """Who counts as listed after this sweep: an unknown answer holds what was known before."""
        held = {ip for ip in before if self.verdict(ip).status is Status.UNKNOWN}
        return self.listed() | held


def doubt_after(tested: Examined | None) -> Verdict | None:
    """Why a zone's answers do not count, by its self-test; None when it may be believed."""
    if tested is None:
        return unknown("not tested yet")
    if tested.trust is Trust.PASSED:
        return None
    broken = tested.trust is Trust.BROKEN
    quality = Quality.INVALID_SOURCE if broken else Quality.ERROR
    return unknown(f"the list {tested.trust}: {tested.reason}", quality)


def outcome(swept: ZoneSweep, ips: Iterable[IpAddress]) -> SourceOutcome:
    """How one zone did. More than half of its answers unknown counts as a failure."""
    if swept.doubt is not None:
        broken = swept.doubt.quality is Quality.INVALID_SOURCE
        kind = OutcomeKind.UNTRUSTED if broken else OutcomeKind.FAILED
        return SourceOutcome(swept.zone.source, kind, swept.doubt.detail)
    verdicts = [swept.verdict(ip) for ip in ips]
    problems = Counter(v.detail for v in verdicts if v.status is Status.UNKNOWN)
    if 2 * problems.total() <= len(verdicts):
        return SourceOutcome(swept.zone.source, OutcomeKind.ANSWERED)
    return SourceOutcome(swept.zone.source, OutcomeKind.FAILED, problems.most_common(1)[0][0])


def resolver_outcome(outcomes: Iterable[SourceOutcome]) -> SourceOutcome:
    """When more than half of the zones fail, it is the resolver rather than the zones (signals.md 3.4)."""
    all_of_them = list(outcomes)
    failed = [o for o in all_of_them if o.kind is OutcomeKind.FAILED]
    if 2 * len(failed) <= len(all_of_them):
        return SourceOutcome(RESOLVER, OutcomeKind.ANSWERED)
    common = Counter(o.reason for o in failed).most_common(1)[0][0]
    said = f"{len(failed)} of {len(all_of_them)} DNS lists gave no usable answer; most often: {common}"
    return SourceOutcome(RESOLVER, OutcomeKind.FAILED, said)
