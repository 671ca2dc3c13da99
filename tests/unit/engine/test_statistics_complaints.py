from datetime import UTC, datetime
from ipaddress import ip_address

from engine.classification import ReplyClass
from engine.statistics import Statistics

IP = ip_address("203.0.113.7")
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def at(minutes: float) -> float:
    return START.timestamp() + 60 * minutes


def test_a_complaint_counts_in_the_minute_in_which_the_mail_went_out() -> None:
    statistics = Statistics()
    statistics.answered(IP, "microsoft", ReplyClass.DELIVERED, "", at(0))
    statistics.answered(IP, "microsoft", ReplyClass.DELIVERED, "", at(90))
    statistics.complained(IP, "microsoft", at(0.5))
    first, second = statistics.since(START)
    assert (first.delivered, first.complaints) == (1, 1)
    assert (second.delivered, second.complaints) == (1, 0)


def test_a_complaint_about_a_minute_long_past_is_in_the_lifetimes_sum_once() -> None:
    statistics = Statistics()
    statistics.answered(IP, "microsoft", ReplyClass.DELIVERED, "", at(0))
    statistics.answered(IP, "microsoft", ReplyClass.DELIVERED, "", at(90))
    statistics.lifetime()
    statistics.complained(IP, "microsoft", at(0))
    statistics.complained(IP, "microsoft", at(90))
    statistics.complained(IP, "microsoft", at(30))
    statistics.answered(IP, "microsoft", ReplyClass.DELIVERED, "", at(200))
    assert statistics.lifetime()[IP, "microsoft"]["complaints"] == 3
    assert statistics.lifetime()[IP, "microsoft"]["complaints"] == 3


def test_complaints_are_taken_back_after_a_restart() -> None:
    before, after = Statistics(), Statistics()
    before.complained(IP, "microsoft", at(0))
    after.restore(before.since(START))
    assert [row.complaints for row in after.since(START)] == [1]
