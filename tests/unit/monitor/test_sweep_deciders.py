"""The deciders of a sweep: the fleet guard, patience with the silent, and how the sources did."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.address import IpAddress
from core.reading import Quality, Status
from monitor.catalogue import shipped
from monitor.collectors import fleet_guard, sweep
from monitor.collectors.answers import Verdict, unknown
from monitor.collectors.fleet_guard import Guard
from monitor.collectors.patience import Patience
from monitor.collectors.self_test import Examined, Trust
from monitor.collectors.sweep import ZoneSweep
from monitor.collectors.zones import AskedZone
from monitor.health import OutcomeKind, SourceOutcome
from monitor.resolver import Answer, AnswerKind

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def fleet(count: int) -> list[IpAddress]:
    return [ip_address("198.18.0.0") + n for n in range(count)]


@pytest.mark.parametrize(
    ("listed", "before", "size", "guard"),
    [
        (0, 0, 100, Guard.BELIEVED),
        (4, 0, 4, Guard.BELIEVED),
        (5, 0, 5, Guard.SUSPECT),
        (5, 0, 49, Guard.SUSPECT),
        (5, 0, 50, Guard.BELIEVED),
        (10, 0, 100, Guard.BELIEVED),
        (11, 0, 100, Guard.SUSPECT),
        (100, 95, 100, Guard.BELIEVED),
        (100, 89, 100, Guard.SUSPECT),
        (1000, 0, 1000, Guard.SUSPECT),
    ],
)
def test_more_than_a_tenth_of_the_fleet_and_at_least_five_are_too_many_at_once(
    listed: int, before: int, size: int, guard: Guard
) -> None:
    ips = fleet(size)
    verdict = fleet_guard.judge(set(ips[:listed]), set(ips[:before]), size, share=0.1, minimum=5)
    assert verdict.guard is guard
    assert bool(verdict.reason) == (guard is Guard.SUSPECT)


@given(now=st.sets(st.integers(0, 60)), before=st.sets(st.integers(0, 60)))
def test_what_was_listed_before_never_makes_a_zone_suspect(now: set[int], before: set[int]) -> None:
    ips = fleet(61)
    listed, known = {ips[n] for n in now}, {ips[n] for n in before}
    verdict = fleet_guard.judge(listed & known, known, 61, share=0.1, minimum=5)
    assert verdict.guard is Guard.BELIEVED


def test_a_zone_is_given_up_after_three_silences_in_a_row() -> None:
    patience = Patience(zone_silences=3, resolver_silences=12)
    for _ in range(2):
        patience.note("a", AnswerKind.TIMEOUT)
    patience.note("a", AnswerKind.NXDOMAIN)
    for _ in range(2):
        patience.note("a", AnswerKind.TIMEOUT)
    assert patience.is_worth_asking("a")
    patience.note("a", AnswerKind.TIMEOUT)
    assert not patience.is_worth_asking("a")
    assert patience.is_worth_asking("b")


def test_a_resolver_is_given_up_when_nobody_at_all_answers() -> None:
    patience = Patience(zone_silences=3, resolver_silences=4)
    for zone in "abcd":
        assert patience.is_worth_asking("z")
        patience.note(zone, AnswerKind.TIMEOUT)
    assert patience.resolver_is_dead
    assert not patience.is_worth_asking("z")


@pytest.mark.parametrize("kind", [k for k in AnswerKind if k is not AnswerKind.TIMEOUT])
def test_any_answer_shows_that_the_resolver_lives(kind: AnswerKind) -> None:
    patience = Patience(zone_silences=3, resolver_silences=2)
    patience.note("a", AnswerKind.TIMEOUT)
    patience.note("b", kind)
    patience.note("c", AnswerKind.TIMEOUT)
    assert not patience.resolver_is_dead


def asked(name: str = "zen.spamhaus.org") -> AskedZone:
    entry = shipped().find(name)
    assert entry is not None
    return AskedZone(entry, name)


def swept(answers: dict[IpAddress, Answer], doubt: Verdict | None = None) -> ZoneSweep:
    """A sweep as the sweeper leaves it: clean answers are marks."""
    clean = bytes(answer == CLEAN for answer in answers.values())
    others = {ip: answer for ip, answer in answers.items() if answer != CLEAN}
    return ZoneSweep(asked(), list(answers), clean, others, doubt)


CLEAN = Answer(AnswerKind.NXDOMAIN)
LISTED = Answer(AnswerKind.ADDRESSES, ("127.0.0.2",), 60)
SILENT = Answer(AnswerKind.TIMEOUT)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([CLEAN, CLEAN], OutcomeKind.ANSWERED),
        ([LISTED, LISTED], OutcomeKind.ANSWERED),
        ([SILENT, CLEAN], OutcomeKind.ANSWERED),
        ([SILENT, SILENT, CLEAN], OutcomeKind.FAILED),
        ([SILENT], OutcomeKind.FAILED),
    ],
)
def test_a_zone_fails_when_more_than_half_is_unknown(answers: list[Answer], kind: OutcomeKind) -> None:
    ips = fleet(len(answers))
    assert sweep.outcome(swept(dict(zip(ips, answers, strict=True)))).kind is kind


def test_whom_nobody_asked_about_is_unknown_and_the_reason_is_told() -> None:
    ips = fleet(5)
    given_up = ZoneSweep(asked(), ips, bytes(5), {ips[0]: SILENT})
    assert sweep.outcome(given_up) == SourceOutcome(
        "dnsbl:zen.spamhaus.org", OutcomeKind.FAILED, "no answer in time"
    )
    assert {said.status for _, said in given_up.each()} == {Status.UNKNOWN}


def test_doubt_about_a_zone_stands_for_each_of_its_answers() -> None:
    ip = fleet(1)[0]
    doubt = unknown("the list broke", Quality.INVALID_SOURCE)
    doubted = swept({ip: LISTED}, doubt)
    assert list(doubted.each()) == [(ip, doubt)]
    assert sweep.outcome(doubted) == SourceOutcome(
        "dnsbl:zen.spamhaus.org", OutcomeKind.UNTRUSTED, "the list broke"
    )


def test_an_unknown_answer_holds_what_was_known_and_a_clean_one_does_not() -> None:
    silent, clean, listed, never = fleet(4)
    mixed = swept({silent: SILENT, clean: CLEAN, listed: LISTED, never: SILENT})
    assert mixed.still_listed(frozenset({silent, clean})) == {silent, listed}


def test_whom_a_round_leaves_out_stays_listed() -> None:
    asked_about, left_out = fleet(2)
    assert swept({asked_about: CLEAN}).still_listed(frozenset({asked_about, left_out})) == {left_out}


@pytest.mark.parametrize(
    ("trust", "quality"),
    [
        (Trust.BROKEN, Quality.INVALID_SOURCE),
        (Trust.REFUSING, Quality.ERROR),
        (Trust.SILENT, Quality.ERROR),
    ],
)
def test_a_zone_that_did_not_pass_answers_nothing(trust: Trust, quality: Quality) -> None:
    doubt = sweep.doubt_after(Examined(trust, "why", NOW))
    assert doubt is not None
    assert (doubt.status, doubt.quality) == (Status.UNKNOWN, quality)


def test_a_zone_that_passed_is_believed_and_an_untested_one_is_not() -> None:
    assert sweep.doubt_after(Examined(Trust.PASSED, "", NOW)) is None
    assert sweep.doubt_after(None) is not None


@pytest.mark.parametrize(
    ("failed", "untrusted", "answered", "kind"),
    [
        (0, 0, 3, OutcomeKind.ANSWERED),
        (2, 0, 2, OutcomeKind.ANSWERED),
        (3, 0, 2, OutcomeKind.FAILED),
        (0, 3, 0, OutcomeKind.ANSWERED),
    ],
)
def test_when_most_zones_fail_it_is_the_resolver(
    failed: int, untrusted: int, answered: int, kind: OutcomeKind
) -> None:
    outcomes = [
        *[SourceOutcome(f"dnsbl:f{n}", OutcomeKind.FAILED, "silence") for n in range(failed)],
        *[SourceOutcome(f"dnsbl:u{n}", OutcomeKind.UNTRUSTED, "broken") for n in range(untrusted)],
        *[SourceOutcome(f"dnsbl:a{n}", OutcomeKind.ANSWERED) for n in range(answered)],
    ]
    found = sweep.resolver_outcome(outcomes)
    assert (found.name, found.kind) == ("resolver", kind)
