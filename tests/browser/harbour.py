"""A harbour to look at: a real engine delivering into the lab, thirty days of records, and the web monitor.

It runs in a thread of its own, so that a browser can be driven from the test's.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from sqlalchemy import Engine

from core.clock import Clock, SystemClock
from core.errors import EngineUnreachable
from core.lease import Directive, Lease, Origin, Scope, automatic_key
from core.rate import Rate
from engine.service import Running, running
from lab.configuration import engine_part, merged
from lab.judge import Temper
from lab.manners import GEEMAIL, OUTLANDISH, YAHOOLIGAN, with_temper
from lab.traffic import Stream
from lab.world import Lab, Pool, lab_source
from storage import database
from tests.browser import chronicle
from tidegate.client import EngineClient
from tidegate.config.load import Loaded, parse
from tidegate.web.app import application
from tidegate.web.engine_desk import desk_of
from tidegate.web.server import WebServer
from tidegate.web.site import Site

Found = TypeVar("Found")
TOKENS = {"ada": "ada-may-operate-0001", "chief": "chief-may-do-all-0001", "guest": "guest-may-look-00001"}
_SCOPES = {"ada": "operate", "chief": "admin", "guest": "read"}
POOLS = (
    Pool("marketing", tuple(lab_source(n) for n in (7, 8, 9, 10))),
    Pool("transactional", tuple(lab_source(n) for n in (16, 17, 18))),
    Pool("notices", tuple(lab_source(n) for n in (24, 25))),
)
LIMITS = {"microsoft": "500/h", "google": "400/h", "yahoo": "3000/h"}


@dataclass(slots=True)
class Harbour:
    """Where it is, and what tests do to it from outside."""

    address: str
    engine: EngineClient
    records: Engine
    loop: asyncio.AbstractEventLoop
    run: Running
    site: Site
    clock: Clock = field(default_factory=SystemClock)

    def hold(
        self, ip: str, provider: str, rate: str, base: str, reason: str, rule: str = "dnsbl-listed"
    ) -> Lease:
        """A lease as the controller would put it."""
        now, scope = self.clock.now(), Scope.model_validate({"source_ip": ip, "provider": provider})
        lease = Lease(
            key=automatic_key(scope, Directive.SOURCE_IP_MAX_MSG_RATE), scope=scope,
            directive=Directive.SOURCE_IP_MAX_MSG_RATE, value=Rate.parse(rate), base=Rate.parse(base),
            origin=Origin.CONTROLLER, rule=rule, reason=reason, set_by="controller", set_at=now,
            expires_at=now + timedelta(hours=6), epoch=1,
        )  # fmt: skip
        self.engine.put_lease(lease)
        return lease

    @contextlib.contextmanager
    def without_engine(self) -> Iterator[None]:
        """The pages ask an engine that does not answer."""

        async def away(_ask: Any) -> Any:
            raise EngineUnreachable("no engine answers at http://127.0.0.1:1 (connection refused)")

        before = self.site.engine
        self.site.engine = type(before)(before.client)
        self.site.engine.do = away  # type: ignore[method-assign] - an engine that is switched off
        try:
            yield
        finally:
            self.site.engine = before


def configuration(lab: Lab, directory: Path) -> Loaded:
    """The lab's engine with operator's limits, and a web monitor for three people."""
    over = {
        "database": f"sqlite:///{directory}/tidegate.db",
        "engine": {
            "providers": {name: {"source-ip-max-msg-rate": limit} for name, limit in LIMITS.items()},
            "domains": {"*": {"retry-after": ["20m"], "max-smtp-out": 4}},
        },
        "monitor": {"sender-score": {"enabled": True}},
        "controller": {
            "mode": "enforce",
            "engine": {"url": f"http://127.0.0.1:{lab.api_port}", "token": "lab-control-token-0001"},
        },
        "web": {
            "listen": "127.0.0.1:0",
            "tokens": [
                {"name": name, "token": token, "scope": _SCOPES[name]} for name, token in TOKENS.items()
            ],
        },
    }
    text = yaml.safe_dump(merged(engine_part(lab, directory), over), sort_keys=False)
    return parse(text, "/etc/tidegate/config.yaml", {})


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[Harbour]:
    """A harbour for as long as the context is open."""
    ready: list[Harbour | BaseException] = []
    told, stop = threading.Event(), asyncio.Event()

    async def live() -> None:
        async with _harbour(directory) as harbour:
            ready.append(harbour)
            told.set()
            await stop.wait()

    def body() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            ready.append(error)
            told.set()

    thread = threading.Thread(target=body, name="harbour")
    thread.start()
    told.wait()
    found = ready[0]
    if isinstance(found, BaseException):
        thread.join()
        raise found
    try:
        yield found
    finally:
        found.loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextlib.asynccontextmanager
async def _harbour(directory: Path) -> AsyncIterator[Harbour]:
    clock = SystemClock()
    grumpy = with_temper(YAHOOLIGAN, Temper(hourly_allowance=2))
    async with Lab(clock, providers=(OUTLANDISH, GEEMAIL, grumpy), pools=POOLS) as lab:
        loaded = configuration(lab, directory)
        config, records = loaded.config, database.open_database(loaded.config.database)
        database.upgrade(records)
        with database.session(records) as session:
            chronicle.write(session, clock.now())
        binds = {source.address: source.bind for source in config.source_ips}
        async with running(config.engine, clock, binds) as run:
            site = Site(
                config, clock, records, desk_of(config.controller.engine), _at_desk, _nothing, loaded.places
            )
            server = WebServer(application(config.web, clock, _Desk(), site), config.web.listen, site.close)
            server.start()
            engine = EngineClient(run.api, "lab-control-token-0001")
            harbour = Harbour(server.address, engine, records, asyncio.get_running_loop(), run, site)
            await _busy(lab, run, harbour)
            yield harbour
            await server.stop()
            engine.close()
        records.dispose()


async def _busy(lab: Lab, run: Running, harbour: Harbour) -> None:
    """Mail to every provider, until one of them has had enough."""
    traffic = lab.traffic("harbour", connections=2)
    try:
        for vmta, count in (("marketing", 14), ("transactional", 6)):
            for who in (OUTLANDISH, GEEMAIL):
                await traffic.send(Stream(who.domain, vmta), count)
        await traffic.send(Stream(YAHOOLIGAN.domain, "marketing"), 14)
        await _until(lambda: len(lab.ledger.entries) > 20)
        await traffic.send(Stream(YAHOOLIGAN.domain, "marketing"), 40)
        await _until(lambda: any(queue.in_backoff for queue in run.engine.queues))
    finally:
        await traffic.close()
    await asyncio.to_thread(_held, harbour)


def _held(harbour: Harbour) -> None:
    why = "203.0.113.7 is listed on sbl.lab.test (INC-5)"
    for provider, share in chronicle.SHARES.items():
        limit = LIMITS[provider]
        harbour.hold(str(chronicle.LISTED), provider, f"{round(_count(limit) * share)}/h", limit, why)
    why = "203.0.113.16 is RED at Microsoft SNDS (INC-4)"
    harbour.hold(str(chronicle.RED), "microsoft", "125/h", "500/h", why, "snds-red")


def _count(limit: str) -> int:
    return int(limit.removesuffix("/h"))


async def _until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.02)


async def _at_desk(work: Callable[[], Found]) -> Found:
    return await asyncio.to_thread(work)


def _nothing() -> None:
    """No controller looks here: tests put leases themselves."""


class _Desk:
    """Nobody posts alerts here."""

    async def take(self, sender: str, raw: bytes) -> Any:
        raise NotImplementedError

    async def standing(self) -> list[Any]:
        return []


def is_up(address: str) -> bool:
    """Whether the web monitor answers."""
    return httpx.get(f"{address}/-/healthy", trust_env=False).is_success
