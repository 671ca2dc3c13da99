"""Whether a zone is believed: RFC 5782 section 5, wildcards, refusals, silence."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.catalogue import Zone, shipped
from monitor.collectors import self_test
from monitor.collectors.self_test import Examined, Probe, Trust
from monitor.resolver import Answer, AnswerKind

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NX = Answer(AnswerKind.NXDOMAIN)
SILENT = Answer(AnswerKind.TIMEOUT)


def zone(name: str) -> Zone:
    found = shipped().find(name)
    assert found is not None
    return found


def listed(address: str = "127.0.0.2") -> Answer:
    return Answer(AnswerKind.ADDRESSES, (address,), 60)


HEALTHY = {Probe.LISTED: listed(), Probe.NOT_LISTED: NX, Probe.NOBODY: NX, Probe.RANDOM: NX}
ZEN = zone("zen.spamhaus.org")


@pytest.mark.parametrize(
    ("changed", "trust"),
    [
        ({}, Trust.PASSED),
        # SpamRATS answers .38 for its test entry: any loopback address will do
        ({Probe.LISTED: listed("127.0.0.38")}, Trust.PASSED),
        ({Probe.LISTED: NX}, Trust.BROKEN),
        ({Probe.LISTED: listed("203.0.113.80")}, Trust.BROKEN),
        ({Probe.LISTED: listed("127.255.255.254")}, Trust.REFUSING),
        ({Probe.LISTED: SILENT}, Trust.SILENT),
        ({Probe.LISTED: Answer(AnswerKind.NODATA)}, Trust.SILENT),
        ({Probe.NOT_LISTED: listed()}, Trust.BROKEN),
        ({Probe.NOT_LISTED: listed("127.0.0.1")}, Trust.BROKEN),
        ({Probe.NOT_LISTED: SILENT}, Trust.SILENT),
        ({Probe.NOBODY: listed()}, Trust.BROKEN),
        ({Probe.NOBODY: listed("203.0.113.80")}, Trust.BROKEN),
        ({Probe.NOBODY: Answer(AnswerKind.SERVFAIL)}, Trust.SILENT),
        ({Probe.RANDOM: listed()}, Trust.BROKEN),
        ({Probe.RANDOM: listed("127.0.0.1")}, Trust.BROKEN),
        ({Probe.RANDOM: listed("127.255.255.255")}, Trust.REFUSING),
        ({Probe.RANDOM: Answer(AnswerKind.REFUSED)}, Trust.PASSED),
        ({Probe.RANDOM: Answer(AnswerKind.OTHER)}, Trust.PASSED),
        ({Probe.RANDOM: SILENT}, Trust.SILENT),
        # broken beats silent: what was seen counts whatever else was not
        ({Probe.LISTED: SILENT, Probe.RANDOM: listed()}, Trust.BROKEN),
    ],
)
def test_the_table_of_self_tests(changed: dict[Probe, Answer], trust: Trust) -> None:
    found, reason = self_test.judge(ZEN, HEALTHY | changed)
    assert found is trust
    assert reason


def test_a_list_that_has_no_negative_entry_is_not_asked_for_it() -> None:
    asked = self_test.questions(zone("hostkarma.junkemailfilter.com"), "made-up")
    assert Probe.NOT_LISTED not in asked
    assert asked[Probe.LISTED] == "2.0.0.127"
    assert asked[Probe.RANDOM] == "made-up"


def test_an_ipv6_list_is_tested_with_mapped_addresses() -> None:
    asked = self_test.questions(zone("bl.ipv6.spameatingmonkey.net"), "made-up")
    assert asked[Probe.LISTED].startswith("2.0.0.0.0.0.f.7.f.f.f.f.0.0.")
    assert asked[Probe.NOT_LISTED].startswith("1.0.0.0.0.0.f.7.f.f.f.f.0.0.")
    assert len(asked[Probe.NOBODY].split(".")) == 32


def test_a_neutral_word_about_an_unused_address_is_no_wildcard() -> None:
    mailspike = zone("rep.mailspike.net")
    neutral = {Probe.NOBODY: listed("127.0.0.15"), Probe.RANDOM: NX}
    assert self_test.judge(mailspike, neutral)[0] is Trust.PASSED


def test_who_passed_is_tested_again_when_the_interval_is_over_and_who_did_not_at_once() -> None:
    passed = Examined(Trust.PASSED, "", NOW)
    broken = Examined(Trust.BROKEN, "dead", NOW)
    assert self_test.needed(None, NOW, 3600)
    assert not self_test.needed(passed, NOW + timedelta(minutes=59), 3600)
    assert self_test.needed(passed, NOW + timedelta(minutes=60), 3600)
    assert self_test.needed(broken, NOW, 3600)


@pytest.mark.parametrize(
    ("before", "fresh", "kept"),
    [
        (Trust.PASSED, Trust.SILENT, Trust.PASSED),
        (Trust.PASSED, Trust.BROKEN, Trust.BROKEN),
        (Trust.PASSED, Trust.REFUSING, Trust.REFUSING),
        (Trust.BROKEN, Trust.SILENT, Trust.SILENT),
        (Trust.BROKEN, Trust.PASSED, Trust.PASSED),
        (None, Trust.SILENT, Trust.SILENT),
    ],
)
def test_a_lost_probe_takes_no_earned_trust_away(before: Trust | None, fresh: Trust, kept: Trust) -> None:
    earlier = Examined(before, "", NOW) if before else None
    assert self_test.merged(earlier, Examined(fresh, "", NOW + timedelta(hours=4))).trust is kept
