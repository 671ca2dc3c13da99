"""What one sweep over the DNS lists amounts to: who is listed, which zones are in doubt, how all did."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.address import IpAddress
from core.reading import Quality, Status
from monitor.collectors.answers import NOT_LISTED, Verdict, classify, unknown
from monitor.collectors.self_test import Examined, Trust
from monitor.collectors.zones import AskedZone
from monitor.health import OutcomeKind, SourceOutcome
from monitor.resolver import Answer

RESOLVER = "resolver"
"""The name under which the health of the resolver itself is kept."""


NOT_ASKED: Final = unknown("not asked: the answers just before were of no use")


@dataclass(frozen=True, slots=True)
class ZoneSweep:
    """One zone's answers in one sweep about `ips`, and why it is not believed, if it is not.

    Most IPs are simply not listed: they have a mark in `clean`, at their place, and no answer in `answers`.
    """

    zone: AskedZone
    ips: Sequence[IpAddress] = ()
    clean: bytes | bytearray = b""
    answers: Mapping[IpAddress, Answer] = field(default_factory=dict)
    doubt: Verdict | None = None

    def verdict(self, ip: IpAddress) -> Verdict:
        """What is said about an IP without a clean mark: the doubt about the zone, if there is one."""
        if self.doubt is not None:
            return self.doubt
        answer = self.answers.get(ip)
        return classify(self.zone.entry, answer) if answer else NOT_ASKED

    def each(self) -> Iterator[tuple[IpAddress, Verdict]]:
        """Every IP of the sweep with what was said about it."""
        for place, ip in enumerate(self.ips):
            simple = self.doubt is None and self.clean[place]
            yield ip, NOT_LISTED if simple else self.verdict(ip)

    def listed(self) -> frozenset[IpAddress]:
        """The IPs that the raw answers list, doubt or no doubt."""
        return frozenset(ip for ip, a in self.answers.items() if classify(self.zone.entry, a).is_listing)

    def still_listed(self, before: frozenset[IpAddress]) -> frozenset[IpAddress]:
        """Who counts as listed after this sweep: what was known holds until an answer says otherwise."""
        if not before:
            return self.listed()
        forgiven = {ip for ip, said in self.each() if said.status is Status.GOOD}
        return self.listed() | (before - forgiven)


def doubt_after(tested: Examined | None) -> Verdict | None:
    """Why a zone's answers do not count, by its self-test; None when it may be believed."""
    if tested is None:
        return unknown("not tested yet")
    if tested.trust is Trust.PASSED:
        return None
    broken = tested.trust is Trust.BROKEN
    quality = Quality.INVALID_SOURCE if broken else Quality.ERROR
    return unknown(f"the list {tested.trust}: {tested.reason}", quality)


def outcome(swept: ZoneSweep) -> SourceOutcome:
    """How one zone did. More than half of its answers unknown counts as a failure."""
    if swept.doubt is not None:
        broken = swept.doubt.quality is Quality.INVALID_SOURCE
        kind = OutcomeKind.UNTRUSTED if broken else OutcomeKind.FAILED
        return SourceOutcome(swept.zone.source, kind, swept.doubt.detail)
    said = [classify(swept.zone.entry, answer) for answer in swept.answers.values()]
    problems = Counter(v.detail for v in said if v.status is Status.UNKNOWN)
    problems[NOT_ASKED.detail] += len(swept.ips) - sum(swept.clean) - len(said)
    if 2 * problems.total() <= len(swept.ips):
        return SourceOutcome(swept.zone.source, OutcomeKind.ANSWERED)
    worst = (problems - Counter({NOT_ASKED.detail: problems[NOT_ASKED.detail]})) or problems
    return SourceOutcome(swept.zone.source, OutcomeKind.FAILED, worst.most_common(1)[0][0])


def resolver_outcome(outcomes: Iterable[SourceOutcome]) -> SourceOutcome:
    """When more than half of the zones fail, it is the resolver rather than the zones (signals.md 3.4)."""
    all_of_them = list(outcomes)
    failed = [o for o in all_of_them if o.kind is OutcomeKind.FAILED]
    if 2 * len(failed) <= len(all_of_them):
        return SourceOutcome(RESOLVER, OutcomeKind.ANSWERED)
    common = Counter(o.reason for o in failed).most_common(1)[0][0]
    said = f"{len(failed)} of {len(all_of_them)} DNS lists gave no usable answer; most often: {common}"
    return SourceOutcome(RESOLVER, OutcomeKind.FAILED, said)
