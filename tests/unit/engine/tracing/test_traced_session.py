"""A session that tells: the same conversation as the plain one, each line of it told, no content among them."""

from typing import Any

import pytest

from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.outcome import Envelope
from engine.tracing.onlooker import Audience
from engine.tracing.trace import Trace
from engine.tracing.wanted import Wanted
from engine.tracing.wire import TracedSession

ENVELOPE = Envelope("a@b.example", ("c@d.example",), b"Subject: secret\r\n\r\n.dot\r\n")
PIPELINED = [
    b"220 mx.example\r\n", b"250-mx.example\r\n250 PIPELINING\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n",
    b"250 2.0.0 queued\r\n", b"221 bye\r\n",
]  # fmt: skip
LOCKSTEP = [
    b"220 mx.example\r\n", b"250 mx.example\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n",
    b"250 2.0.0 queued\r\n", b"221 bye\r\n",
]  # fmt: skip


class Told:
    """A trace that nobody reads: what it would tell, briefly."""

    def __init__(self) -> None:
        self.trace = Trace(Wanted())
        self.audience = Audience([(self.trace, 1)], lambda: 0)

    def __call__(self) -> list[tuple[str, Any]]:
        steps = [
            step.document(with_content=False) | {"kind": str(step.kind)} for step, _ in self.trace._waiting
        ]
        return [(s["kind"], s.get("line", s.get("octets", s.get("why")))) for s in steps]


def converse(session: ClientSession, replies: list[bytes]) -> bytes:
    """Everything that the session says to these replies."""
    said = b""
    for reply in replies:
        session.receive_data(reply)
        said += session.data_to_send()
        session.content_written()
        if session.is_ready and b"MAIL" not in said:
            session.transaction(ENVELOPE)
            said += session.data_to_send()
        elif session.is_ready and b"QUIT" not in said:
            session.quit()
            said += session.data_to_send()
    return said


@pytest.mark.parametrize(
    "replies", [PIPELINED, LOCKSTEP, PIPELINED[:2], LOCKSTEP[:4], [b"554 no\r\n"], [b"?\r\n"]]
)
def test_it_says_what_the_plain_one_says(replies: list[bytes]) -> None:
    told = Told()
    plain, traced = ClientSession("mta.example"), TracedSession("mta.example", TlsPolicy.NEVER, told.audience)
    assert converse(traced, replies) == converse(plain, replies)
    assert traced.state is plain.state
    told.audience.closed()
    assert "secret" not in str(told())


@pytest.mark.parametrize("replies", [PIPELINED, LOCKSTEP])
def test_every_line_is_told_in_order_and_the_content_as_a_size(replies: list[bytes]) -> None:
    told = Told()
    converse(TracedSession("mta.example", TlsPolicy.NEVER, told.audience), replies)
    told.audience.closed()
    steps = told()
    assert [line for kind, line in steps if kind == "heard"] == b"".join(replies).decode().splitlines()
    assert [line for kind, line in steps if kind == "said"] == [
        "EHLO mta.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA", "QUIT",
    ]  # fmt: skip
    after_go = steps[steps.index(("heard", "354 go")) + 1 :]
    octets = len(b"Subject: secret\r\n\r\n..dot\r\n.\r\n")
    assert after_go[:3] == [("content", octets), ("written", None), ("heard", "250 2.0.0 queued")]
    assert steps[-1] == ("closed", "we said QUIT")


@pytest.mark.parametrize(
    "hostile",
    [b"250 ok\r\n250 ok\r\n354 go\r\n554 no\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n?\r\n"],
    ids=["refused while we speak", "out of step"],
)
def test_a_content_is_not_taken_for_commands_whatever_comes_behind_the_go_ahead(hostile: bytes) -> None:
    told = Told()
    session = TracedSession("mta.example", TlsPolicy.NEVER, told.audience)
    converse(session, [*PIPELINED[:2], hostile])
    assert "secret" not in str(told())
    assert "content" in dict(told())


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        ([b"220 mx.example\r\n", b"421 4.3.2 going down\r\n"], "421 4.3.2 going down"),
        ([b"554 5.7.1 go away\r\n"], "554 5.7.1 go away"),
        ([b"hello\r\n"], "before the greeting"),
    ],
)
def test_the_end_has_its_reason(replies: list[bytes], why: str) -> None:
    told = Told()
    converse(TracedSession("mta.example", TlsPolicy.NEVER, told.audience), replies)
    told.audience.closed()
    kind, said = told()[-1]
    assert kind == "closed"
    assert why in said


def test_a_lost_connection_says_when_it_was_lost() -> None:
    told = Told()
    session = TracedSession("mta.example", TlsPolicy.NEVER, told.audience)
    session.receive_data(b"220 mx.example\r\n")
    session.lose("timed out after 300 s")
    session.lose("given up")
    told.audience.closed()
    assert told()[-1] == ("closed", "timed out after 300 s while waiting for the reply to EHLO")


def test_half_a_line_in_the_clear_is_no_part_of_a_line_in_tls() -> None:
    told = Told()
    session = TracedSession("mta.example", TlsPolicy.OPPORTUNISTIC, told.audience)
    for data in (b"220 mx.example\r\n", b"250-mx.example\r\n250 STARTTLS\r\n", b"220 go\r\n250-evil"):
        session.receive_data(data)
    session.secured()
    session.receive_data(b"250 mx.example\r\n")
    assert [line for kind, line in told() if kind == "heard"][-1] == "250 mx.example"
    assert [line for kind, line in told() if kind == "said"][-2:] == ["STARTTLS", "EHLO mta.example"]
