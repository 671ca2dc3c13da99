"""The queue, the lists and the late signals of the toy world."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.simulation.listings import Listing, Lists, spamcop_score
from lab.simulation.physics import BAD, GOOD, MICROSOFT, STEPS_PER_HOUR, YAHOO, Physics
from lab.simulation.queue import GIVE_UP, Queue
from lab.simulation.scenarios import OLD_LIST, generator
from lab.simulation.signals import Hour, Signals


def mail(good: float, bad: float = 0.0) -> np.ndarray:
    return np.array([[[good, bad]]])


def test_the_oldest_recipients_are_taken_first() -> None:
    queue = Queue(1, 1)
    queue.add(mail(0, 10))
    for _ in range(7 * STEPS_PER_HOUR):
        queue.age()
    queue.add(mail(10))
    taken = queue.take(np.array([[12.0]])).amounts[0, 0]
    assert (taken[BAD], taken[GOOD]) == (pytest.approx(10), pytest.approx(2))


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 2e4))
def test_no_more_is_taken_than_allowed_or_there(good: float, bad: float, most: float) -> None:
    queue = Queue(1, 1)
    queue.add(mail(good, bad))
    taken = queue.take(np.array([[most]])).amounts
    assert taken.sum() == pytest.approx(min(most, good + bad))
    assert queue.waiting().sum() + taken.sum() == pytest.approx(good + bad)


def test_a_deferred_recipient_comes_back_after_a_while() -> None:
    queue = Queue(1, 1)
    queue.add(mail(100))
    batch = queue.take(np.array([[100.0]]))
    queue.put_back(batch, np.ones((1, 1, 2)))
    assert queue.due().item() == 0
    for _ in range(2 * STEPS_PER_HOUR):
        queue.age()
    assert queue.due().item() == pytest.approx(100, rel=1e-3)


def test_mail_is_given_up_after_four_and_a_half_days() -> None:
    queue = Queue(1, 1)
    queue.add(mail(5))
    lost_at = next(step for step in range(10_000) if queue.age().sum() > 0)
    assert lost_at / STEPS_PER_HOUR == pytest.approx(GIVE_UP, abs=0.1)
    assert queue.waiting().sum() == 0


def test_css_lists_after_three_hits_within_a_day_and_for_three_days_from_the_last() -> None:
    lists = Lists()
    lists.hit(10.0, 2, 2.0)
    assert not lists.css.at(13.0)
    lists.hit(20.0, 1, 2.0)
    assert (lists.css.at(21.9), lists.css.at(22.0)) == (False, True)
    lists.hit(50.0, 3, 2.0)
    assert (lists.css.at(121.9), lists.css.at(122.0)) == (True, False)


def test_hits_far_apart_are_no_listing() -> None:
    lists = Lists()
    for hour in (0.0, 30.0, 60.0):
        lists.hit(hour, 1, 1.0)
    assert lists.css == Listing()


def test_spamcop_weighs_fresh_hits_four_times_and_forgets_after_a_week() -> None:
    assert spamcop_score([(0.0, 2)], 0.0) == 5 * 2 * 4
    assert spamcop_score([(0.0, 2)], 24.0) == 5 * 2 * 2.5
    assert spamcop_score([(0.0, 2)], 48.0) == 5 * 2 * 1
    assert spamcop_score([(0.0, 2)], 168.0) == 0
    # squared above six
    assert spamcop_score([(0.0, 8)], 48.0) == 8 * 8


def signals(seed: int = 1) -> Signals:
    return Signals(Physics(), OLD_LIST, generator(seed, 1))


def hour(good: float, bad: float, score: float = 96.0) -> Hour:
    return Hour(np.full(4, good), np.full(4, bad), np.full(4, score))


def test_complaints_come_from_the_feedback_loops_later_and_about_the_hour_of_sending() -> None:
    source = signals()
    for at in range(48):
        source.tell(at, hour(0, 1_000 if at == 0 else 0))
    arrived = [(at, one) for at in range(200) for one in source.complaints(at)]
    assert {one.provider for _, one in arrived} == {MICROSOFT, YAHOO}
    assert {one.sent for _, one in arrived} == {0}
    delays = [at for at, one in arrived for _ in range(one.count)]
    assert len(delays) == pytest.approx(2 * 15, abs=20)
    assert max(delays) > 3


def test_a_day_at_snds_is_told_eight_to_thirty_hours_after_it() -> None:
    for seed in range(20):
        source = signals(seed)
        for at in range(24):
            source.tell(at, hour(500, 0))
        told = next(at for at in range(24, 100) if source.snds(float(at)))
        assert 32 <= told <= 55


def test_snds_is_silent_about_a_day_of_less_than_a_hundred_messages() -> None:
    source = signals()
    for at in range(24):
        source.tell(at, hour(4, 0))
    assert source.snds(1_000.0) == []


def test_snds_tells_of_the_mail_and_of_the_sender() -> None:
    def spam(good: float, bad: float, score: float) -> float:
        source = signals()
        for at in range(24):
            source.tell(at, hour(good, bad, score))
        return source.snds(1_000.0)[0].spam

    assert spam(500, 0, 96) < 0.1 < spam(500, 0, 85) < spam(500, 0, 70) < 1
    assert spam(500, 0, 96) < spam(500, 500, 96) < spam(0, 500, 96)


def test_sender_score_follows_a_fall_slowly() -> None:
    source = signals()
    fresh = [source.sender_score() for _ in range(50)]
    for at in range(5 * 24):
        source.tell(at, hour(500, 0, 50))
    fallen = [source.sender_score() for _ in range(50)]
    assert np.mean(fresh) == pytest.approx(96, abs=1.5)
    assert np.mean(fallen) == pytest.approx(96 - 46 * 5 / 30, abs=1.5)
