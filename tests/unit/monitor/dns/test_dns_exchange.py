"""Which packet answers which question: id, question and peer must all be right."""

import os
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from monitor.dns import exchange, message
from monitor.dns.exchange import Identities, Pending, Port, Timers
from monitor.dns.message import RecordType

SERVER = ("127.0.0.1", 53)
ASKED = message.question("7.113.0.203.bl.test", RecordType.A)


def pending(question: bytes = ASKED, deadline: float = 6.0) -> Pending[str]:
    return Pending(question, "somebody", 0.0, deadline)


def port(entropy: bytes | None = None) -> Port[str]:
    return Port(0, SERVER, Identities(os.urandom if entropy is None else lambda _: entropy))


def reply_to(query: bytes) -> bytes:
    return message.HEADER.pack(message.identity(query), 0x8183, 1, 0, 0, 0) + query[12:]


def test_the_answer_of_the_server_that_was_asked_counts() -> None:
    one, mine = port(), pending()
    query = one.place(mine)
    found = one.match(reply_to(query), SERVER)
    assert found is not None
    assert found[0] is mine


def test_forged_ids_questions_and_peers_do_not_count() -> None:
    one, mine = port(), pending()
    query = one.place(mine)
    right = reply_to(query)
    wrong_id = bytes((right[0] ^ 1, right[1])) + right[2:]
    other = message.question("8.113.0.203.bl.test", RecordType.A)
    assert one.match(wrong_id, SERVER) is None
    assert one.match(right[:12] + other, SERVER) is None
    assert one.match(right, ("127.0.0.1", 54)) is None
    assert one.match(right, ("127.0.0.2", 53)) is None
    assert one.match(right[:5], SERVER) is None
    assert one.match(query, SERVER) is None
    assert len(one) == 1


def test_a_settled_question_takes_no_second_answer() -> None:
    one, mine = port(), pending()
    query = one.place(mine)
    exchange.settle(mine)
    assert one.match(reply_to(query), SERVER) is None
    assert len(one) == 0


def test_an_id_that_is_in_use_is_not_given_twice() -> None:
    one = port(entropy=b"\2\2\1\1\1\1")
    first, second = one.place(pending()), one.place(pending())
    assert (message.identity(first), message.identity(second)) == (0x0101, 0x0202)


def test_ids_use_all_sixteen_bits() -> None:
    ids = Identities(os.urandom)
    drawn = [ids.next() for _ in range(4_000)]
    bits = Counter(bit for n in drawn for bit in range(16) if n >> bit & 1)
    assert all(1_700 < bits[bit] < 2_300 for bit in range(16))


def test_waits_double() -> None:
    assert [exchange.again_after(0.25, n) for n in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=30), st.floats(0, 10))
def test_who_is_due_is_who_waits_and_whose_moment_has_come(
    waits: list[tuple[float, bool]], now: float
) -> None:
    timers: Timers[str] = Timers()
    expected = 0
    for due, answered in waits:
        one = pending(deadline=100)
        timers.at(due, one)
        one.done = answered
        expected += due <= now and not answered
    assert len(timers.due(now)) == expected
    assert timers.due(now) == []


def test_nobody_waits_past_his_deadline() -> None:
    timers: Timers[str] = Timers()
    one = pending(deadline=1.0)
    timers.at(5.0, one)
    assert timers.due(1.0) == [one]
