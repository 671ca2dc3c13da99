"""The web monitor over 20,000 queues and 2,000 IPs: how soon a page begins, and how large it is.

Engine, records and pages run in one process, so that the figures are of the worst case. Every figure is the
median of several requests after the first.
"""

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import yaml
from sqlalchemy import Engine, Insert, insert, literal, select

from bench.options import Form, Options
from core.clock import SystemClock
from core.incident import IncidentKind, Rule, Severity
from core.reading import Quality, Source, Status
from engine.service import running
from storage import coverage, database, incidents, runs
from storage.coverage import Coverage
from storage.incidents import NewIncident
from storage.runs import Period
from storage.scopes import COUNTS
from storage.tables import METADATA, ReadingRun, ScopeHourRow
from tidegate.alert_desk import AlertDesk
from tidegate.config.load import parse
from tidegate.web.app import application
from tidegate.web.engine_desk import desk_of
from tidegate.web.server import WebServer
from tidegate.web.site import Site

QUEUES, IPS = 20_000, 2_000
TOKEN = "bench-operate-token-01"
PAGES = {
    "overview": "/",
    "ips": "/ips",
    "ips_filtered": "/ips?q=10.0.3&sort=volume",
    "ip": "/ips/10.0.0.1",
    "queues": "/queues",
    "queues_filtered": "/queues?q=d1*&sort=name&page=40",
    "leases": "/leases",
    "digest": "/digest",
    "digest_sorted": "/digest?sort=away&page=2",
}
_PROVIDERS = ("microsoft", "google", "yahoo")
_HOURS = 8 * 24
"""More than any page reads again: what is older the digest adds up once."""
_FIRST = int(IPv4Address("10.0.0.0"))
_LISTS = 40
_COUNTS = dict.fromkeys(COUNTS, 0) | {"attempted": 100, "delivered": 97, "deferred": 2, "bounced": 1}
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Crowd:
    """A web monitor with much to show, and somebody who is signed in."""

    address: str
    browser: httpx.Client

    def get(self, path: str) -> tuple[float, str]:
        """Seconds to the first byte, and the page."""
        begun = time.perf_counter()
        with self.browser.stream("GET", path) as answer:
            first = time.perf_counter() - begun
            answer.raise_for_status()
            return first, b"".join(answer.iter_bytes()).decode()


@contextmanager
def crowd(directory: Path, queues: int = QUEUES, ips: int = IPS, hours: int = _HOURS) -> Iterator[Crowd]:
    """The crowd, in a thread of its own, for as long as the context is open."""
    addresses: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        loops.append(asyncio.get_running_loop())
        async with _serving(directory, queues, ips, hours) as address:
            addresses.append(address)
            ready.set()
            await stop.wait()

    def body() -> None:
        try:
            asyncio.run(live())
        finally:
            ready.set()

    thread = threading.Thread(target=body, name="crowd")
    thread.start()
    ready.wait()
    try:
        with httpx.Client(base_url=addresses[0], trust_env=False, timeout=30) as browser:
            browser.post("/login", data={"token": TOKEN})
            yield Crowd(addresses[0], browser)
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


