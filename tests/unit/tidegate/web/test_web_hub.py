"""Live pages: what has changed is named once to everybody, nothing is asked for nobody, and all end in time."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from storage import database
from storage.audit import AuditEntry, append
from tests.unit.tidegate.web.site_world import LEASE, World
from tidegate.web.guard import COOKIE
from tidegate.web.hub import Hub, changed


def test_only_what_was_known_before_and_differs_has_changed() -> None:
    assert changed({}, {"leases": 1}) == []
    assert changed({"leases": 1, "audit": 2}, {"leases": 1, "audit": 3, "new": 1}) == ["audit"]


@pytest.fixture
def hub(world: World) -> Hub:
    world.site.hub = Hub(world.site, world.people)
    return world.site.hub


async def looked(world: World, times: int = 1) -> None:
    """Let the hub look so often."""
    for _ in range(times):
        before = len(world.engine.asked)
        async with asyncio.timeout(10):
            while len(world.engine.asked) < before + 2:
                world.people.advance(1)
                await asyncio.sleep(0.005)


async def begun(world: World, hub: Hub) -> tuple[AsyncGenerator[str], asyncio.Task[str]]:
    listener = hub.listen(lambda: True)
    heard: asyncio.Task[str] = asyncio.ensure_future(anext(listener))
    async with asyncio.timeout(5):
        while len(world.engine.asked) < 2:
            await asyncio.sleep(0.005)
    return listener, heard


async def test_a_lease_and_an_act_are_told_to_whoever_listens(world: World, hub: Hub) -> None:
    listener, heard = await begun(world, hub)
    world.engine.held.append(LEASE | {"key": "operator:203.0.113.8:*"})
    with database.session(world.records) as session:
        append(session, AuditEntry(at=world.clock.now(), actor="ada", action="x", subject="y"))
    await looked(world, 2)
    assert {await heard, await anext(listener)} == {"audit", "leases"}
    await listener.aclose()


async def test_an_engine_that_goes_and_comes_is_news_and_nothing_breaks(world: World, hub: Hub) -> None:
    listener, heard = await begun(world, hub)
    world.engine.is_away = True
    async with asyncio.timeout(10):
        while not heard.done():
            world.people.advance(1)
            await asyncio.sleep(0.005)
    assert heard.result() == "engine"
    await listener.aclose()


async def test_all_listeners_end_with_the_hub(world: World, hub: Hub) -> None:
    _, heard = await begun(world, hub)
    await hub.close()
    with pytest.raises(StopAsyncIteration):
        await heard


async def test_a_stream_ends_with_its_session_and_says_so(world: World, hub: Hub) -> None:
    await world.sign_in("guest")
    world.site.sessions.close(world.browser.cookies[COOKIE])
    assert (await world.browser.get("/live")).status_code == 303
    assert world.engine.asked == []


async def test_a_crowd_is_refused_before_pages_cannot_be_opened_any_more(world: World, hub: Hub) -> None:
    await world.sign_in("guest")
    listeners = [hub.listen(lambda: True) for _ in range(60)]
    waiting = [asyncio.ensure_future(anext(one)) for one in listeners]
    await asyncio.sleep(0)
    assert hub.is_full
    assert (await world.browser.get("/live")).status_code == 503
    await hub.close()
    await asyncio.gather(*waiting, return_exceptions=True)
