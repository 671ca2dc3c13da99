"""Clients that mean ill, over real sockets: memory stays bounded, others are served, nothing gets through."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from test_smtp_listener import MAIL, TEXT, Client, Shelf, client, greeted, listening

from engine.listener import Listener
from engine.smtp.limits import ServerLimits

_HELD = 65_536


def held(listener: Listener) -> tuple[int, int]:
    """The most input and the most output, in octets, that any connection keeps in memory."""
    kept_in, kept_out = [0], [0]
    for connection in listener._connections:
        if connection._session is not None and connection._transport is not None:
            kept_in.append(connection._session.held)
            kept_out.append(connection._transport.get_write_buffer_size())
    return max(kept_in), max(kept_out)


async def test_three_hundred_slow_clients_are_parted_with_while_an_honest_one_is_served() -> None:
    shelf = Shelf()
    async with listening(shelf, idle_timeout=0.5) as listener, AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(client(listener)) for _ in range(300)]
        drips = [asyncio.create_task(_drip(each)) for each in slow]
        async with client(listener) as honest:
            await greeted(honest)
            await honest.say(MAIL + b"DATA\r\n")
            for _ in range(3):
                await honest.hear()
            assert (await honest.ask(TEXT + b".")).startswith(b"250 2.0.0")
            await honest.ask(b"QUIT")
        async with asyncio.timeout(10):
            while listener.sessions:
                await asyncio.sleep(0.02)
        for drip in drips:
            drip.cancel()
        await asyncio.gather(*drips, return_exceptions=True)
    assert len(shelf.messages) == 1


async def _drip(slow: Client) -> None:
    await slow.hear()
    while True:
        await slow.say(b"E")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "flood", [b"NOOP\r\n", b"RSET\r\n", b"EHLO x\r\n", b"VRFY x\r\n", b"FOO\r\n", b"\r\n", b"MAIL\r\n"]
)
async def test_a_flood_of_idle_or_wrong_commands_ends_in_421_before_it_costs_anything(flood: bytes) -> None:
    async with listening(Shelf()) as listener, client(listener) as evil:
        await greeted(evil)
        evil.writer.write(flood * 200_000)
        heard = b""
        try:
            while chunk := await evil.reader.read(65_536):
                heard += chunk
        except ConnectionError:
            pass
        assert sum(line[3:4] == b" " for line in heard.splitlines()) <= 125
        assert b"421 4.7.0" in heard
        assert listener.sessions == 0


async def test_a_flood_without_line_ends_is_not_kept() -> None:
    async with listening(Shelf()) as listener, client(listener) as evil:
        await greeted(evil)
        for _ in range(200):
            await evil.say(b"A" * 65_536)
            assert held(listener)[0] <= _HELD + 262_144  # one read of the socket on top
        assert (await evil.hear()).startswith(b"500 5.5.2 Line too long")


async def test_a_client_that_never_reads_stops_being_read_and_is_cut_off() -> None:
    limits = ServerLimits("mta.example", max_recipients=100)
    async with listening(Shelf(), limits=limits, idle_timeout=0.4) as listener, client(listener) as evil:
        await greeted(evil)
        await evil.say(b"MAIL FROM:<a@b.example>\r\n")
        most_in = most_out = 0
        question = b"RCPT TO:<c@d.example>\r\n" * 2_000
        async with asyncio.timeout(20):
            while listener.sessions:
                evil.writer.write(question if evil.writer.transport.get_write_buffer_size() < 10**6 else b"")
                kept_in, kept_out = held(listener)
                most_in, most_out = max(most_in, kept_in), max(most_out, kept_out)
                await asyncio.sleep(0)
        assert most_in < 10**6
        assert most_out < 10**6


async def test_pipelined_input_during_a_commit_is_held_up_to_a_bound() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    async with listening(shelf) as listener, client(listener) as evil:
        await greeted(evil)
        await evil.say(MAIL + b"DATA\r\n" + TEXT + b".\r\n")
        for _ in range(400):
            evil.writer.write(b"NOOP\r\n" * 10_000)
            await asyncio.sleep(0)
            assert held(listener)[0] <= _HELD + 262_144
        shelf.gate.set()
        async with asyncio.timeout(10):
            while listener.sessions:
                await asyncio.sleep(0.01)
    assert len(shelf.messages) == 1


async def test_a_text_line_of_a_hundred_thousand_octets_is_relayed_as_it_came() -> None:
    shelf = Shelf()
    text = b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n"
    async with listening(shelf) as listener, client(listener) as long_winded:
        await greeted(long_winded)
        await long_winded.say(MAIL + b"DATA\r\n" + text + b".\r\n")
        for _ in range(3):
            await long_winded.hear()
        assert (await long_winded.hear()).startswith(b"250 ")
    assert shelf.messages[0].content == text


@pytest.mark.parametrize("declared", [b"0", b"10", b"20000000"])
async def test_a_lie_about_size_is_found_out_by_counting(declared: bytes) -> None:
    shelf = Shelf()
    limits = ServerLimits("mta.example", max_size=20_000_000)
    async with listening(shelf, limits=limits) as listener, client(listener) as liar:
        await greeted(liar)
        assert (await liar.ask(b"MAIL FROM:<a@b.example> SIZE=20000001")).startswith(b"552 5.3.4")
        assert (await liar.ask(b"MAIL FROM:<a@b.example> SIZE=" + declared)).startswith(b"250")
        await liar.ask(b"RCPT TO:<c@d.example>")
        await liar.ask(b"DATA")
        for _ in range(21):
            await liar.say(b"x" * 999_998 + b"\r\n")
        assert (await liar.ask(b".")).startswith(b"552 5.3.4")
        assert (await liar.ask(b"NOOP")).startswith(b"250")
    assert shelf.messages == []


async def test_bdat_is_off_and_its_chunk_is_not_obeyed_as_mail() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, client(listener) as chunky:
        await chunky.hear()
        assert b"CHUNKING" not in await chunky.ask(b"EHLO x")
        await chunky.say(MAIL)
        await chunky.hear()
        await chunky.hear()
        chunk = b"Subject: x\r\n\r\nHello\r\n"
        await chunky.say(b"BDAT %d LAST\r\n" % len(chunk) + chunk)
        assert [(await chunky.hear())[:3] for _ in range(4)] == [b"502", b"500", b"500", b"500"]
    assert shelf.messages == []


@pytest.mark.parametrize(
    "octets", [b"\0", b"\a", b"\x1b[2J", b"\x7f", b"\n", b"\r", b"\xc2\x85", b"\xe2\x80\xa8"]
)
@pytest.mark.parametrize(
    "line", [b"EHLO a%sb", b"MAIL FROM:<a%s@b.example> SMTPUTF8", b"RCPT TO:<c%s@d.example>"]
)
async def test_control_characters_are_refused_in_every_argument(line: bytes, octets: bytes) -> None:
    async with listening(Shelf()) as listener, client(listener) as evil:
        await greeted(evil)
        if line.startswith(b"RCPT"):
            await evil.ask(b"MAIL FROM:<a@b.example> SMTPUTF8")
        reply = await evil.ask(line.replace(b"%s", octets))
        assert reply[:1] == b"5", reply
        assert reply.count(b"\r\n") == 1
        assert not set(reply[:-2]) & set(range(32))


async def test_a_hundred_thousand_header_lines_cost_no_more_than_their_octets() -> None:
    shelf = Shelf()
    text = b"".join(b"X-%d: y\r\n" % number for number in range(100_000)) + b"\r\nHello\r\n"
    async with listening(shelf) as listener, client(listener) as wordy:
        await greeted(wordy)
        began = time.perf_counter()
        await wordy.say(MAIL + b"DATA\r\n" + text + b".\r\n")
        for _ in range(3):
            await wordy.hear()
        assert (await wordy.hear()).startswith(b"250 ")
        assert time.perf_counter() - began < 5  # a quadratic reader takes minutes
    assert shelf.messages[0].content == text
