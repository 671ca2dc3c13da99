"""What the controller may rely on, of every driver: the engine in memory and the real one over its socket."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import SecretStr

from controller.drivers import tidegate
from controller.drivers.base import Driver, Kept
from controller.drivers.memory import MemoryEngine
from controller.reconcile import LeaseState
from controller.settings import EngineAccess
from controller.state import ScopeReport
from core.clock import ManualClock
from core.errors import ConflictError, EngineUnreachable
from core.lease import Directive, Lease, Origin, Scope, automatic_key
from core.rate import Rate
from core.statistics import ScopeMinute

IP = ip_address("203.0.113.7")
MICROSOFT = Scope(source_ip=IP, provider="microsoft")
HOUR = timedelta(hours=1)


@dataclass
class Rig:
    """A driver, the clock of the engine behind it, and ways to make things happen there."""

    driver: Driver
    clock: ManualClock
    count: Callable[[int, int], None]
    stop: Callable[[], Awaitable[None]]

    def lease(self, value: str = "100/h", *, epoch: int = 1, scope: Scope = MICROSOFT) -> Lease:
        directive = Directive.SOURCE_IP_MAX_MSG_RATE
        now = self.clock.now()
        return Lease(
            key=automatic_key(scope, directive), scope=scope, directive=directive, value=Rate.parse(value),
            origin=Origin.CONTROLLER, rule="dnsbl-listed", reason="listed (INC-1)", evidence=("INC-1",),
            set_by="controller", set_at=now, expires_at=now + 6 * HOUR, base=Rate.parse("1200/h"), epoch=epoch,
        )  # fmt: skip


async def in_memory(_stack: AsyncExitStack, _how: str) -> Rig:
    clock = ManualClock()
    engine = MemoryEngine(clock, [ScopeReport(MICROSOFT, Rate.parse("1200/h"))])

    def count(delivered: int, deferred: int) -> None:
        engine.record(
            ScopeMinute(
                source_ip=IP, provider="microsoft", minute=clock.now().replace(second=0, microsecond=0),
                attempted=delivered + deferred, delivered=delivered, deferred=deferred,
                reputation_deferred=deferred, last_reply="421 RP-001" if deferred else "",
            )
        )  # fmt: skip

    async def stop() -> None:
        engine.is_down = True

    return Rig(engine, clock, count, stop)


async def over_http(stack: AsyncExitStack, how: str) -> Rig:
    # here, so that the suite of the engine in memory stands on its own
    from engine import service  # noqa: PLC0415
    from engine.classification import ReplyClass  # noqa: PLC0415
    from engine.settings import EngineSettings  # noqa: PLC0415

    # a unix socket's path may be 107 bytes long; pytest's own directories are longer
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tg")))
    listen = f"unix:{folder}/api.sock" if how == "unix" else "127.0.0.1:0"
    settings = EngineSettings.model_validate(
        {
            "listen": ["127.0.0.1:0"],
            "spool": str(folder / "spool"),
            "accounting-files": [],
            "control-api": {
                "listen": listen,
                "tokens": [{"name": "controller", "token": "sesame", "scope": "operate"}],
            },
            "providers": {"microsoft": {"mx": ["*.mx.test"], "source-ip-max-msg-rate": "1200/h"}},
            "virtual-mtas": {"default": {"source-ips": [{"address": str(IP), "bind": "127.0.0.1"}]}},
        }
    )
    clock = ManualClock()
    inner = await stack.enter_async_context(AsyncExitStack())
    run = await inner.enter_async_context(service.running(settings, clock))
    driver = tidegate.connect(EngineAccess(url=run.api, token=SecretStr("sesame")))
    stack.push_async_callback(driver.close)

    def count(delivered: int, deferred: int) -> None:
        at, statistics = clock.now().timestamp(), run.engine.statistics
        statistics.attempted(IP, "microsoft", delivered + deferred, at)
        for _ in range(delivered):
            statistics.answered(IP, "microsoft", ReplyClass.DELIVERED, "250 ok", at)
        for _ in range(deferred):
            statistics.answered(IP, "microsoft", ReplyClass.REPUTATION_DEFERRAL, "421 RP-001", at)

    return Rig(driver, clock, count, inner.aclose)


MAKERS = {"memory": in_memory, "http": over_http, "unix": over_http}


@pytest.fixture(params=MAKERS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        yield await MAKERS[request.param](stack, request.param)


async def test_a_fresh_engine_has_seen_no_controller(rig: Rig) -> None:
    status = await rig.driver.status()
    assert (status.epoch, status.now) == (0, rig.clock.now())
    assert await rig.driver.leases() == []


async def test_the_operators_limit_of_a_scope_is_reported(rig: Rig) -> None:
    reports = {report.scope: report for report in await rig.driver.scopes()}
    assert str(reports[MICROSOFT].operator_limit) == "1200/h"
    assert reports[MICROSOFT].queued == 0


async def test_a_lease_is_held_as_it_was_put(rig: Rig) -> None:
    lease = rig.lease()
    assert await rig.driver.put(lease) is Kept.CREATED
    (held,) = await rig.driver.leases()
    assert (held.lease, held.state) == (lease, LeaseState.ACTIVE)


async def test_the_same_lease_again_changes_nothing_and_another_value_does(rig: Rig) -> None:
    await rig.driver.put(rig.lease())
    assert await rig.driver.put(rig.lease()) is Kept.UNCHANGED
    assert await rig.driver.put(rig.lease("50/h")) is Kept.CHANGED
    (held,) = await rig.driver.leases()
    assert str(held.lease.value) == "50/h"


async def test_a_lease_may_cover_all_providers_or_an_unknown_one(rig: Rig) -> None:
    for provider in ("*", "other"):
        await rig.driver.put(rig.lease(scope=Scope(source_ip=IP, provider=provider)))
    assert {held.lease.scope.provider for held in await rig.driver.leases()} == {"*", "other"}


async def test_an_older_controller_is_refused_and_changes_nothing(rig: Rig) -> None:
    await rig.driver.put(rig.lease(epoch=2))
    with pytest.raises(ConflictError):
        await rig.driver.put(rig.lease("900/h", epoch=1))
    with pytest.raises(ConflictError):
        await rig.driver.delete(rig.lease().key, 1)
    (held,) = await rig.driver.leases()
    assert str(held.lease.value) == "100/h"
    assert (await rig.driver.status()).epoch == 2


async def test_a_lease_is_let_go_once_and_again(rig: Rig) -> None:
    await rig.driver.put(rig.lease())
    for _ in range(2):
        await rig.driver.delete(rig.lease().key, 1)
    assert await rig.driver.leases() == []


async def test_a_lease_that_nobody_renews_ramps_and_then_ends(rig: Rig) -> None:
    await rig.driver.put(rig.lease())
    rig.clock.advance(6 * 3600)
    (held,) = await rig.driver.leases()
    assert held.state is LeaseState.RAMPING
    # 100/h × 1.5 a step reaches 1200/h at the seventh
    rig.clock.advance(5 * 2 * 3600)
    assert len(await rig.driver.leases()) == 1
    rig.clock.advance(2 * 3600)
    assert await rig.driver.leases() == []


async def test_statistics_are_counted_by_minute_and_begin_where_asked(rig: Rig) -> None:
    rig.count(3, 0)
    rig.clock.advance(3600)
    rig.count(1, 2)
    since: datetime = rig.clock.now() - timedelta(minutes=5)
    (minute,) = await rig.driver.statistics(since)
    assert (minute.attempted, minute.delivered, minute.reputation_deferred) == (3, 1, 2)
    assert minute.last_reply == "421 RP-001"
    assert sum(m.delivered for m in await rig.driver.statistics(since - 2 * HOUR)) == 4


async def test_replies_about_a_source_ip_are_told_at_once(rig: Rig) -> None:
    async with aclosing(rig.driver.trouble()) as told, asyncio.timeout(10):
        first = asyncio.ensure_future(anext(told))
        while not first.done():  # until the connection stands
            await asyncio.sleep(0.02)
            rig.count(5, 0)
            rig.count(1, 3)
        assert await first is None


async def test_following_ends_in_so_many_words_when_the_engine_goes(rig: Rig) -> None:
    await rig.stop()
    async with aclosing(rig.driver.trouble()) as told:
        with pytest.raises(EngineUnreachable):
            await anext(told)


async def test_an_engine_that_is_gone_is_unreachable_and_not_a_surprise(rig: Rig) -> None:
    await rig.stop()
    calls = (
        rig.driver.status(), rig.driver.scopes(), rig.driver.leases(), rig.driver.put(rig.lease()),
        rig.driver.delete("auto:x", 1), rig.driver.statistics(rig.clock.now()),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(EngineUnreachable):
            await call
