"""The listener over real sockets, with stdlib's smtplib, aiosmtplib and bare bytes as clients."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import aiosmtplib
import pytest

from core.errors import SpoolFull
from engine.listener import Listener, ListenerSettings
from engine.smtp.limits import ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply

QUEUED = Reply(250, "2.0.0", ("Queued as 1",))
MAIL = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
TEXT = b"Subject: hello\r\n\r\nHello.\r\n.dotted\r\n"


class Shelf:
    """Accepts messages, on demand only when told to, and may refuse or break."""

    def __init__(self) -> None:
        self.messages: list[ReceivedMessage] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reply = QUEUED
        self.error: Exception | None = None

    async def accept(self, message: ReceivedMessage) -> Reply:
        await self.gate.wait()
        if self.error:
            raise self.error
        self.messages.append(message)
        return self.reply


@asynccontextmanager
async def listening(shelf: Shelf, **bounds: object) -> AsyncIterator[Listener]:
    settings = {
        "addresses": (("127.0.0.1", 0),),
        "relay_from": (ip_network("127.0.0.0/29"),),
        "limits": ServerLimits("mta.example", max_size=20_000_000),
        "stop_grace": 5.0,
        **bounds,
    }
    listener = Listener(ListenerSettings(**settings), shelf.accept)  # type: ignore[arg-type]
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


class Client:
    """Bytes over a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> bytes:
        """One whole reply, b"" at the end of the stream."""
        lines = [await self.reader.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(await self.reader.readline())
        return b"".join(lines)

    async def ask(self, line: bytes) -> bytes:
        await self.say(line + b"\r\n")
        return await self.hear()


@asynccontextmanager
async def client(listener: Listener, source: str = "127.0.0.1") -> AsyncIterator[Client]:
    host, port = listener.addresses[0]
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def greeted(bare: Client) -> None:
    assert (await bare.hear()).startswith(b"220 mta.example")
    assert (await bare.ask(b"EHLO x")).startswith(b"250-mta.example")


async def test_smtplib_delivers_and_the_octets_arrive() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener:

        def send() -> None:
            with smtplib.SMTP(*listener.addresses[0], local_hostname="client.example") as smtp:
                assert smtp.sendmail("a@b.example", ["c@d.example", "e@f.example"], TEXT) == {}

        await asyncio.to_thread(send)
    (message,) = shelf.messages
    assert message == ReceivedMessage(
        ip_address("127.0.0.1"), "client.example", "a@b.example", ("c@d.example", "e@f.example"), TEXT
    )


async def test_aiosmtplib_delivers_ten_megabytes() -> None:
    shelf = Shelf()
    big = TEXT + (b"." + b"x" * 75 + b"\r\n") * 130_000
    async with listening(shelf) as listener:
        host, port = listener.addresses[0]
        async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as smtp:
            errors, reply = await smtp.sendmail("a@b.example", ["c@d.example"], big)
    assert (errors, reply) == ({}, "2.0.0 Queued as 1")
    assert shelf.messages[0].content == big


async def test_a_stranger_is_told_plainly_that_it_may_not_relay() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, client(listener, source="127.0.0.99") as bare:
        await greeted(bare)
        assert (await bare.ask(b"MAIL FROM:<a@b>")).startswith(b"250")
        denied = await bare.ask(b"RCPT TO:<c@d>")
        assert denied == b"550 5.7.1 Relaying denied: 127.0.0.99 may not send mail through this server\r\n"


async def test_the_250_waits_for_accept_and_held_input_follows() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    async with listening(shelf) as listener, client(listener) as bare:
        await greeted(bare)
        one = MAIL + b"DATA\r\none\r\n.\r\n"
        await bare.say(one + one.replace(b"one", b"two") + b"NOOP\r\n")
        assert [(await bare.hear())[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await bare.reader.read(1)
        shelf.gate.set()
        heard = [(await bare.hear())[:7] for _ in range(6)]
    assert heard == [b"250 2.0", b"250 2.1", b"250 2.1", b"354 End", b"250 2.0", b"250 2.0"]
    assert [m.content for m in shelf.messages] == [b"one\r\n", b"two\r\n"]


async def test_a_client_that_sends_all_and_shuts_its_side_still_hears_the_250() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    async with listening(shelf) as listener, client(listener) as bare:
        await bare.say(b"EHLO x\r\n" + MAIL + b"DATA\r\none\r\n.\r\n")
        bare.writer.write_eof()
        asyncio.get_running_loop().call_later(0.05, shelf.gate.set)
        assert (await bare.reader.read()).endswith(b"250 2.0.0 Queued as 1\r\n")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (SpoolFull("no room"), b"452 4.3.1 Insufficient system storage, try again later\r\n"),
        (RuntimeError("secret path"), b"451 4.3.0 Local error in processing, try again later\r\n"),
    ],
)
async def test_when_accept_fails_the_client_hears_a_bland_4xx(error: Exception, answer: bytes) -> None:
    shelf = Shelf()
    shelf.error = error
    async with listening(shelf) as listener, client(listener) as bare:
        await greeted(bare)
        await bare.say(MAIL + b"DATA\r\none\r\n.\r\n")
        heard = [await bare.hear() for _ in range(4)]
        assert heard[-1] == answer
        assert (await bare.ask(b"NOOP")).startswith(b"250")


@pytest.mark.parametrize("path", [b"", b"EHLO x\r\n", b"EHLO x\r\n" + MAIL + b"DATA\r\nhalf a mess"])
async def test_an_idle_client_hears_421_and_is_parted_with(path: bytes) -> None:
    async with listening(Shelf(), idle_timeout=0.2) as listener, client(listener) as bare:
        await bare.say(path)
        assert (await bare.reader.read()).endswith(b"421 4.4.2 Idle for too long, closing the connection\r\n")


async def test_one_octet_now_and_then_is_idle_too() -> None:
    async with listening(Shelf(), idle_timeout=0.2) as listener, client(listener) as bare:
        drip = asyncio.create_task(_drip(bare))
        assert (await bare.hear()).startswith(b"220")
        assert (await bare.hear()).startswith(
            b"421 4.4.2"
        )  # then perhaps a reset: octets came too late to be read
        drip.cancel()
        await asyncio.gather(drip, return_exceptions=True)


async def _drip(bare: Client) -> None:
    while True:
        await bare.say(b"N")
        await asyncio.sleep(0.02)


async def test_a_commit_that_takes_long_is_not_idleness() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    async with listening(shelf, idle_timeout=0.1) as listener, client(listener) as bare:
        await bare.say(b"EHLO x\r\n" + MAIL + b"DATA\r\none\r\n.\r\n")
        asyncio.get_running_loop().call_later(0.4, shelf.gate.set)
        heard = b""
        while b"Queued" not in heard:
            heard += await bare.reader.readline()
        assert b"421" not in heard


async def test_a_client_that_never_reads_is_stopped_and_dropped() -> None:
    async with listening(Shelf(), idle_timeout=0.3) as listener:
        host, port = listener.addresses[0]
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: Deaf(lost), host, port)
        transport.pause_reading()
        transport.write(b"EHLO x\r\n" + b"MAIL FROM:<a@b>\r\n" + b"RCPT TO:<c@d>\r\n" * 2_000_000)
        async with asyncio.timeout(20):
            while listener.sessions:
                await asyncio.sleep(0.05)
        transport.abort()
        await lost