def run(options: Options) -> Iterator[tuple[str, float | str]]:
    """For each page the milliseconds to its first byte, and its bytes."""
    tries = 3 if options.form is Form.SHORT else 15
    scale = 10 if options.form is Form.SHORT else 1
    with (
        tempfile.TemporaryDirectory(prefix="tidegate-bench-") as directory,
        crowd(Path(directory), QUEUES // scale, IPS // scale) as made,
    ):
        for name, path in PAGES.items():
            size = len(made.get(path)[1].encode())
            seconds = statistics.median(made.get(path)[0] for _ in range(tries))
            yield f"web_{name}_first_byte_ms", round(seconds * 1_000, 1)
            yield f"web_{name}_bytes", size


@asynccontextmanager
async def _serving(directory: Path, queues: int, ips: int, hours: int) -> AsyncIterator[str]:
    clock = SystemClock()
    addresses = [str(IPv4Address(_FIRST + number)) for number in range(1, ips + 1)]
    loaded = parse(yaml.safe_dump(_written(directory, addresses)), "config.yaml", {})
    records = database.open_database(loaded.config.database)
    database.upgrade(records)
    _write(records, addresses, hours, clock.now())
    async with running(loaded.config.engine, clock) as run:
        for number in range(queues):
            run.engine.queues.queue(f"d{number}.example", "fleet")
        access = loaded.config.controller.engine.model_copy(update={"url": run.api})
        site = Site(loaded.config, clock, records, desk_of(access), _at_desk, lambda: None, loaded.places)
        server = WebServer(
            application(loaded.config.web, clock, cast("AlertDesk", None), site),
            loaded.config.web.listen,
            site.close,
        )
        server.start()
        try:
            yield server.address
        finally:
            await server.stop()
            records.dispose()


def _written(directory: Path, addresses: list[str]) -> dict[str, Any]:
    return {
        "ip-lists": {"fleet": addresses},
        "database": f"sqlite:///{directory / 't.db'}",
        "engine": {
            "listen": ["127.0.0.1:0"],
            "spool": str(directory / "spool"),
            "control-api": {
                "listen": "127.0.0.1:0",
                "tokens": [{"name": "watch", "token": "bench-control-token", "scope": "admin"}],
            },
            "default-virtual-mta": "fleet",
            "virtual-mtas": {"fleet": {"source-ips": list(addresses)}},
        },
        "controller": {"engine": {"token": "bench-control-token"}},
        "web": {
            "listen": "127.0.0.1:0",
            "tokens": [{"name": "ada", "token": TOKEN, "scope": "operate", "rate": "unlimited"}],
        },
    }


def _write(records: Engine, addresses: list[str], hours: int, now: datetime) -> None:
    with database.session(records) as session:
        coverage.watch(session, [IPv4Address(one) for one in addresses], now - timedelta(days=30))
        for number in range(_LISTS):
            row = Coverage(
                source=Source.DNSBL,
                metric=f"l{number}.example",
                families=(4,),
                first_at=now,
                last_at=now,
                whole_at=now,
            )
            coverage.save(session, row)
        session.connection().execute(insert(ReadingRun), list(_readings(addresses, now)))
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        session.connection().execute(insert(ScopeHourRow), list(_counts(addresses, hour)))
        for back in range(1, hours):
            session.connection().execute(_again(hour, hour - timedelta(hours=back)))
        for number, ip in enumerate(addresses[::20]):
            incidents.open_incident(session, _incident(ip, now - timedelta(hours=number % 700)))


def _readings(addresses: list[str], now: datetime) -> Iterator[Mapping[str, Any]]:
    """A score and three SNDS series for each IP, and one listing for every twentieth."""
    series = [
        (Source.SENDER_SCORE, "", 97.0),
        (Source.SNDS_DATA, "filter-result", None),
        (Source.SNDS_DATA, "complaint-rate", 0.001),
        (Source.SNDS_DATA, "trap-hits", 0.0),
    ]
    for number, ip in enumerate(addresses):
        for source, metric, value in series:
            yield _run(ip, source, metric, Status.GOOD, value, now)
        if number % 20 == 0:
            yield _run(ip, Source.DNSBL, "l1.example", Status.BAD, None, now)


def _run(
    ip: str, source: Source, metric: str, status: Status, value: float | None, at: datetime
) -> dict[str, Any]:
    series = {"ip": ip, "source": str(source), "metric": metric}
    said = {
        "status": str(status),
        "quality": str(Quality.OK),
        "value": value,
        "detail": "97" if value else "GREEN",
    }
    times = dict.fromkeys(("first_period", "last_period", "first_seen", "last_seen"), at)
    counted = {"count": 1, "polls": 1, "periods": runs.pack((Period(at, at, at),)), "evidence": {}}
    return {**series, **said, **times, **counted}


def _counts(addresses: list[str], hour: datetime) -> Iterator[Mapping[str, Any]]:
    for ip in addresses:
        for provider in _PROVIDERS:
            yield {"source_ip": ip, "provider": provider, "hour": hour, **_COUNTS}


def _again(hour: datetime, other: datetime) -> Insert:
    """The counts of one hour once more in another, copied by the database: there are millions."""
    table = METADATA.tables[ScopeHourRow.__tablename__]
    at = literal(other, table.c.hour.type)
    told = select(table.c.source_ip, table.c.provider, at, *(table.c[name] for name in COUNTS))
    return insert(table).from_select(
        ["source_ip", "provider", "hour", *COUNTS], told.where(table.c.hour == hour)
    )


def _incident(ip: str, at: datetime) -> NewIncident:
    return NewIncident(
        fingerprint=f"ip:{ip}",
        kind=IncidentKind.IP,
        ip=IPv4Address(ip),
        source=Source.DNSBL,
        metric="l1.example",
        rule=Rule.DNSBL_LISTED,
        severity=Severity.CRITICAL,
        title=f"{ip} is listed on l1.example",
        evidence_end=at,
        opened_at=at,
    )


async def _at_desk(work: Callable[[], Found]) -> Found:
    return await asyncio.to_thread(work)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a tenth of everything")
    chosen = parser.parse_args()
    for name, value in run(Options(form=Form.SHORT if chosen.short else Form.USUAL)):
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
