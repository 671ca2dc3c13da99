"""The watch process in the lab: everything wired, on a fast clock, over real DNS, HTTP and SMTP."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.clock import ScaledClock, SystemClock
from lab.configuration import engine_part, merged
from lab.snds import SndsRow, activity_period
from lab.world import SCORE_ZONE, SNDS_KEY, Lab
from lab.zones import Behaviour
from monitor.health import SourceState
from storage import database, health, incidents
from tidegate.config.load import Loaded, parse
from tidegate.watch import Watch

SPEED = 600.0
LIST, REFUSING = "sbl.lab.test", "refusing.lab.test"


def configuration(lab: Lab, directory: Path, **controller: Any) -> Loaded:
    monitor = {
        "resolver": {"nameservers": [f"127.0.0.1:{lab.resolver.port}"], "timeout": "1s", "tries": 1},
        "dnsbl": {"interval": "1h", "zones": [LIST], "extra-zones": [
            {"zone": zone, "severity": "critical"} for zone in (LIST, REFUSING)]},
        "sender-score": {"enabled": True, "interval": "1h", "zone": SCORE_ZONE},
        "snds": {"enabled": True, "interval": "1h", "accounts": [{"key": SNDS_KEY, "base-url": lab.snds.url}]},
        "notifications": {"from": "tidegate@lab.test", "recipients": ["ops@lab.test"],
                          "smtp": {"host": "127.0.0.1", "port": lab.mailbox.port}},
    }  # fmt: skip
    over = {
        "database": f"sqlite:///{directory}/tidegate.db",
        "monitor": monitor,
        "controller": {
            "engine": {"url": f"http://127.0.0.1:{lab.api_port}", "token": "lab-control-token-0001"}
        }
        | controller,
    }
    text = yaml.safe_dump(merged(engine_part(lab, directory), over))
    return parse(text, str(directory / "config.yaml"), {})


@asynccontextmanager
async def watching(directory: Path) -> AsyncIterator[tuple[Lab, Loaded]]:
    clock = ScaledClock(SPEED, SystemClock().now())
    async with Lab(clock) as lab:
        lab.zones.add_blocklist(LIST)
        lab.zones.add_blocklist(REFUSING, behaviour=Behaviour.REFUSES)
        day = (clock.now() - timedelta(days=2)).date()
        for source in lab.sources:
            lab.zones.score(SCORE_ZONE, source.address, 95)
            lab.book.publish(day, [SndsRow(source.address, *activity_period(day), 900, 880, 900)])
        loaded, stop = configuration(lab, directory), asyncio.Event()
        task = asyncio.create_task(Watch(loaded.config, clock).run(stop))
        try:
            yield lab, loaded
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await task


async def test_a_listing_becomes_an_incident_and_a_mail_and_a_refusing_list_only_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with watching(tmp_path) as (lab, loaded):
            await lab.clock.sleep(timedelta(hours=3).total_seconds())
            listed = lab.sources[0].address
            lab.zones.enlist(LIST, listed, "127.0.0.2", text="seen in a spam trap")
            mail = await lab.mailbox.wait_for(lambda m: str(listed) in m.subject, 60)
            engine = database.open_database(loaded.config.database)
            with database.reading(engine) as session:
                opened = incidents.open_incidents(session)
                sources = {one.name: one for one in health.load_all(session)}
            engine.dispose()
    assert [i.metric for i in opened if i.ip == listed] == [LIST]
    assert not [i for i in opened if i.metric == REFUSING and i.ip is not None]
    assert sources[f"dnsbl:{LIST}"].state == SourceState.HEALTHY
    assert sources[f"dnsbl:{REFUSING}"].state != SourceState.HEALTHY
    assert sources["snds:main"].last_success_at is not None
    assert LIST in mail.text
    assert "failed; it runs again" not in caplog.text


async def test_an_engine_that_is_away_is_said_once_and_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with watching(tmp_path) as (lab, _):
            await lab.clock.sleep(timedelta(minutes=30).total_seconds())
    said = [r.getMessage() for r in caplog.records if "The controller cannot act" in r.getMessage()]
    assert len(said) == 1
    assert "failed; it runs again" not in caplog.text
    assert "lab-control-token-0001" not in caplog.text
