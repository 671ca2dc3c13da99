"""Bounded concurrency: a handful of workers over one stream of jobs, instead of a task for each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Job = TypeVar("Job")
Do = Callable[[Job], Awaitable[None]]


async def run(jobs: Iterable[Job], do: Do[Job], width: int) -> None:
    """Do all jobs, at most `width` at a time."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await do(job)

    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(work())
