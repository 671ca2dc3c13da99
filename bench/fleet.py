"""One tick of the controller over a large fleet, records on disk included.

    python -m bench.fleet --scopes 100000

10 providers for each IP; a fifth of the scopes has mail in a minute; one IP in a hundred is listed, one in
a hundred is put off by one provider; each scope has `--history` hours of counts in the database. Figures are
of the median of the later ticks: the first finds everything new. `controller_tick_ratio` is the time over
that for half of the scopes.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from sqlalchemy import Engine, insert

from bench.options import Form, Options
from controller.drivers.memory import MemoryEngine
from controller.reconciler import Reconciler
from controller.settings import ControllerSettings, GuardSettings, Mode
from controller.state import ScopeReport
from core.clock import ManualClock
from core.incident import IncidentKind, Rule, Severity
from core.lease import Scope
from core.rate import Rate
from core.reading import Source
from core.statistics import ScopeMinute
from storage import database, incidents
from storage.incidents import NewIncident
from storage.tables import ScopeHourRow

PROVIDERS = (
    "microsoft",
    "google",
    "yahoo",
    "apple",
    "comcast",
    "gmx",
    "orange",
    "office365",
    "mailru",
    "other",
)
LIMIT = Rate.parse("1000/h")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIRST = int(IPv4Address("10.0.0.1"))
SETTINGS = ControllerSettings(mode=Mode.ENFORCE, guard=GuardSettings(changes_per_minute=10**6))


def addresses(scopes: int) -> list[IPv4Address]:
    return [IPv4Address(FIRST + n) for n in range(scopes // len(PROVIDERS))]


def reports(ips: Iterable[IPv4Address]) -> Iterator[ScopeReport]:
    for ip in ips:
        for provider in PROVIDERS:
            yield ScopeReport(Scope(source_ip=ip, provider=provider), LIMIT)


def minutes(ips: Iterable[IPv4Address], at: datetime) -> Iterator[ScopeMinute]:
    """One minute of each scope; one IP in a hundred is put off at yahoo."""
    for number, ip in enumerate(ips):
        for provider in PROVIDERS:
            bad = 20 if number % 100 == 1 and provider == "yahoo" else 0
            yield ScopeMinute(
                source_ip=ip, provider=provider, minute=at, attempted=50 + bad, delivered=50, deferred=bad,
                reputation_deferred=bad, hard_bounced=1 if number % 5 else 0,
            )  # fmt: skip


def fill(records: Engine, ips: list[IPv4Address], now: datetime, history: int) -> None:
    """Hours of counts, and incidents about one IP in a hundred."""
    with records.begin() as connection:
        for n in range(1, history + 1):
            hour = now.replace(minute=0, second=0, microsecond=0) - n * HOUR
            connection.execute(
                insert(ScopeHourRow),
                [
                    {
                        "source_ip": str(ip), "provider": provider, "hour": hour, "attempted": 60,
                        "delivered": 58, "deferred": 1, "bounced": 1, "reputation_deferred": 0, "blocked": 0,
                        "hard_bounced": 1, "complaints": 0,
                    }
                    for ip in ips
                    for provider in PROVIDERS
                ],
            )  # fmt: skip
    with database.session(records) as session:
        for number, ip in enumerate(ips):
            if number % 100 == 0:
                incidents.open_incident(session, _listed(ip, f"zone{number % 7}.test", now - 2 * HOUR))


def _listed(ip: IPv4Address, zone: str, at: datetime) -> NewIncident:
    return NewIncident(
        fingerprint=f"ip:{ip}:dnsbl-listed:{zone}", kind=IncidentKind.IP, ip=ip, source=Source.DNSBL,
        metric=zone, rule=Rule.DNSBL_LISTED, severity=Severity.CRITICAL, tier=1,
        title=f"{ip} is listed on {zone}", evidence_end=at, opened_at=at,
    )  # fmt: skip


async def ticks(scopes: int, history: int, looks: int) -> list[float]:
    """Seconds of each tick, a minute of story apart."""
    clock = ManualClock()
    ips = addresses(scopes)
    driver = MemoryEngine(clock, reports(ips))
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        records = database.open_database(f"sqlite:///{Path(folder)}/t.db")
        database.upgrade(records)
        fill(records, ips, clock.now(), history)
        controller = Reconciler(records, driver, SETTINGS)
        spent = []
        for look in range(looks):
            clock.advance(60)
            for one in minutes(ips[look % 5 :: 5], clock.now().replace(second=0, microsecond=0)):
                driver.record(one)
            begun = time.perf_counter()
            report = await controller.tick(clock.now())
            spent.append(time.perf_counter() - begun)
            if report.failure:
                raise SystemExit(report.failure)
        records.dispose()
    return spent


def measured(scopes: int, history: int, looks: int = 6) -> tuple[float, float]:
    """Seconds of a tick and peak megabytes, in a process of its own."""
    command = [sys.executable, "-m", "bench.fleet", "--child", "--scopes", str(scopes)]
    command += ["--history", str(history), "--looks", str(looks)]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def figures(scopes: int, history: int) -> Iterable[tuple[str, float]]:
    """The tick's time, its peak memory, and how its time grows with twice the scopes."""
    half, _ = measured(scopes // 2, history)
    whole, peak = measured(scopes, history)
    yield "controller_tick_seconds", round(whole, 2)
    yield "controller_peak_mb", round(peak)
    yield "controller_tick_ratio", round(whole / half, 2)


def run(options: Options) -> Iterable[tuple[str, float]]:
    """The figures; of a small fleet in the short form."""
    return figures(2_000 if options.form is Form.SHORT else 100_000, 24)


def main() -> None:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    parser.add_argument("--scopes", type=int, default=100_000)
    parser.add_argument("--history", type=int, default=24)
    parser.add_argument("--looks", type=int, default=6)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        spent = asyncio.run(ticks(asked.scopes, asked.history, asked.looks))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print("ticks", *(f"{one:.3f}" for one in spent), file=sys.stderr)
        print(statistics.median(spent[1:]), peak)
        return
    for name, value in figures(asked.scopes, asked.history):
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
