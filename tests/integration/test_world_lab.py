"""The toy world behind real sockets: what it decides is answered over SMTP, DNS and HTTP."""

import asyncio
import smtplib
from collections.abc import AsyncIterator

import httpx
import pytest

from core.clock import ManualClock
from lab.dns import lookup
from lab.realtime.mail import Mailbox
from lab.realtime.manners import PROVIDERS
from lab.realtime.sources import CSS
from lab.realtime.world import SOURCE, WorldLab
from lab.simulation import scenarios
from lab.simulation.physics import BAD, GOOD, MICROSOFT, STEPS_PER_HOUR, Physics
from lab.simulation.scenarios import Scenario
from lab.world import SNDS_KEY

HOUR = 3_600.0
WORTH = 25.0


@pytest.fixture
async def world() -> AsyncIterator[WorldLab]:
    clock = ManualClock()
    script = scenarios.write(Scenario.OUTAGE, (1,), 4)
    async with WorldLab(script, Physics(), clock, clock.now(), WORTH) as lab:
        yield lab


async def turn_to(world: WorldLab, step: int) -> None:
    while world.step < step:
        await world.turn()


def send(world: WorldLab, mailbox: Mailbox, count: int, place: int = MICROSOFT) -> list[tuple[int, bytes]]:
    """Offer messages to a provider from the sender's address; the deciding replies."""
    who, replies = PROVIDERS[place], []
    client = smtplib.SMTP(timeout=5, source_address=(str(SOURCE.bind), 0))
    try:
        client.connect(who.host, world.smtp_port)
        client.ehlo("mta.lab.test")
        for n in range(count):
            client.mail("news@sender.test")
            reply = client.rcpt(f"{mailbox}{n}@{who.domain}")
            replies.append(client.data("Subject: hello\r\n\r\nhello\r\n") if reply[0] == 250 else reply)
            client.rset()
    finally:
        client.close()
    return replies


async def test_mail_beyond_the_worlds_limit_is_deferred_and_the_books_know(world: WorldLab) -> None:
    limit = world.outside.providers.limits()[0, MICROSOFT] / STEPS_PER_HOUR / WORTH
    replies = await asyncio.to_thread(send, world, Mailbox.READER, 30)
    assert sum(code == 250 for code, _ in replies) == int(limit)
    assert all((code == 451 and b"203.0.113.7" in text) or code == 250 for code, text in replies)
    assert world.books.ledger.delivered[0, GOOD] == int(limit)


async def test_dead_mailboxes_bounce_and_a_block_refuses_for_now_or_for_good(world: WorldLab) -> None:
    (dead,) = await asyncio.to_thread(send, world, Mailbox.STALE, 1)
    assert dead[0] == 550
    assert dead[1].startswith(b"5.1.1")
    world.outside.providers.blocked_for[0, MICROSOFT] = 24.0
    replies = await asyncio.to_thread(send, world, Mailbox.LEAD, 40)
    final = sum(code == 550 for code, _ in replies)
    assert 8 < final < 32
    assert {code for code, _ in replies} == {451, 550}
    assert world.books.ledger.lost[0, BAD] == 1 + final


async def test_what_was_delivered_is_told_by_snds_a_day_later(world: WorldLab) -> None:
    for _ in range(2 * STEPS_PER_HOUR):
        await asyncio.to_thread(send, world, Mailbox.READER, 3)
        await world.turn()
    await turn_to(world, 60 * STEPS_PER_HOUR)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{world.snds.url}/data.aspx", params={"key": SNDS_KEY})
    assert answer.text.split(",")[0] == "203.0.113.7"
    assert answer.text.split(",")[5] == str(2 * STEPS_PER_HOUR * 3)


async def test_a_listing_in_the_world_is_one_in_dns(world: WorldLab) -> None:
    name, server = f"7.113.0.203.{CSS}", (world.resolver.host, world.resolver.port)
    assert (await lookup(name, server=server)).code == "NXDOMAIN"
    world.outside.signals[0].lists.css.detect(0.0, 0.0, 72.0)
    await world.turn()
    assert (await lookup(name, server=server)).values == ("127.0.0.3",)


async def test_a_provider_that_is_down_cannot_be_reached_until_it_is_up_again(world: WorldLab) -> None:
    down = world.script.down[0, :, MICROSOFT]
    begins = int(down.argmax())
    await turn_to(world, begins)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(send, world, Mailbox.READER, 1)
    await turn_to(world, begins + int(down.sum()))
    assert (await asyncio.to_thread(send, world, Mailbox.READER, 1))[0][0] == 250
