"""Recipients that nobody ever answers for leave their queue after bounce-after, and no others do."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.expiry import take_expired
from engine.directives import DEFAULTS
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.queue.queue import Queue

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def queue_of(ready: list[int], waiting: list[int]) -> Queue:
    """A queue with bounce-after 1d; the numbers are ages in hours."""
    queue = Queue("d.example", "v", DEFAULTS.model_copy(update={"bounce_after": DAY}), {})
    queue.ready.extend(recipient(hours) for hours in ready)
    for place, hours in enumerate(waiting):
        queue.postpone(recipient(hours), 1_000 - place)
    return queue


def recipient(hours: int) -> QueuedRecipient:
    at = (NOW - timedelta(hours=hours)).timestamp()
    return QueuedRecipient(QueuedMessage(1, "", ("c@d.example",), 1, "v", "", False, False, at), 0)


def ages(recipients: list[QueuedRecipient]) -> list[int]:
    return sorted(round((NOW.timestamp() - r.message.received_at) / 3600) for r in recipients)


@given(st.lists(st.integers(0, 48)), st.lists(st.integers(0, 48)))
def test_the_old_are_taken_and_the_young_stay_in_order(ready: list[int], waiting: list[int]) -> None:
    queue = queue_of(ready, waiting)
    assert ages(take_expired(queue, NOW)) == sorted(hours for hours in ready + waiting if hours >= 24)
    assert [ages([r])[0] for r in queue.ready] == [hours for hours in ready if hours < 24]
    assert ages([entry[2] for entry in queue.waiting]) == sorted(h for h in waiting if h < 24)
    if queue.waiting:
        assert queue.waiting[0] == min(queue.waiting)  # still a heap


def test_a_queue_is_walked_through_once_a_minute_at_most() -> None:
    queue = queue_of([], [])
    assert take_expired(queue, NOW) == []
    queue.ready.append(recipient(30))
    assert take_expired(queue, NOW + timedelta(seconds=59)) == []
    assert len(take_expired(queue, NOW + timedelta(seconds=60))) == 1
