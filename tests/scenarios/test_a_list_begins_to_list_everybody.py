"""In mid-run a DNS list begins to list every IP of the fleet: no limit, one incident, and it is about the list.

Engine and watch in this process, with sockets, on a clock that runs 1,800 times as fast.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from sqlalchemy import Engine
from sqlmodel import Session

from core.clock import ScaledClock, SystemClock
from core.incident import Incident, IncidentKind
from core.reading import Source
from engine import service
from lab.dns import DnsServer
from lab.zones import Behaviour, Zones
from storage import coverage, database, incidents, leases
from storage.coverage import Coverage
from storage.leases import LeaseChange
from tidegate import cli
from tidegate.config.load import parse
from tidegate.watch import Watch

SPEED = 1_800.0
PATIENCE = 60.0
FLEET = [ip_address(f"203.0.113.{n}") for n in range(1, 25)]
LIST, OTHER = "sbl.lab.test", "other.lab.test"

Found = TypeVar("Found")


def configuration(folder: Path, dns: DnsServer) -> str:
    zones = [{"zone": zone, "severity": "critical"} for zone in (LIST, OTHER)]
    return yaml.safe_dump(
        {
            "ip-lists": {"main": [{"address": str(ip), "bind": "127.0.0.1"} for ip in FLEET]},
            "database": f"sqlite:///{folder}/tidegate.db",
            "engine": {
                "listen": ["127.0.0.1:0"],
                "spool": f"{folder}/spool",
                "accounting-files": [],
                "control-api": {"listen": f"unix:{folder}/api"},
                "providers": {"microsoft": {"mx": ["*.ms.test"], "source-ip-max-msg-rate": "1200/h"}},
                "virtual-mtas": {"default": {"source-ips": [str(ip) for ip in FLEET]}},
            },
            "monitor": {
                "resolver": {"nameservers": [f"127.0.0.1:{dns.port}"]},
                "dnsbl": {"zones": [LIST], "extra-zones": zones},
                "digest": {"enabled": False},
                "notifications": {"enabled": False},
            },
            "controller": {
                "mode": "enforce",
                "engine": {"url": f"unix:{folder}/api"},
                # each part anchors a rehearsal's clock at its own start
                "guard": {"clock-tolerance": "1h"},
            },
            "clock": {"speed": SPEED},
        }
    )


@dataclass
class Story:
    """What happened, as the records have it."""

    folder: Path
    zones: Zones
    records: Engine
    failures: list[str] = field(default_factory=list)

    def look(self, ask: Callable[[Session], Found]) -> Found:
        with database.reading(self.records) as session:
            return ask(session)

    def covered(self) -> Coverage | None:
        return self.look(coverage.load).get((Source.DNSBL, LIST))

    def open_incidents(self) -> list[Incident]:
        """Those about DNS lists; on a busy machine the engine may seem away for hours of a fast clock."""
        found = self.look(incidents.open_incidents)
        return [one for one in found if one.source is not Source.REPLIES]

    def limits(self) -> list[LeaseChange]:
        return self.look(lambda session: leases.lease_history(session, _LONG_AGO))

    async def until(self, happened: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not happened():
                await asyncio.sleep(0.05)

    async def rounds(self, more: int) -> None:
        """Until the list has been asked that many times more."""
        before = self.covered()
        goal = (before.rounds if before else 0) + more
        await self.until(lambda: (now := self.covered()) is not None and now.rounds >= goal)


_LONG_AGO = datetime.min.replace(year=2000, tzinfo=SystemClock().now().tzinfo)


@asynccontextmanager
async def story() -> AsyncIterator[Story]:
    zones = Zones()
    zones.add_blocklist(LIST)
    zones.add_blocklist(OTHER)
    dns, stop = DnsServer(zones), asyncio.Event()
    await dns.start()
    # a unix socket's path may be 107 bytes long; pytest's own directories are longer
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        folder = Path(made)
        (folder / "config.yaml").write_text(configuration(folder, dns))
        loaded = parse((folder / "config.yaml").read_text(), str(folder / "config.yaml"), {})
        clock = ScaledClock(SPEED, SystemClock().now())
        binds = {source.address: source.bind for source in loaded.config.source_ips}
        async with service.running(loaded.config.engine, clock, binds):
            watch = asyncio.create_task(Watch(loaded.config, clock).run(stop))
            records = database.open_database(loaded.config.database)
            database.upgrade(records)
            try:
                yield Story(folder, zones, records)
            finally:
                stop.set()
                async with asyncio.timeout(40):
                    await watch
                records.dispose()
                await dns.stop()


def about_the_list(found: list[Incident]) -> bool:
    return [(one.kind, one.metric) for one in found] == [(IncidentKind.SOURCE, LIST)]


@pytest.mark.slow
async def test_a_wildcard_is_caught_by_the_self_test_and_forgotten_when_the_list_is_well_again() -> None:
    async with story() as told:
        await told.rounds(2)
        told.zones.behave(LIST, Behaviour.WILDCARD, "127.0.0.2")
        await told.until(told.open_incidents)
        await told.rounds(2)
        assert about_the_list(told.open_incidents())
        assert "self-test" in told.open_incidents()[0].summary
        assert told.limits() == []

        told.zones.behave(LIST, Behaviour.NORMAL)
        await told.until(lambda: not told.open_incidents())
        await told.rounds(1)
        assert told.open_incidents() == []
        assert told.limits() == []


@pytest.mark.slow
async def test_a_list_that_still_passes_its_self_test_is_stopped_until_an_operator_vouches_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with story() as told:
        await told.rounds(2)
        for ip in FLEET:
            told.zones.enlist(LIST, ip, text="everybody")
        await told.until(told.open_incidents)
        await told.rounds(2)
        assert about_the_list(told.open_incidents())
        assert "newly lists" in told.open_incidents()[0].summary
        assert told.limits() == []

        words = [
            "sources",
            "approve",
            LIST,
            "--reason",
            "they told us",
            "--config",
            f"{told.folder}/config.yaml",
        ]
        assert await asyncio.to_thread(cli.run, words) == 0
        assert f"{LIST} is asked again at once" in capsys.readouterr().out
        await told.until(lambda: len({one.ip for one in told.open_incidents() if one.ip}) == len(FLEET))
        await told.until(told.limits)
        assert {one.metric for one in told.open_incidents() if one.ip} == {LIST}