class Deaf(asyncio.Protocol):
    """A client whose test pauses its reading."""

    def __init__(self, lost: asyncio.Future[None]) -> None:
        self.lost = lost

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


async def test_sessions_are_capped_in_all_and_per_peer() -> None:
    async with (
        listening(Shelf(), max_sessions=3, max_sessions_per_peer=2) as listener,
        client(listener) as one,
        client(listener) as two,
    ):
        await greeted(one)
        await greeted(two)
        async with client(listener) as three:
            assert (await three.hear()).startswith(b"421 4.7.0 Too many sessions from your address")
            assert await three.hear() == b""
        async with client(listener, source="127.0.0.2") as other:
            await greeted(other)
            async with client(listener, source="127.0.0.3") as more:
                assert (await more.hear()).startswith(b"421 4.3.2 Too many sessions")
        await one.ask(b"QUIT")
        assert await one.hear() == b""
        async with client(listener) as again:
            await greeted(again)


async def test_stop_dismisses_the_idle_and_lets_a_message_on_its_way_finish() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, client(listener) as idle, client(listener) as busy:
        await greeted(idle)
        await greeted(busy)
        await busy.say(MAIL + b"DATA\r\nhalf")
        assert [(await busy.hear())[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        stopping = asyncio.create_task(listener.stop())
        assert (await idle.hear()).startswith(b"421 4.3.2")
        await busy.say(b" and half\r\n.\r\n")
        assert (await busy.hear()).startswith(b"250 2.0.0 Queued")
        assert (await busy.hear()).startswith(b"421 4.3.2")
        await stopping
    assert shelf.messages[0].content == b"half and half\r\n"


async def test_stop_does_not_wait_longer_than_its_grace() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    async with (
        listening(shelf, stop_grace=0.1) as listener,
        client(listener) as busy,
        client(listener) as stuck,
    ):
        await busy.say(b"EHLO x\r\n" + MAIL + b"DATA\r\nhalf")
        await stuck.say(b"EHLO x\r\n" + MAIL + b"DATA\r\n.\r\n")
        for bare in (busy, stuck):
            assert [(await bare.hear())[:3] for _ in range(5)][-1] == b"354"
        async with asyncio.timeout(2):
            await listener.stop()
        assert b"250 2.0.0" not in await stuck.reader.read()
    assert shelf.messages == []


async def test_a_connection_lost_during_a_commit_cancels_nothing() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    async with listening(shelf) as listener:
        async with client(listener) as bare:
            await bare.say(b"EHLO x\r\n" + MAIL + b"DATA\r\n.\r\n")
            assert [(await bare.hear())[:3] for _ in range(5)][-1] == b"354"
            bare.writer.transport.abort()
        shelf.gate.set()
    assert len(shelf.messages) == 1


async def test_an_address_that_cannot_be_had_is_an_error_and_nothing_listens() -> None:
    async with listening(Shelf()) as taken:
        settings = ListenerSettings(
            (("127.0.0.1", 0), taken.addresses[0]), (ip_network("127.0.0.0/8"),), ServerLimits("x")
        )
        second = Listener(settings, Shelf().accept)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        assert second.addresses == []


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "uvloop":
        return pytest.importorskip("uvloop").new_event_loop  # type: ignore[no-any-return]
    return asyncio.new_event_loop


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_both_event_loops_carry_it(loop: str) -> None:
    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        runner.run(test_stop_dismisses_the_idle_and_lets_a_message_on_its_way_finish())
        runner.run(test_the_250_waits_for_accept_and_held_input_follows())
        runner.run(test_a_client_that_sends_all_and_shuts_its_side_still_hears_the_250())
        runner.run(test_a_client_that_never_reads_is_stopped_and_dropped())
