"""Our outbound connection against aiosmtpd and our own listener."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from smtp_scripts import BIG, TEXT, connected

from engine.listener import Listener, ListenerSettings
from engine.smtp.limits import ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.outcome import Stage, TransactionResult
from engine.smtp.reply import Reply


class Mailbox:
    """aiosmtpd's handler: keeps what comes, defers and refuses by the local part."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.peers: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address.startswith("defer"):
            return "450 4.2.1 mailbox is busy"
        if address.startswith("reject"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        self.peers.append(session.peer[0])
        return "250 2.0.0 kept"


@asynccontextmanager
async def aiosmtpd_server(mailbox: Mailbox) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, data_size_limit=50_000_000, enable_SMTPUTF8=True, hostname="mx.example"),
        "127.0.0.1",
        0,
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


def brief(result: TransactionResult) -> list[tuple[str, str, Stage]]:
    return [(o.recipient, o.reply.text, o.stage) for o in result.outcomes]


# Against aiosmtpd


async def test_each_recipient_gets_its_own_answer_and_the_octets_arrive() -> None:
    mailbox = Mailbox()
    async with aiosmtpd_server(mailbox) as port, connected(port) as connection:
        people = ("good@d.example", "defer@d.example", "reject@d.example", "also@d.example")
        result = await connection.deliver("a@b.example", people, TEXT)
        assert brief(result) == [
            ("good@d.example", "250 2.0.0 kept", Stage.FINAL_DOT),
            ("defer@d.example", "450 4.2.1 mailbox is busy", Stage.RCPT),
            ("reject@d.example", "550 5.1.1 no such user", Stage.RCPT),
            ("also@d.example", "250 2.0.0 kept", Stage.FINAL_DOT),
        ]
        assert result.usable
    (kept,) = mailbox.envelopes
    assert (kept.mail_from, kept.rcpt_tos) == ("a@b.example", ["good@d.example", "also@d.example"])
    assert kept.content == TEXT


async def test_when_all_are_refused_the_next_message_still_goes_over_the_same_connection() -> None:
    mailbox = Mailbox()
    async with aiosmtpd_server(mailbox) as port, connected(port) as connection:
        refused = await connection.deliver("a@b.example", ("reject@d.example",), TEXT)
        assert (refused.usable, refused.outcomes[0].reply.code) == (True, 550)
        taken = await connection.deliver("a@b.example", ("good@d.example",), TEXT)
        assert (taken.usable, taken.outcomes[0].reply.code) == (True, 250)
    assert len(mailbox.envelopes) == 1


async def test_the_peer_sees_the_source_address_we_bound() -> None:
    mailbox = Mailbox()
    async with aiosmtpd_server(mailbox) as port:
        for source in ("127.0.1.7", "127.0.1.8"):
            async with connected(port, bind=source) as connection:
                assert connection.source == source
                await connection.deliver("a@b.example", ("good@d.example",), TEXT)
    assert mailbox.peers == ["127.0.1.7", "127.0.1.8"]


async def test_ten_megabytes_go_out_whole() -> None:
    mailbox = Mailbox()
    async with aiosmtpd_server(mailbox) as port, connected(port) as connection:
        result = await connection.deliver("a@b.example", ("good@d.example",), BIG)
        assert result.outcomes[0].reply.code == 250
    assert mailbox.envelopes[0].content == BIG


async def test_eight_bits_and_lone_dots_arrive_as_they_are() -> None:
    mailbox = Mailbox()
    async with aiosmtpd_server(mailbox) as port, connected(port) as connection:
        await connection.deliver(
            "a@b.example", ("good@d.example",), b"caf\xe9\r\n.\r\nx\r\ny\r\n", eight_bit=True
        )
    assert mailbox.envelopes[0].content == b"caf\xe9\r\n.\r\nx\r\ny\r\n"
    assert "BODY=8BITMIME" in mailbox.envelopes[0].mail_options


# Against our own listener


async def test_our_client_delivers_to_our_listener_many_times_and_ten_megabytes() -> None:
    received: list[ReceivedMessage] = []

    async def accept(message: ReceivedMessage) -> Reply:
        received.append(message)
        return Reply(250, "2.0.0", (f"Queued as {len(received)}",))

    settings = ListenerSettings(
        (("127.0.0.1", 0),), (ip_network("127.0.0.0/8"),), ServerLimits("mx.example"), stop_grace=1
    )
    listener = Listener(settings, accept)
    await listener.start()
    async with connected(listener.addresses[0][1], bind="127.0.1.9") as connection:
        assert set(connection.extensions) >= {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8"}
        for content in (TEXT, BIG, TEXT):
            result = await connection.deliver("a@b.example", ("c@d.example",), content)
            assert result.outcomes[0].reply.code == 250
    await listener.stop()
    assert [m.content for m in received] == [TEXT, BIG, TEXT]
    assert {str(m.peer) for m in received} == {"127.0.1.9"}


@pytest.mark.parametrize("loop", ["uvloop"])
def test_the_other_event_loop_carries_it_too(loop: str) -> None:
    factory = pytest.importorskip(loop).new_event_loop
    for story in (
        test_each_recipient_gets_its_own_answer_and_the_octets_arrive,
        test_the_peer_sees_the_source_address_we_bound,
        test_our_client_delivers_to_our_listener_many_times_and_ten_megabytes,
    ):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(story())
