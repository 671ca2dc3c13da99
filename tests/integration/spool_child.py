"""A process that stores and settles until it is killed, and says what it knows to be durable.

Lines on standard output: `stored <id> <number>`, `settling <id>` before and `settled <id>` after the sync.
"""

import asyncio
import itertools
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from engine.spool.base import MessageId, NewMessage, Settled
from engine.spool.commits import SpoolOptions
from engine.spool.log import LogSpool

OPTIONS = SpoolOptions(segment_size=256 << 10, mark_reserve=16 << 10, cache_size=64 << 10, sync_after=0.05)


def content(number: int) -> bytes:
    return random.Random(number).randbytes(number % 6000)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def storer(spool: LogSpool, numbers: "itertools.count[int]", rng: random.Random) -> None:
    while True:
        number = next(numbers)
        message_id = await spool.store(
            NewMessage(
                sender="s@example.com",
                recipients=("r@example.org",),
                vmta="v",
                received_at=datetime(2026, 11, 23, tzinfo=UTC),
                content=content(number),
            )
        )
        say("stored", message_id, number)
        if rng.random() < 0.8:
            await settle(spool, message_id, sync=rng.random() < 0.1)


async def settle(spool: LogSpool, message_id: MessageId, *, sync: bool) -> None:
    say("settling", message_id)
    spool.settle(message_id, 0, Settled.DELIVERED)
    if sync:
        await spool.sync()
        say("settled", message_id)


async def main(directory: Path, seed: int) -> None:
    spool = await LogSpool.open(directory, OPTIONS)
    rng = random.Random(seed)
    for found in spool.recover():
        if rng.random() < 0.5:
            await settle(spool, found.id, sync=False)
    numbers = itertools.count(seed * 1_000_000)
    await asyncio.gather(*(storer(spool, numbers, rng) for _ in range(20)))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
