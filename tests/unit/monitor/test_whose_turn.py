"""Whose turn it is at which list, and how politely: rota, etiquette and lanes."""

from array import array
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue import ListingSeverity, Zone, shipped
from monitor.collectors import etiquette
from monitor.collectors.etiquette import Etiquette
from monitor.collectors.lanes import Lane, Lanes
from monitor.collectors.rota import Attention, Rota
from monitor.collectors.settings import DnsblSettings, ZoneManners

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Etiquette(HOUR, 10)
SIX_HOURS = 6 * HOUR


def take_turns(rota: Rota, attention: Attention, rounds: int, manners: Etiquette = HOURLY) -> list[list[int]]:
    """Hourly rounds in which everybody who is asked about is answered."""
    found = []
    for number in range(rounds):
        now = NOW + number * HOUR
        due = list(rota.due(manners, None, attention, SIX_HOURS, now))
        for place in due:
            rota.answered(place, now)
        found.append(due)
    return found


def test_troubled_and_busy_ips_are_asked_about_in_every_round_and_quiet_ones_seldom() -> None:
    attention = Attention(troubled=frozenset({3}), busy=frozenset({1}))
    turns = take_turns(Rota(5, array("I", range(5))), attention, 12)
    assert turns[0] == [0, 1, 2, 3, 4]
    assert all(turn == [1, 3] for number, turn in enumerate(turns) if number not in {0, 6})
    assert turns[6] == [0, 1, 2, 3, 4]


def test_where_nothing_is_known_about_traffic_everybody_is_asked_about() -> None:
    assert take_turns(Rota(3, array("I", range(3))), Attention(), 3) == [[0, 1, 2]] * 3


def test_a_list_is_asked_only_about_the_ips_that_it_covers() -> None:
    assert take_turns(Rota(4, array("I", [1, 3])), Attention(), 1) == [[1, 3]]


def test_a_daily_allowance_is_spread_and_whoever_waited_longest_comes_first() -> None:
    thrifty = Etiquette(HOUR, 10, per_day=48)
    turns = take_turns(Rota(6, array("I", range(6))), Attention(troubled=frozenset({5})), 4, thrifty)
    assert [len(turn) for turn in turns] == [2, 2, 2, 2]
    assert all(5 in turn for turn in turns)
    assert {place for turn in turns for place in turn} == {0, 1, 2, 3, 5}


def test_no_list_is_asked_more_than_its_allowance_in_a_day() -> None:
    thrifty = Etiquette(HOUR, 10, per_day=100)
    turns = take_turns(Rota(1_000, array("I", range(1_000))), Attention(), 24, thrifty)
    assert 90 <= sum(map(len, turns)) <= 100


def test_a_list_that_wants_pauses_is_not_asked_longer_than_half_a_round() -> None:
    slow = Etiquette(HOUR, concurrency=1, gap=0.1)
    assert slow.allowance(HOUR) == 18_000


def test_not_listed_holds_for_as_long_as_the_zone_says() -> None:
    rota = Rota(1, array("I", [0]))
    for number, expected in ((0, [0]), (1, []), (2, []), (3, [0])):
        now = NOW + number * HOUR
        due = list(rota.due(HOURLY, 3 * 3_600, Attention(), SIX_HOURS, now))
        assert due == expected
        for place in due:
            rota.answered(place, now)


def test_a_zone_cannot_make_itself_unasked_for_more_than_a_day() -> None:
    assert etiquette.kept_for(HOURLY, 10**9) == timedelta(days=1)


def test_a_listing_holds_for_its_own_time_to_live() -> None:
    rota = Rota(2, array("I", [0, 1]))
    rota.due(HOURLY, None, Attention(), SIX_HOURS, NOW)
    rota.answered(0, NOW, keep_seconds=2 * 3_600)
    rota.answered(1, NOW)
    assert list(rota.due(HOURLY, None, Attention(), SIX_HOURS, NOW + HOUR)) == [1]
    assert list(rota.due(HOURLY, None, Attention(), SIX_HOURS, NOW + 2 * HOUR)) == [0, 1]


def test_everybody_has_been_spoken_about_since_the_one_who_waited_longest() -> None:
    rota = Rota(3, array("I", range(3)))
    rota.answered(0, NOW)
    rota.answered(1, NOW + HOUR)
    assert rota.whole_at is None
    rota.answered(2, NOW + 2 * HOUR)
    assert rota.whole_at == NOW
    rota.answered(0, NOW + 3 * HOUR)
    assert rota.whole_at == NOW + HOUR


