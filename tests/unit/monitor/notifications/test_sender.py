"""The sender: each channel for itself, faults by their blame, claims that run out."""

import asyncio
from datetime import timedelta

import pytest

from monitor.notifications.courier import Postponed, Refused
from monitor.notifications.sender import Delivered, Sender
from storage import database, outbox
from storage.outbox import ClaimedMail, OutboxMail, StoredMail
from tests.unit.monitor.watching import Rig, rig


class Scripted:
    """Does what the test wants."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.carried: list[str] = []
        self.gate: asyncio.Event | None = None

    async def carry(self, message: ClaimedMail) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.carried.append(message.idempotency_key)


def put(monitor: Rig, *channels: str) -> None:
    with database.session(monitor.engine) as session:
        for number, channel in enumerate(channels):
            mail = OutboxMail(
                idempotency_key=f"{number}:{channel}", kind="new", channel=channel, recipients=(channel or "ops@example.com",),
                subject="s", mime=b"", created_at=monitor.clock.now(),
            )  # fmt: skip
            outbox.put(session, mail)


def sender(monitor: Rig, **couriers: Scripted) -> Sender:
    return Sender(monitor.engine, monitor.clock, monitor.settings.notifications, couriers)


def stored(monitor: Rig) -> list[StoredMail]:
    with database.reading(monitor.engine) as session:
        return [*outbox.pending(session), *outbox.dead(session), *outbox.sent(session)]


async def test_a_slow_channel_keeps_no_other_waiting() -> None:
    slow, quick = Scripted(), Scripted()
    slow.gate = asyncio.Event()
    with rig() as monitor:
        put(monitor, "slow", "quick", "quick")
        running = asyncio.create_task(sender(monitor, slow=slow, quick=quick).deliver())
        async with asyncio.timeout(5):
            while len(quick.carried) < 2:
                await asyncio.sleep(0)
        assert slow.carried == []
        slow.gate.set()
        assert await running == Delivered(sent=3)


@pytest.mark.parametrize(
    ("fault", "done", "said"),
    [
        (Refused("it answered 400"), Delivered(dead=1), "refuses this message for good: it answered 400"),
        (Postponed("it answered 503"), Delivered(failed=1), "it answered 503"),
        (RuntimeError("a bug"), Delivered(failed=1), "RuntimeError: a bug"),
    ],
)
async def test_a_fault_is_kept_with_its_words(fault: Exception, done: Delivered, said: str) -> None:
    with rig() as monitor:
        put(monitor, "hook")
        assert await sender(monitor, hook=Scripted(fault)).deliver() == done
        [message] = stored(monitor)
    assert said in message.last_error


async def test_the_other_sides_wish_to_wait_is_kept() -> None:
    with rig() as monitor:
        put(monitor, "hook")
        await sender(monitor, hook=Scripted(Postponed("429", timedelta(minutes=20)))).deliver()
        [message] = stored(monitor)
        assert message.next_at == monitor.clock.now() + timedelta(minutes=20)


async def test_a_channel_that_the_configuration_has_lost_is_dead_at_once() -> None:
    with rig() as monitor:
        put(monitor, "gone")
        assert await sender(monitor, hook=Scripted()).deliver() == Delivered(dead=1)
        [message] = stored(monitor)
    assert "no channel gone" in message.last_error


async def test_a_message_whose_claim_ran_out_is_left_to_the_next_sender() -> None:
    slow = Scripted()
    with rig() as monitor:
        put(monitor, "slow", "slow")
        slow.gate = asyncio.Event()
        running = asyncio.create_task(sender(monitor, slow=slow).deliver())
        await asyncio.sleep(0.01)
        monitor.clock.advance(301)
        slow.gate.set()
        assert await running == Delivered(sent=1)
        assert slow.carried == ["0:slow"]
        assert await sender(monitor, slow=slow).deliver() == Delivered(sent=1)
        assert slow.carried == ["0:slow", "1:slow"]


async def test_a_dead_message_comes_to_life_with_the_key_that_it_had() -> None:
    hook = Scripted(Refused("no"))
    with rig() as monitor:
        put(monitor, "hook")
        await sender(monitor, hook=hook).deliver()
        with database.session(monitor.engine) as session:
            [dead] = outbox.dead(session)
            outbox.revive(session, dead.id, monitor.clock.now())
        hook.fault = None
        assert await sender(monitor, hook=hook).deliver() == Delivered(sent=1)
    assert hook.carried == [dead.idempotency_key]
