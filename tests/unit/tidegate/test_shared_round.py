"""A shared round: who asks before it begins gets that one, who asks later gets the next."""

import asyncio

import pytest

from tidegate.shared_round import SharedRound


class Work:
    """Rounds that end when told."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()

    async def __call__(self) -> None:
        assert self.begun == self.ended, "one at a time"
        self.begun += 1
        await self.gate.wait()
        self.ended += 1
        if self.error is not None:
            raise self.error


async def asked(shared: SharedRound, times: int = 1) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(shared()) for _ in range(times)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_five_hundred_who_ask_during_a_round_share_the_next() -> None:
    work = Work()
    shared = SharedRound(work)
    first = await asked(shared)
    assert work.begun == 1
    rest = await asked(shared, 500)
    assert work.begun == 1
    work.gate.set()
    await asyncio.gather(*first, *rest)
    assert (work.begun, work.ended) == (2, 2)


async def test_nobody_is_given_a_round_that_had_begun_before_he_asked() -> None:
    work = Work()
    shared = SharedRound(work)
    await asked(shared)
    (late,) = await asked(shared)
    work.gate.set()
    await late
    assert work.ended == 2


async def test_all_who_share_a_round_hear_its_error_and_the_next_one_runs() -> None:
    work = Work()
    work.gate.set()
    work.error = ValueError("no engine")
    shared = SharedRound(work)
    heard = await asyncio.gather(shared(), shared(), return_exceptions=True)
    assert [str(one) for one in heard] == ["no engine", "no engine"]
    work.error = None
    await shared()
    assert work.ended == 2


async def test_a_caller_that_is_cancelled_leaves_the_round_going() -> None:
    work = Work()
    shared = SharedRound(work)
    (gone, other) = await asked(shared, 2)
    gone.cancel()
    work.gate.set()
    await other
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert work.ended == 1


async def test_finish_waits_for_the_round_that_goes_on_and_for_the_one_that_waits() -> None:
    work = Work()
    shared = SharedRound(work)
    callers = [*await asked(shared), *await asked(shared)]
    for caller in callers:
        caller.cancel()
    asyncio.get_running_loop().call_soon(work.gate.set)
    await shared.finish()
    assert (work.begun, work.ended) == (2, 2)


async def test_finish_with_nothing_to_do_returns_at_once() -> None:
    await SharedRound(Work()).finish()
