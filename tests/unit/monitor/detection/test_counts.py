"""Complaints, bounces, deferrals and blocks: when a share has risen, and when it is down again."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incident import Rule, Severity
from core.lease import Scope
from monitor.detection import counts
from monitor.detection.counts import Cohort, Count, Tally
from monitor.detection.finding import Finding, FindingState
from monitor.detection.settings import CountRules, FleetCorrection
from storage.scopes import ScopeHour
from tests.unit.monitor.watching import IP, START

RULES = CountRules()
COMPLAINTS = Tally(IP, "microsoft", Count.COMPLAINTS)
HOUR = timedelta(hours=1)


def cohorts(*figures: tuple[int, int]) -> list[Cohort]:
    return [Cohort(START + n * HOUR, events, trials) for n, (events, trials) in enumerate(figures)]


def judged(*figures: tuple[int, int], tally: Tally = COMPLAINTS, fleet: int = 1) -> Finding | None:
    found = counts.judge(cohorts(*figures), tally, RULES, fleet)
    return found[0] if found else None


def test_nothing_is_said_without_mail() -> None:
    assert judged() is None


def test_a_little_clean_mail_proves_nothing_and_much_of_it_proves_that_all_is_well() -> None:
    assert judged((0, 500)) is None
    assert judged(*[(0, 500)] * 8).state is FindingState.CLEAR  # type: ignore[union-attr]


def test_three_complaints_per_mille_are_a_warning_and_then_critical() -> None:
    # 3 of 1,000 at 0.05 % against 0.3 %: each hour adds 3 ln 6 - 2.5 = 2.88
    assert judged((3, 1000)) is None
    two = judged(*[(3, 1000)] * 2)
    assert two is not None
    assert (two.state, two.severity) == (FindingState.ACTIVE, Severity.WARNING)
    four = judged(*[(3, 1000)] * 4)
    assert four is not None
    assert (four.state, four.severity) == (FindingState.ACTIVE, Severity.CRITICAL)


def test_the_usual_share_is_never_a_finding() -> None:
    quiet = judged(*[(1, 2000)] * 200)
    assert quiet is not None
    assert quiet.state is FindingState.CLEAR


def test_it_stays_open_halfway_down_and_ends_at_zero() -> None:
    bad = [(6, 1000)] * 2
    assert judged(*bad, (0, 1000)).state is FindingState.ACTIVE  # type: ignore[union-attr]
    over = judged(*bad, *[(0, 1000)] * 4)
    assert over is not None
    assert over.state is FindingState.CLEAR


def test_a_long_bad_time_needs_no_longer_to_be_over() -> None:
    short, long = [(30, 1000)], [(30, 1000)] * 100
    clean = [(0, 1000)] * 4
    assert judged(*short, *clean).state is judged(*long, *clean).state is FindingState.CLEAR  # type: ignore[union-attr]


def test_forgetting_the_bad_hours_is_no_recovery() -> None:
    bad, some = [(30, 1000)], [(1, 700)] * 2
    assert judged(*bad, *some).state is FindingState.ACTIVE  # type: ignore[union-attr]
    assert judged(*some) is None


def test_silence_changes_nothing() -> None:
    bad = [(30, 1000)]
    assert judged(*bad, *[(0, 0)] * 24) == judged(*bad)


@pytest.mark.parametrize("count", [Count.DEFERRALS, Count.BLOCKS])
def test_two_replies_are_an_accident_and_three_are_not(count: Count) -> None:
    tally = Tally(IP, "google", count)
    assert judged((2, 2), tally=tally) is None
    found = judged((3, 3), tally=tally)
    assert found is not None
    assert found.rule is Rule(count)
    assert found.provider == "google"


def test_a_large_fleet_waits_for_more_evidence() -> None:
    two = [(3, 1000)] * 2
    assert judged(*two, fleet=1) is not None
    assert judged(*two, fleet=1000) is None
    flat = RULES.model_copy(update={"fleet_correction": FleetCorrection.NONE})
    assert counts.judge(cohorts(*two), COMPLAINTS, flat, 1000)


def test_the_words_are_the_same_every_hour_and_the_evidence_has_the_figures() -> None:
    four, five = judged(*[(3, 1000)] * 4), judged(*[(3, 1000)] * 5)
    assert four is not None
    assert five is not None
    assert four.title == five.title == "203.0.113.7 draws complaints at microsoft"
    assert four.summary == five.summary
    assert five.evidence["counted"] == "15 of 5,000 recipients"
    assert five.evidence["share"] == "0.3 % (0.182 % to 0.494 % with 95 % confidence)"
    assert five.evidence_end - four.evidence_end == HOUR


def test_each_count_has_its_own_events_and_its_own_whole() -> None:
    hour = ScopeHour(
        scope=Scope(source_ip=IP, provider="yahoo"), hour=START, attempted=150, delivered=100, deferred=20,
        bounced=10, reputation_deferred=4, blocked=3, hard_bounced=5, complaints=1,
    )  # fmt: skip
    figures = {count: counts.cohorts([hour], count)[0] for count in Count}
    assert {count: (c.events, c.trials) for count, c in figures.items()} == {
        Count.DEFERRALS: (4, 130),
        Count.BLOCKS: (3, 130),
        Count.BOUNCES: (5, 105),
        Count.COMPLAINTS: (1, 100),
    }


figures = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2000)), max_size=40)


@given(figures, st.randoms(use_true_random=False))
def test_order_repetition_and_replay_change_nothing(told: list[tuple[int, int]], chance: Random) -> None:
    straight = cohorts(*told)
    partly = [Cohort(c.hour, c.events // 2, c.trials // 2) for c in straight]
    shuffled = [*straight, *straight[:3], *partly]
    chance.shuffle(shuffled)
    assert counts.judge(shuffled, COMPLAINTS, RULES) == counts.judge(straight, COMPLAINTS, RULES)


@given(figures, st.integers(0, 39), st.integers(1, 50))
def test_more_complaints_are_never_better(told: list[tuple[int, int]], where: int, more: int) -> None:
    worse = [(e + more * (n == where), t) for n, (e, t) in enumerate(told)]
    ranks = {None: 0, FindingState.CLEAR: 0, FindingState.ACTIVE: 1}
    before, after = judged(*told), judged(*worse)
    assert ranks[after and after.state] >= ranks[before and before.state]
