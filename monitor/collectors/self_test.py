"""Whether a zone can be believed: RFC 5782 section 5, and two questions that catch a zone listing the world.

Dead lists have answered every query with a listing more than once (reference: signals.md 3.5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from core.address import reversed_labels
from core.reading import Quality, Status
from monitor.catalogue import Zone
from monitor.collectors.answers import classify
from monitor.resolver import Answer, AnswerKind

_NOBODY: Final = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Documentation addresses (RFC 5737, RFC 3849): nobody sends mail from them."""
_NEVER_LISTED_6: Final = "::FFFF:7F00:1"


class Probe(StrEnum):
    """The questions of a self-test."""

    LISTED = "its test entry"
    NOT_LISTED = "the address that must not be listed"
    NOBODY = "an address that nobody uses"
    RANDOM = "a name made up at random"


class Trust(StrEnum):
    """How far a zone may be believed."""

    PASSED = "passed its self-test"
    BROKEN = "failed its self-test"
    REFUSING = "refuses our queries"
    SILENT = "could not be tested"


@dataclass(frozen=True, slots=True)
class Examined:
    """A self-test's result, why, and when it was taken; `negative_ttl` is for how many seconds "no" holds."""

    trust: Trust
    reason: str
    at: datetime
    negative_ttl: int | None = None


def questions(zone: Zone, random_label: str) -> dict[Probe, str]:
    """What to ask, as labels to put before the zone's name. The caller makes the random label up."""
    family = 4 if zone.ipv4 else 6
    asked = {Probe.NOBODY: _labels(_NOBODY[family]), Probe.RANDOM: random_label}
    listed = [text for text in zone.test_listed or () if ip_address(text).version == family]
    if listed:
        asked[Probe.LISTED] = _labels(listed[0])
    if zone.test_not_listed is not None:
        asked[Probe.NOT_LISTED] = _labels(zone.test_not_listed if family == 4 else _NEVER_LISTED_6)
    return asked


def judge(zone: Zone, answers: Mapping[Probe, Answer]) -> tuple[Trust, str]:
    """The worst of what the answers say; a broken zone is broken whatever else is silent."""
    found = [_judge_one(zone, probe, answer) for probe, answer in answers.items()]
    for trust in (Trust.BROKEN, Trust.REFUSING, Trust.SILENT):
        for candidate, reason in found:
            if candidate is trust:
                return trust, reason
    return Trust.PASSED, str(Trust.PASSED)


def _judge_one(zone: Zone, probe: Probe, answer: Answer) -> tuple[Trust, str]:
    if answer.kind is AnswerKind.ADDRESSES:
        return _judge_addresses(zone, probe, answer)
    if answer.kind is not AnswerKind.NXDOMAIN:
        # an odd name may be refused (SPFBL answers FORMERR); what counts is silence about plain addresses
        tolerated = probe is Probe.RANDOM and answer.kind is not AnswerKind.TIMEOUT
        return (Trust.PASSED, "") if tolerated else (Trust.SILENT, f"{probe}: {answer.kind}")
    if probe is Probe.LISTED:
        return Trust.BROKEN, "does not list its own test entry: dead, emptied or renamed"
    return Trust.PASSED, ""


def _judge_addresses(zone: Zone, probe: Probe, answer: Answer) -> tuple[Trust, str]:
    refusal = next((said for said in map(zone.refusal, answer.addresses) if said), None)
    if refusal:
        return Trust.REFUSING, f"query refused: {refusal} ({answer.addresses[0]})"
    verdict = classify(zone, answer)
    if verdict.quality is Quality.INVALID_SOURCE:
        return Trust.BROKEN, f"{probe}: {verdict.detail}"
    # a score list has a neutral word for everybody
    neutral = probe is Probe.NOBODY and verdict.status is Status.GOOD
    if probe is Probe.LISTED or neutral:
        return Trust.PASSED, ""
    return Trust.BROKEN, f"lists {probe} ({answer.addresses[0]}): it may be listing the world"


def needed(result: Examined | None, now: datetime, interval_seconds: float) -> bool:
    """Whether a zone must be tested (again) before it is believed. Who did not pass is tried each time."""
    if result is None or result.trust is not Trust.PASSED:
        return True
    return (now - result.at).total_seconds() >= interval_seconds


def merged(before: Examined | None, fresh: Examined) -> Examined:
    """What to remember: one unanswered probe does not take away the trust a zone has earned."""
    keeps = fresh.trust is Trust.SILENT and before is not None and before.trust is Trust.PASSED
    return before if keeps and before is not None else fresh


def _labels(address: str) -> str:
    return reversed_labels(ip_address(address))