def test_who_is_unknown_twice_in_a_row_is_recorded_and_waited_for_no_more() -> None:
    rota = Rota(2, array("I", range(2)))
    rota.answered(0, NOW)
    assert rota.persistent(frozenset({1}), NOW) == frozenset()
    assert rota.whole_at is None
    assert rota.persistent(frozenset({1}), NOW + HOUR) == {1}
    assert rota.whole_at == NOW
    assert rota.persistent(frozenset(), NOW + HOUR) == frozenset()
    assert rota.persistent(frozenset({1}), NOW + HOUR) == frozenset()


def test_a_doubted_round_is_made_up_for_at_once() -> None:
    rota = Rota(1, array("I", [0]))
    assert list(rota.due(HOURLY, None, Attention(), SIX_HOURS, NOW)) == [0]
    minute_later = NOW + timedelta(minutes=1)
    assert list(rota.due(HOURLY, None, Attention(), SIX_HOURS, minute_later)) == []
    rota.hurry()
    assert list(rota.due(HOURLY, None, Attention(), SIX_HOURS, minute_later)) == [0]


def zone(**more: object) -> Zone:
    fields = {"zone": "bl.test", "name": "BL", "codes": {"127.0.0.2": "x"}, "severity": "high"} | more
    return Zone.model_validate(fields)


def test_lists_that_are_told_about_only_are_asked_daily() -> None:
    settings = DnsblSettings()
    assert etiquette.of(zone(), settings).interval == HOUR
    assert etiquette.of(zone(severity=ListingSeverity.LOW), settings).interval == timedelta(days=1)
    assert etiquette.of(zone(tier=3), settings).interval == timedelta(days=1)


def test_the_operators_word_comes_before_the_catalogues() -> None:
    known = zone(per_day=1_000, gap_ms=100, concurrency=1)
    assert etiquette.of(known, DnsblSettings()) == Etiquette(HOUR, 1, 0.1, 1_000)
    manners = ZoneManners(interval=2 * HOUR, concurrency=9, gap_ms=0, per_day=5)
    said = DnsblSettings(manners={"bl.test": manners})
    assert etiquette.of(known, said) == Etiquette(2 * HOUR, 9, 0.0, 5)


@pytest.mark.parametrize(
    ("name", "per_day", "gap"),
    [
        ("hostkarma.junkemailfilter.com", 200_000, 0.0),
        ("bl.mailspike.net", 80_000, 0.0),
        ("bl.score.senderscore.com", 300, 0.0),
        ("dnsbl.spfbl.net", None, 0.1),
    ],
)
def test_limits_that_lists_have_published_are_kept(name: str, per_day: int | None, gap: float) -> None:
    known = shipped().find(name)
    assert known is not None
    polite = etiquette.of(known, DnsblSettings())
    assert (polite.per_day, polite.gap) == (per_day, gap)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), min_size=1, max_size=6), st.integers(1, 20))
def test_every_job_is_done_once_and_no_lane_is_too_wide(shapes: list[tuple[int, int]], workers: int) -> None:
    lanes = Lanes([Lane(key, iter(range(jobs)), width) for key, (jobs, width) in enumerate(shapes)])
    done: list[tuple[int, int]] = []
    working: list[tuple[Lane[int, int], int] | None] = []
    working = [lanes.take() for _ in range(workers)]
    while any(working):
        for number, turn in enumerate(working):
            if turn is None:
                continue
            lane, job = turn
            assert lane.open <= lane.width
            done.append((lane.key, job))
            lanes.give_back(lane)
            working[number] = lanes.take()
    assert sorted(done) == [(key, job) for key, (jobs, _) in enumerate(shapes) for job in range(jobs)]


def test_lanes_take_turns() -> None:
    lanes = Lanes([Lane("a", iter(range(3)), 5), Lane("b", iter(range(2)), 5)])
    taken = [turn for _ in range(6) if (turn := lanes.take())]
    assert [(lane.key, job) for lane, job in taken] == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)]


def test_nobody_is_quiet_unless_traffic_is_known_and_small() -> None:
    assert not Attention().is_quiet(0)
    assert Attention(busy=frozenset()).is_quiet(0)
    assert not Attention(busy=frozenset({0})).is_quiet(0)
    assert not Attention(troubled=frozenset({0}), busy=frozenset()).is_quiet(0)
