"""Minutes become hours, whatever comes twice, late or in parts."""

from collections import defaultdict
from datetime import datetime
from random import Random

import pytest
from controller_world import HOUR, MINUTE, NOON, SECOND, minute, scope
from hypothesis import given
from hypothesis import strategies as st

from controller import tally
from controller.tally import Tally
from core.address import IpAddress
from core.statistics import ScopeMinute
from storage.scopes import ScopeHour


def test_minutes_add_up_to_hours_and_count_once() -> None:
    at = NOON + 5 * MINUTE
    rows = [minute(at, delivered=3), minute(at, delivered=3), minute(at + MINUTE, delivered=4, blocked=1)]
    one = Tally()
    one.take(rows, NOON + 7 * MINUTE, afresh=True)
    (hour,) = one.due()
    assert (hour.scope, hour.hour, hour.delivered, hour.blocked, hour.attempted) == (scope(), NOON, 7, 1, 8)
    assert one.due() == []


def test_what_is_not_written_yet_is_told_of_the_ips_that_are_asked_for() -> None:
    one = Tally()
    one.take([minute(NOON, delivered=3), minute(NOON, ip="203.0.113.8", delivered=5)], NOON, afresh=True)
    assert [hour.delivered for hour in one.of([scope().source_ip])] == [3]
    one.due()
    assert one.of([scope().source_ip]) == []


def test_a_large_fleet_is_written_in_parts_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "WRITTEN_AT_ONCE", 3)
    one = Tally()
    one.take([minute(NOON, ip=f"203.0.113.{n}", delivered=n) for n in range(1, 8)], NOON, afresh=True)
    parts = [one.due() for _ in range(4)]
    assert [len(part) for part in parts] == [3, 3, 1, 0]
    assert sorted(hour.delivered for part in parts for hour in part) == list(range(1, 8))


streams = st.lists(
    st.tuples(st.integers(0, 150), st.sampled_from(["microsoft", "yahoo"]), st.integers(1, 9)), max_size=40
)


def whole(rows: list[ScopeMinute]) -> dict[tuple[IpAddress, str, datetime], int]:
    """The plain way: all minutes at once."""
    sums: dict[tuple[IpAddress, str, datetime], int] = defaultdict(int)
    for row in rows:
        sums[row.source_ip, row.provider, row.minute.replace(minute=0)] += row.delivered
    return dict(sums)


@given(streams, st.lists(st.integers(1, 40), max_size=12), st.randoms(use_true_random=False))
def test_looking_often_comes_to_the_same_as_looking_once(
    stream: list[tuple[int, str, int]], pauses: list[int], chance: Random
) -> None:
    unique = {(at, provider): count for at, provider, count in stream}
    rows = [minute(NOON + at * MINUTE, provider=p, delivered=n) for (at, p), n in unique.items()]
    one, now = Tally(), NOON + 30 * SECOND
    written: dict[tuple[IpAddress, str, datetime], ScopeHour] = {}
    looks = [*pauses, 200]
    for place, pause in enumerate(looks):
        now += pause * MINUTE
        seen = [row for row in rows if row.minute <= now]
        chance.shuffle(seen)
        one.take(seen, now, afresh=place == 0)
        for hour in one.due():
            written[hour.scope.source_ip, hour.scope.provider, hour.hour] = hour
    assert {key: hour.delivered for key, hour in written.items()} == whole(rows)


def test_complaints_about_closed_minutes_are_added_when_all_is_added_up_afresh() -> None:
    one = Tally()
    one.take([minute(NOON, delivered=3)], NOON + 5 * MINUTE, afresh=True)
    one.due()
    late = minute(NOON, delivered=3).model_copy(update={"complaints": 2})
    one.take([late], NOON + 10 * MINUTE, afresh=False)
    assert one.due() == []
    one.take([late], NOON + HOUR, afresh=True)
    assert [(hour.delivered, hour.complaints) for hour in one.due()] == [(3, 2)]
