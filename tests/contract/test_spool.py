"""What every spool promises: the one on disk, the same on a simulated disk, and the one in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import SpoolError
from engine.spool.base import (
    MessageGone,
    NewMessage,
    PendingRecipient,
    Settled,
    Spool,
    StoredMessage,
)
from engine.spool.commits import SpoolOptions
from engine.spool.log import LogSpool
from engine.spool.memory import MemorySpool
from engine.spool.simulated import SimulatedDisk

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SMALL = SpoolOptions(segment_size=16 << 10, mark_reserve=2 << 10, cache_size=8 << 10, sync_after=0.01)


def message(text: str = "hello", *recipients: str) -> NewMessage:
    return NewMessage(
        sender="sender@example.com",
        recipients=recipients or ("one@example.org",),
        vmta="marketing",
        job="spring",
        received_at=NOON,
        peer="192.0.2.1",
        wishes=" RET=HDRS ENVID=QQ314159\n NOTIFY=NEVER",
        eight_bit=True,
        content=text.encode(),
    )


@dataclass
class House:
    """A spool that can be closed and opened again."""

    spool: Spool
    open: Callable[[], Awaitable[Spool]]

    async def reopen(self) -> list[StoredMessage]:
        await self.spool.close()
        self.spool = await self.open()
        return list(self.spool.recover())


@pytest.fixture(params=["disk", "simulated", "memory"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "memory":
        memory = MemorySpool()

        async def reopened() -> Spool:
            return memory.reopened()

        yield House(memory, reopened)
        return
    files = SimulatedDisk() if request.param == "simulated" else None

    async def opened() -> Spool:
        return await LogSpool.open(tmp_path / "spool", SMALL, files)

    place = House(await opened(), opened)
    yield place
    await place.spool.close()


async def test_what_is_stored_comes_back_after_a_restart(house: House) -> None:
    stored = message("hello", "one@example.org", "two@example.org")
    message_id = await house.spool.store(stored)
    [found] = await house.reopen()
    assert found.id == message_id
    assert found.size == 5
    assert found.pending == (PendingRecipient(0), PendingRecipient(1))
    for envelope in (found.envelope, house.spool.envelope(message_id)):
        for name in ("sender", "recipients", "vmta", "job", "received_at", "peer", "wishes"):
            assert getattr(envelope, name) == getattr(stored, name)
        assert (envelope.eight_bit, envelope.smtp_utf8) == (True, False)
    assert house.spool.content(message_id) == b"hello"


async def test_messages_come_back_in_order_of_arrival(house: House) -> None:
    ids = [await house.spool.store(message(str(n) * 3000)) for n in range(20)]
    assert ids == sorted(set(ids))
    assert [found.id for found in await house.reopen()] == ids


async def test_a_settled_message_is_gone_and_does_not_come_back(house: House) -> None:
    message_id = await house.spool.store(message())
    house.spool.settle(message_id, 0, Settled.DELIVERED)
    with pytest.raises(MessageGone):
        house.spool.content(message_id)
    with pytest.raises(MessageGone):
        house.spool.envelope(message_id)
    assert await house.reopen() == []


async def test_a_partly_settled_message_comes_back_with_the_rest(house: House) -> None:
    message_id = await house.spool.store(message("x", "a@example.org", "b@example.org", "c@example.org"))
    house.spool.settle(message_id, 1, Settled.BOUNCED)
    [found] = await house.reopen()
    assert [pending.index for pending in found.pending] == [0, 2]
    house.spool.settle(message_id, 0, Settled.DELIVERED)
    house.spool.settle(message_id, 2, Settled.EXPIRED)
    assert await house.reopen() == []


async def test_the_last_postponement_comes_back(house: House) -> None:
    message_id = await house.spool.store(message("x", "a@example.org", "b@example.org"))
    house.spool.postpone(message_id, 1, 1, NOON, "451 first")
    house.spool.postpone(message_id, 1, 2, NOON.replace(hour=13), "451 4.7.0 später " + "x" * 400)
    [found] = await house.reopen()
    assert found.pending[0] == PendingRecipient(0)
    assert found.pending[1].attempts == 2
    assert found.pending[1].next_attempt_at == NOON.replace(hour=13)
    assert found.pending[1].last_error.startswith("451 4.7.0 später xxx")
    assert len(found.pending[1].last_error) == 300
    house.spool.postpone(message_id, 1, 2, NOON, "by hand")
    [found] = await house.reopen()
    assert found.pending[1] == PendingRecipient(1, 2, NOON, "by hand")


async def test_ids_are_never_used_twice_even_when_nothing_is_left(house: House) -> None:
    seen = set()
    for _ in range(4):
        message_id = await house.spool.store(message("y" * 6000))
        assert message_id not in seen
        seen.add(message_id)
        house.spool.settle(message_id, 0, Settled.DELIVERED)
        await house.reopen()


async def test_settling_what_is_not_pending_does_nothing(house: House) -> None:
    message_id = await house.spool.store(message("x", "a@example.org", "b@example.org"))
    house.spool.settle(message_id, 0, Settled.DELIVERED)
    house.spool.settle(message_id, 0, Settled.BOUNCED)
    house.spool.postpone(message_id, 0, 1, NOON)
    house.spool.settle(message_id, 7, Settled.DELIVERED)
    [found] = await house.reopen()
    assert found.pending == (PendingRecipient(1),)


async def test_what_is_settled_during_recovery_is_left_out(house: House) -> None:
    ids = [await house.spool.store(message()) for _ in range(3)]
    await house.spool.close()
    house.spool = await house.open()
    recovery = house.spool.recover()
    assert next(recovery).id == ids[0]
    house.spool.settle(ids[1], 0, Settled.DELETED)
    assert [found.id for found in recovery] == [ids[2]]


async def test_many_at_once_share_commits_and_all_arrive(house: House) -> None:
    ids = await asyncio.gather(*(house.spool.store(message(str(n))) for n in range(500)))
    assert len(set(ids)) == 500
    assert house.spool.counters.synced_messages == 500
    for n, message_id in enumerate(ids):
        assert house.spool.content(message_id) == str(n).encode()
    assert house.spool.size().messages == 500


async def test_content_larger_than_everything_is_kept(house: House) -> None:
    text = "0123456789abcdef" * 20_000
    message_id = await house.spool.store(message(text))
    await house.spool.sync()
    await house.reopen()
    assert house.spool.content(message_id) == text.encode()


async def test_a_cancelled_store_does_not_come_back(house: House) -> None:
    tasks = [asyncio.ensure_future(house.spool.store(message(str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    stored = {result for result in results if isinstance(result, int)}
    assert {found.id for found in await house.reopen()} == stored
    assert len(stored) >= 10


async def test_a_closed_spool_refuses(house: House) -> None:
    message_id = await house.spool.store(message())
    await house.spool.close()
    await house.spool.close()
    with pytest.raises(SpoolError):
        await house.spool.store(message())
    with pytest.raises(SpoolError):
        house.spool.settle(message_id, 0, Settled.DELIVERED)
    with pytest.raises(SpoolError):
        await house.spool.sync()
