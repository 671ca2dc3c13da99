"""A waiting message gives back what it was given, and takes little room."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from engine.queue import item
from engine.queue.item import Batch, QueuedMessage, QueuedRecipient
from engine.smtp.dsn import RecipientWish, Wishes

ODD = st.sampled_from(["grüße@例.test", "caf\udce9@x.test", "a@b", '"a b"@c.test'])


@given(
    st.integers(1, (1 << 64) - 1),
    st.lists(ODD | st.emails(), min_size=1, max_size=4),
    st.integers(0, (1 << 32) - 1),
    st.floats(0, 4e9),
    st.booleans(),
    st.booleans(),
)
def test_every_fact_comes_back(
    number: int,
    recipients: list[str],
    size: int,
    received_at: float,
    eight_bit: bool,  # noqa: FBT001 - drawn
    utf8: bool,  # noqa: FBT001 - drawn
) -> None:
    wishes = Wishes("FULL", "env", (RecipientWish("NEVER"),))
    message = QueuedMessage(
        number, "s@x.test", tuple(recipients), size, "vmta1", "job", eight_bit, utf8, received_at, wishes
    )
    assert (message.id, message.sender, message.size) == (number, "s@x.test", size)
    assert (message.vmta, message.job, message.wishes) == ("vmta1", "job", wishes)
    assert (message.eight_bit, message.smtp_utf8, message.received_at) == (eight_bit, utf8, received_at)
    waiting = tuple(QueuedRecipient(message, index) for index in range(len(recipients)))
    assert [recipient.address for recipient in waiting] == recipients
    assert Batch(waiting).message is message


def waiting(number: int, sender: str = "news@x.test") -> QueuedRecipient:
    text = f"given.name{number}@example{number % 50}.test"
    vmta, job, sender = (
        bytes(word, "utf-8").decode() for word in ("vmta1", "job7", sender)
    )  # as from a disk
    message = QueuedMessage(
        number + (1 << 40), sender, (text,), 4096 + number, vmta, job, False, False, 1.7e9 + number
    )
    return QueuedRecipient(message, 0)


def test_a_recipient_of_a_campaign_takes_less_than_three_hundred_bytes() -> None:
    tracemalloc.start()
    try:
        kept = [waiting(number) for number in range(20_000)]
        assert tracemalloc.get_traced_memory()[0] / len(kept) < 300
    finally:
        tracemalloc.stop()


def test_what_is_shared_does_not_grow_with_the_senders() -> None:
    for number in range(25_000):
        waiting(number, f"bounce+{number}@x.test")
    assert len(item._senders) <= item._MOST_SHARED
