"""At most so many at once, in order, and no task for whom it is not the turn."""

import asyncio

import pytest

from engine.delivery.turns import Turns


async def test_at_most_so_many_are_handled_at_once_and_all_in_order() -> None:
    turns: Turns[int] = Turns(3)
    handled, at_once, most = list[int](), 0, 0

    async def handle(item: int) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        handled.append(item)
        at_once -= 1

    workers = [asyncio.create_task(turns.work(handle)) for item in range(20) if turns.add(item)]
    assert len(workers) == 3
    await asyncio.gather(*workers)
    assert (handled, most) == (list(range(20)), 3)


async def test_a_worker_that_fails_is_replaced_at_the_next_arrival() -> None:
    turns: Turns[int] = Turns(1)

    async def fail(_item: int) -> None:
        raise RuntimeError("no")

    assert turns.add(1)
    assert not turns.add(2)
    with pytest.raises(RuntimeError):
        await turns.work(fail)
    assert turns.add(3)
