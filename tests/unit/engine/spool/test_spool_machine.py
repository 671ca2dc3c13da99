"""Any history of storing, settling, crashing and reclaiming, against a model of dictionaries."""

import asyncio
import contextlib
import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from spooling import NOON, kill, message, opened

from core.errors import SpoolError
from engine.spool.base import MessageId, PendingRecipient, Settled
from engine.spool.log import LogSpool
from engine.spool.simulated import SimulatedDisk


@dataclass
class Recipient:
    """What may come back: `retries` since the last sync, newest last; `settled` since then or before."""

    retries: list[PendingRecipient]
    settled: bool = False
    settled_for_sure: bool = False


@dataclass
class Model:
    """Every acknowledged message by id."""

    contents: dict[int, bytes] = field(default_factory=dict)
    recipients: dict[int, list[Recipient]] = field(default_factory=dict)

    def synced(self) -> None:
        for recipient in (each for all_of in self.recipients.values() for each in all_of):
            recipient.settled_for_sure = recipient.settled
            del recipient.retries[:-1]


class SpoolMachine(RuleBasedStateMachine):
    messages: Bundle[int] = Bundle("messages")

    @initialize(capacity=st.sampled_from([None, None, 60 << 10]))
    def start(self, capacity: int | None) -> None:
        self.runner = asyncio.Runner()
        self.disk = SimulatedDisk(capacity)
        self.spool: LogSpool = self.runner.run(opened(self.disk))
        self.model = Model()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(kill(self.spool))
            self.runner.close()

    def call(self, action: Callable[..., None], *args: object) -> None:
        """In the loop, as the engine does."""

        async def called() -> None:
            action(*args)

        self.runner.run(called())

    @rule(target=messages, size=st.integers(0, 5000), recipients=st.integers(1, 3))
    def store(self, size: int, recipients: int) -> int:
        content = random.Random(size).randbytes(size)
        try:
            message_id = self.runner.run(self.spool.store(message(content, recipients)))
        except SpoolError:
            return 0
        assert message_id not in self.model.contents
        self.model.contents[message_id] = content
        self.model.recipients[message_id] = [
            Recipient([PendingRecipient(index)]) for index in range(recipients)
        ]
        return message_id

    @rule(picked=messages, recipient=st.integers(0, 2), outcome=st.sampled_from(Settled))
    def settle(self, picked: int, recipient: int, outcome: Settled) -> None:
        self.call(self.spool.settle, MessageId(picked), recipient, outcome)
        known = self.model.recipients.get(picked, [])
        if recipient < len(known):
            known[recipient].settled = True

    @rule(picked=messages)
    def settle_whole(self, picked: int) -> None:
        for index, recipient in enumerate(self.model.recipients.get(picked, [])):
            self.call(self.spool.settle, MessageId(picked), index, Settled.DELIVERED)
            recipient.settled = True

    @rule(picked=messages, recipient=st.integers(0, 2), attempts=st.integers(1, 9))
    def postpone(self, picked: int, recipient: int, attempts: int) -> None:
        when, error = NOON + timedelta(minutes=attempts), f"451 {attempts}"
        self.call(self.spool.postpone, MessageId(picked), recipient, attempts, when, error)
        known = self.model.recipients.get(picked, [])
        if recipient < len(known):
            known[recipient].retries.append(PendingRecipient(recipient, attempts, when, error))

    @rule()
    def sync(self) -> None:
        with contextlib.suppress(SpoolError):
            self.runner.run(self.spool.sync())
            self.model.synced()

    @rule()
    def reclaim(self) -> None:
        self.runner.run(self.spool._reclaimer.idle())

    @rule(after=st.integers(1, 12), code=st.sampled_from([errno.ENOSPC, errno.EIO, 0]))
    def break_the_disk(self, after: int, code: int) -> None:
        self.disk.faults = {self.disk.calls + after: code}

    @rule()
    def restart(self) -> None:
        self.disk.faults = {}
        try:
            self.runner.run(self.spool.close())
            self.model.synced()
        except SpoolError:
            pass
        self.spool = self.runner.run(opened(self.disk))
        self.compare()

    @rule()
    def crash(self) -> None:
        self.reopen_on(self.disk.killed())

    @rule(seed=st.integers(0, 1 << 32))
    def lose_power(self, seed: int) -> None:
        # not st.randoms(): the committing thread decides how many draws there are
        self.reopen_on(self.disk.power_cut(random.Random(seed)))

    def reopen_on(self, disk: SimulatedDisk) -> None:
        self.runner.run(kill(self.spool))
        self.disk = disk
        self.spool = self.runner.run(opened(disk))
        self.compare()

    def compare(self) -> None:
        """What came back must be possible; from now on it is what is certain."""
        found = {each.id: each for each in self.spool.recover()}
        assert list(found) == sorted(found)
        assert set(found) <= set(self.model.contents)
        for message_id, known in self.model.recipients.items():
            pending = {each.index: each for each in found[message_id].pending} if message_id in found else {}
            for index, recipient in enumerate(known):
                if index in pending:
                    assert not recipient.settled_for_sure
                    assert pending[index] in recipient.retries
                    recipient.retries = [pending[index]]
                    recipient.settled = False
                else:
                    assert recipient.settled
                    recipient.settled_for_sure = True

    @invariant()
    def every_live_message_can_be_read(self) -> None:
        for message_id, content in getattr(self, "model", Model()).contents.items():
            if not all(recipient.settled for recipient in self.model.recipients[message_id]):
                assert self.spool.content(MessageId(message_id)) == content


SpoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSpoolMachine = SpoolMachine.TestCase
