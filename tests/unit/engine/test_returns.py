"""A recipient is settled only after the notification about it is stored."""

import asyncio
from dataclasses import replace

from core.clock import ManualClock
from core.errors import SpoolFull
from engine.mail.settings import DsnSettings
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.returns import Ended, Returns
from engine.smtp.reply import Reply
from engine.spool.base import NewMessage, Settled
from engine.spool.memory import MemorySpool

REFUSED = Reply(550, "5.1.1", ("no such user",))


class Post:
    """Takes notifications, or has no room for them."""

    def __init__(self) -> None:
        self.full = False
        self.letters: list[tuple[str, bytes]] = []

    async def send(self, recipient: str, content: bytes) -> None:
        if self.full:
            raise SpoolFull("no room")
        self.letters.append((recipient, content))


async def stored(spool: MemorySpool, clock: ManualClock, sender: str, count: int) -> list[QueuedRecipient]:
    recipients = tuple(f"r{number}@x.test" for number in range(count))
    now = clock.now()
    mail = NewMessage(
        sender=sender, recipients=recipients, vmta="v", received_at=now, content=b"Subject: x\r\n\r\n"
    )
    number = int(await spool.store(mail))
    queued = QueuedMessage(number, sender, recipients, 10, "v", "", False, False, now.timestamp())
    return [QueuedRecipient(queued, index) for index in range(count)]


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_notification_tells_of_all_recipients_of_a_batch() -> None:
    spool, clock, post = MemorySpool(), ManualClock(), Post()
    returns = Returns(DsnSettings(), "mta.test", spool, clock, post.send, lambda _address: False)
    recipients = await stored(spool, clock, "a@b.test", 3)
    returns.end(Ended(recipient, Settled.BOUNCED, REFUSED) for recipient in recipients)
    await turns()
    ((to, content),) = post.letters
    assert to == "a@b.test"
    assert content.count(b"Final-Recipient:") == 3
    assert spool.size().messages == 0


async def test_nothing_is_settled_while_the_notification_cannot_be_stored() -> None:
    spool, clock, post = MemorySpool(), ManualClock(), Post()
    post.full = True
    returns = Returns(DsnSettings(), "mta.test", spool, clock, post.send, lambda _address: False)
    (recipient,) = await stored(spool, clock, "a@b.test", 1)
    returns.end([Ended(recipient, Settled.EXPIRED, REFUSED)])
    await turns()
    assert (spool.size().messages, returns.waiting) == (1, 1)
    post.full = False
    clock.advance(60)
    await turns()
    assert (spool.size().messages, returns.waiting, len(post.letters)) == (0, 0, 1)
    assert b"Status: 5.4.7" in post.letters[0][1]


async def test_the_null_sender_is_never_written_to() -> None:
    spool, clock, post = MemorySpool(), ManualClock(), Post()
    returns = Returns(DsnSettings(), "mta.test", spool, clock, post.send, lambda _address: False)
    (recipient,) = await stored(spool, clock, "", 1)
    returns.end([Ended(recipient, Settled.BOUNCED, REFUSED)])
    await turns()
    assert (spool.size().messages, post.letters) == (0, [])


async def test_nothing_is_told_of_what_an_operator_deleted_or_where_it_is_switched_off() -> None:
    spool, clock, post = MemorySpool(), ManualClock(), Post()
    returns = Returns(DsnSettings(), "mta.test", spool, clock, post.send, lambda _address: False)
    off = replace(returns, settings=DsnSettings(enabled=False))
    first, second = await stored(spool, clock, "a@b.test", 2)
    returns.end([Ended(first, Settled.DELETED, REFUSED)])
    off.end([Ended(second, Settled.BOUNCED, REFUSED)])
    await turns()
    assert (spool.size().messages, post.letters) == (0, [])


async def test_closing_leaves_unsettled_what_could_not_be_told() -> None:
    spool, clock, post = MemorySpool(), ManualClock(), Post()
    post.full = True
    returns = Returns(DsnSettings(), "mta.test", spool, clock, post.send, lambda _address: False)
    (recipient,) = await stored(spool, clock, "a@b.test", 1)
    returns.end([Ended(recipient, Settled.BOUNCED, REFUSED)])
    await turns()
    returns._work.cancel()  # type: ignore[union-attr]
    await returns.close()
    assert spool.size().messages == 1
