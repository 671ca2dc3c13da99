"""Looking at once: what calls for a look, and how often it may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from controller_world import MINUTE, NOON, minute, report

from controller.drivers.memory import MemoryEngine
from controller.lookout import Lookout
from core.clock import ManualClock

PAUSE = timedelta(seconds=1)


@dataclass
class Post:
    """A lookout, its engine and its clock; `looks` are the seconds at which it looked."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    looks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = MemoryEngine(self.clock, [report()])

    async def look(self) -> None:
        self.looks.append((self.clock.now() - NOON).total_seconds())

    async def turn(self, seconds: float = 0) -> None:
        """Let everybody run, after some time."""
        self.clock.advance(seconds)
        for _ in range(20):
            await asyncio.sleep(0)

    def reply(self, blocked: int) -> None:
        self.engine.record(minute(NOON, blocked=blocked, delivered=1))


@asynccontextmanager
async def posted() -> AsyncIterator[Post]:
    post = Post()
    task = asyncio.create_task(Lookout(post.engine, post.look, PAUSE).run(post.clock))
    await post.turn()
    yield post
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_looked_at_without_a_reason() -> None:
    async with posted() as post:
        post.engine.record(minute(NOON, delivered=100))
        await post.turn(3600)
        assert post.looks == []


async def test_replies_are_looked_at_at_once_and_once_more_after_the_pause() -> None:
    async with posted() as post:
        post.reply(3)
        await post.turn()
        assert post.looks == [0]
        await post.turn(1)
        assert post.looks == [0, 1]
        await post.turn(60)
        assert post.looks == [0, 1]


async def test_many_replies_are_looked_at_no_more_often_than_the_pause_allows() -> None:
    async with posted() as post:
        for blocked in range(3, 43):
            post.reply(blocked)
            await post.turn(0.1)
        await post.turn(1)
        await post.turn(60)
        assert 5 <= len(post.looks) <= 7
        assert all(
            later - earlier >= 0.99 for earlier, later in zip(post.looks, post.looks[1:], strict=False)
        )


async def test_an_engine_that_does_not_answer_is_followed_again_later() -> None:
    async with posted() as post:
        post.engine.is_down = True
        post.engine.break_off()
        await post.turn()
        post.engine.is_down = False
        await post.turn(MINUTE.total_seconds())
        post.reply(3)
        await post.turn()
        assert len(post.looks) == 1
