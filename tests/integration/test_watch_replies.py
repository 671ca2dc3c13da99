"""The watch process beside a real engine: what mail servers replied is in the monitor's history."""

import asyncio
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from core.clock import ScaledClock, SystemClock
from core.reading import Reading, Source, Status
from engine import service
from engine.classification import ReplyClass
from monitor.health import SourceState
from storage import database, health, readings
from storage.health import SourceHealth
from tidegate.config.load import parse
from tidegate.watch import Watch

IP = ip_address("203.0.113.7")


@pytest.fixture
def folder() -> Iterator[Path]:
    # a unix socket's path may be 107 bytes long; pytest's own directories are longer
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        yield Path(made)


def text(folder: Path) -> str:
    return yaml.safe_dump(
        {
            "ip-lists": {"main": [str(IP)]},
            "database": f"sqlite:///{folder}/t.db",
            "engine": {
                "listen": ["127.0.0.1:0"],
                "spool": f"{folder}/spool",
                "accounting-files": [],
                "control-api": {"listen": f"unix:{folder}/api"},
                "virtual-mtas": {"default": {"source-ips": [str(IP)]}},
            },
            "monitor": {"dnsbl": {"enabled": False}, "notifications": {"enabled": False}},
            "controller": {"mode": "observe", "engine": {"url": f"unix:{folder}/api"}},
        }
    )


def kept(folder: Path) -> tuple[dict[str, Reading], dict[str, SourceHealth]]:
    engine = database.open_database(f"sqlite:///{folder}/t.db")
    with database.reading(engine) as session:
        told = {r.metric: r for r in readings.latest_for(session, IP) if r.source is Source.REPLIES}
        sources = {one.name: one for one in health.load_all(session)}
    engine.dispose()
    return told, sources


async def test_replies_become_readings_of_their_scope_and_the_engine_a_source(folder: Path) -> None:
    made = database.open_database(f"sqlite:///{folder}/t.db")
    database.upgrade(made)
    made.dispose()
    clock = ScaledClock(600, SystemClock().now())
    config = parse(text(folder), f"{folder}/config.yaml", {}).config
    stop = asyncio.Event()
    async with service.running(config.engine, clock) as running:
        count, at = running.engine.statistics.answered, clock.now().timestamp()
        for _ in range(30):
            count(IP, "microsoft", ReplyClass.BLOCK, "550 5.7.1 on our block list (S3150)", at)
            count(IP, "google", ReplyClass.DELIVERED, "250 ok", at)
            count(IP, "google", ReplyClass.DOMAIN_DEFERRAL, "421 4.7.28 your DKIM domain", at)
        task = asyncio.create_task(Watch(config, clock).run(stop))
        try:
            async with asyncio.timeout(60):  # the hour is over after six real seconds
                while "google:blocks" not in kept(folder)[0]:
                    await asyncio.sleep(0.2)
            told, sources = kept(folder)
        finally:
            stop.set()
            await task
    blocks = told["microsoft:blocks"]
    assert (blocks.status, blocks.detail) == (Status.BAD, "30 of 30 recipients")
    assert blocks.evidence["last_reply"] == "550 5.7.1 on our block list (S3150)"
    google = {metric: one.status for metric, one in told.items() if metric.startswith("google:")}
    assert set(google.values()) == {Status.GOOD}  # what is about the domain is not about the IP
    assert sources["engine"].state == SourceState.HEALTHY
