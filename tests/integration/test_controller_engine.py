"""The controller against a real engine over its unix socket, with a database file: an incident's whole life."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from controller.drivers import tidegate
from controller.reconcile import Why
from controller.reconciler import Reconciler
from controller.settings import ControllerSettings, EngineAccess, Mode
from core.address import SourceIp
from core.clock import ManualClock
from core.incident import IncidentKind, Rule, Severity
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from core.reading import Source
from engine import service
from engine.settings import EngineSettings
from storage import database, incidents, leases
from storage.incidents import NewIncident

IP = ip_address("203.0.113.7")
HOUR = timedelta(hours=1)


@pytest.fixture
def folder() -> AsyncIterator[Path]:
    # a unix socket's path may be 107 bytes long; pytest's own directories are longer
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        yield Path(made)


@pytest.fixture
def records(folder: Path) -> Engine:
    engine = database.open_database(f"sqlite:///{folder}/data/t.db")
    database.upgrade(engine)
    return engine


def settings(folder: Path) -> EngineSettings:
    return EngineSettings.model_validate(
        {
            "listen": ["127.0.0.1:0"],
            "spool": str(folder / "spool"),
            "accounting-files": [],
            "control-api": {"listen": f"unix:{folder}/api.sock"},
            "providers": {
                "microsoft": {"mx": ["*.ms.test"], "source-ip-max-msg-rate": "1200/h"},
                "google": {"mx": ["*.goo.test"], "source-ip-max-msg-rate": "2000/h"},
            },
            "virtual-mtas": {"default": {"source-ips": [{"address": str(IP), "bind": "127.0.0.1"}]}},
        }
    )


@asynccontextmanager
async def controlled(folder: Path, records: Engine, clock: ManualClock) -> AsyncIterator[Reconciler]:
    """A new controller, with a connection of its own."""
    driver = tidegate.connect(EngineAccess(url=f"unix:{folder}/api.sock"))
    yield Reconciler(records, driver, ControllerSettings(mode=Mode.ENFORCE))
    await driver.close()


async def binding(folder: Path, provider: str) -> tuple[str, str]:
    """The effective rate at a provider, and who set it."""
    transport = httpx.AsyncHTTPTransport(uds=f"{folder}/api.sock")
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        answer = await client.get("/v1/explain", params={"ip": str(IP), "provider": provider})
    first = answer.json()["chains"][0]["terms"][0]
    return first["value"], first["origin"]


def list_ip(records: Engine, clock: ManualClock) -> int:
    now = clock.now()
    with database.session(records) as session:
        return incidents.open_incident(
            session,
            NewIncident(
                fingerprint="ip:203.0.113.7:dnsbl-listed:zen.test", kind=IncidentKind.IP, ip=IP,
                source=Source.DNSBL, metric="zen.test", rule=Rule.DNSBL_LISTED, severity=Severity.CRITICAL,
                tier=1, title="203.0.113.7 is listed on zen.test", evidence_end=now, opened_at=now,
            ),
        ).number  # fmt: skip


async def test_a_listing_holds_the_ip_and_its_end_lets_it_climb_back(folder: Path, records: Engine) -> None:
    clock = ManualClock()
    async with service.running(settings(folder), clock), controlled(folder, records, clock) as controller:
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
        number = list_ip(records, clock)
        report = await controller.tick(clock.now())
        assert (report.failure, len(report.sent)) == ("", 3)
        assert await binding(folder, "microsoft") == ("120/h", "controller")
        assert await binding(folder, "google") == ("1000/h", "controller")

        with database.session(records) as session:
            incidents.resolve_incident(session, number, clock.now(), "three clean polls")
        rates = ["120/h"]
        for _ in range(40):
            clock.advance(3600)
            assert (await controller.tick(clock.now())).failure == ""
            rate, _origin = await binding(folder, "microsoft")
            if rate != rates[-1]:
                rates.append(rate)
        # an idle IP: growth is bound to what it sends, so it stays until its level is back
        assert rates == ["120/h", "1200/h"]
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
    with database.reading(records) as session:
        told = leases.lease_history(session, clock.now() - 90 * HOUR, IP)
    assert {change.mode for change in told} == {"enforce"}
    assert [str(change.after) for change in told if change.scope.provider == "microsoft"] == [
        "120/h",
        "None",
    ]
    records.dispose()


async def test_controller_and_engine_may_restart_in_any_order(folder: Path, records: Engine) -> None:
    clock = ManualClock()
    async with service.running(settings(folder), clock):
        list_ip(records, clock)
        async with controlled(folder, records, clock) as controller:
            await controller.tick(clock.now())
    async with controlled(folder, records, clock) as controller:
        assert "does not answer" in (await controller.tick(clock.now())).failure
        async with service.running(settings(folder), clock):
            report = await controller.tick(clock.now())
            assert (report.failure, report.changes) == ("", ())
            assert {action.why for action in report.sent} == {Why.TAKEN_OVER}
            assert await binding(folder, "microsoft") == ("120/h", "controller")
    records.dispose()


async def test_a_controller_that_slept_for_a_day_goes_on_from_where_the_engine_has_got_to(
    folder: Path, records: Engine
) -> None:
    clock = ManualClock()
    async with service.running(settings(folder), clock):
        number = list_ip(records, clock)
        async with controlled(folder, records, clock) as controller:
            await controller.tick(clock.now())
        assert await binding(folder, "microsoft") == ("120/h", "controller")
        with database.session(records) as session:
            incidents.resolve_incident(session, number, clock.now(), "three clean polls")
        # six hours of the lease, then ×1.5 per two hours on the engine's own clock
        clock.advance(13 * 3600)
        assert await binding(folder, "microsoft") == ("607/h", "controller")
        async with controlled(folder, records, clock) as controller:
            report = await controller.tick(clock.now())
            assert report.failure == ""
            rate, _ = await binding(folder, "microsoft")
            assert 550 < int(rate.removesuffix("/h")) <= 607
        clock.advance(24 * 3600)
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
        async with controlled(folder, records, clock) as controller:
            report = await controller.tick(clock.now())
            assert (report.failure, report.sent) == ("", ())
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
    records.dispose()


async def test_after_a_days_sleep_a_cause_that_stands_holds_again(folder: Path, records: Engine) -> None:
    clock = ManualClock()
    async with service.running(settings(folder), clock):
        list_ip(records, clock)
        async with controlled(folder, records, clock) as controller:
            await controller.tick(clock.now())
    clock.advance(24 * 3600)
    # engine and controller both start again after the night
    async with service.running(settings(folder), clock), controlled(folder, records, clock) as controller:
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
        assert (await controller.tick(clock.now())).failure == ""
        assert await binding(folder, "microsoft") == ("120/h", "controller")
    records.dispose()


@pytest.mark.parametrize("origin", [Origin.CONTROLLER, Origin.OPERATOR])
async def test_a_lease_above_the_operators_limit_bounds_nothing_at_the_engine(
    folder: Path, records: Engine, origin: Origin
) -> None:
    clock = ManualClock()
    async with service.running(settings(folder), clock) as run:
        driver = tidegate.connect(EngineAccess(url=f"unix:{folder}/api.sock"))
        scope = Scope(source_ip=IP, provider="microsoft")
        generous = Lease(
            key="too-much", scope=scope, directive=Directive.SOURCE_IP_MAX_MSG_RATE, value=Rate.parse("5000/h"),
            origin=origin, reason="a mistake", set_by="x", set_at=clock.now(),
            expires_at=clock.now() + HOUR, base=Rate.parse("9000/h"),
        )  # fmt: skip
        await driver.put(generous)
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
        clock.advance(3 * 3600)  # expired: it ramps or ends, and still lifts nothing
        assert await binding(folder, "microsoft") == ("1200/h", "configuration")
        # what mail is held to: the limiters of the scope, not what is written in the chain
        parent = run.engine.shaping.parent(
            SourceIp(address=IP, bind=ip_address("127.0.0.1")), "microsoft", 0, clock.now()
        )
        assert "1200/h" in {str(limiter.rate) for limiter in parent.messages}
        await driver.close()
    records.dispose()
