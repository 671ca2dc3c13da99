"""`tidegate explain` against a running engine and the controller's records."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine as Records

from controller.drivers import tidegate
from controller.reconciler import Reconciler
from core.clock import SystemClock
from core.incident import IncidentKind, Rule, Severity
from core.reading import Source
from engine import service
from engine.classification import ReplyClass
from engine.service import Running
from storage import database, incidents
from storage.incidents import NewIncident
from tidegate.cli import run
from tidegate.config.load import parse

IP = ip_address("203.0.113.7")


def listed() -> NewIncident:
    now = SystemClock().now()
    return NewIncident(
        fingerprint="ip:203.0.113.7:dnsbl-listed:zen.test", kind=IncidentKind.IP, ip=IP, source=Source.DNSBL,
        metric="zen.test", rule=Rule.DNSBL_LISTED, severity=Severity.CRITICAL, tier=1,
        title="203.0.113.7 is listed on zen.test", evidence_end=now, opened_at=now,
    )  # fmt: skip


@dataclass
class House:
    """An engine, a controller, their configuration file."""

    file: Path
    records: Records
    running: Running
    controller: Reconciler

    async def type(self, *words: str) -> int:
        return await asyncio.to_thread(run, [*words, "-c", str(self.file)])


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    text = yaml.safe_dump(
        {
            "ip-lists": {"a": [{"address": str(IP), "bind": "127.0.0.1"}]},
            "database": f"sqlite:///{folder}/t.db",
            "engine": {
                "listen": ["127.0.0.1:0"],
                "spool": str(folder / "spool"),
                "control-api": {
                    "listen": "127.0.0.1:0",
                    "tokens": [{"name": "ops", "token": "sesame", "scope": "operate"}],
                },
                "providers": {"microsoft": {"mx": ["*.ms.test"], "source-ip-max-msg-rate": "1000/h"}},
                "virtual-mtas": {"default": {"source-ips": [str(IP)]}},
            },
            "controller": {"mode": "enforce", "engine": {"url": "http://127.0.0.1:1", "token": "sesame"}},
        }
    )
    config = parse(text, str(folder / "c.yaml"), {}).config
    async with service.running(config.engine, SystemClock()) as running:
        written = text.replace("listen: 127.0.0.1:0\n", f"listen: {running.api.removeprefix('http://')}\n")
        (folder / "c.yaml").write_text(written)
        records = database.open_database(config.database)
        database.upgrade(records)
        link = tidegate.connect(config.controller.engine.model_copy(update={"url": running.api}))
        try:
            yield House(folder / "c.yaml", records, running, Reconciler(records, link, config.controller))
        finally:
            await link.close()
            records.dispose()


async def test_the_whole_story_of_a_listed_ip_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house(tmp_path) as here:
        clock = SystemClock()
        for reply in (ReplyClass.DELIVERED, ReplyClass.DELIVERED, ReplyClass.DEFERRAL):
            statistics = here.running.engine.statistics
            statistics.attempted(IP, "microsoft", 1, clock.now().timestamp())
            statistics.answered(IP, "microsoft", reply, "451 4.7.650", clock.now().timestamp())
        with database.session(here.records) as session:
            incidents.open_incident(session, listed())
        assert (await here.controller.tick(clock.now(), clock)).failure == ""
        assert await here.type("explain", "203.0.113.7", "microsoft") == 0
        said = capsys.readouterr().out
        assert await here.type("explain", "203.0.113.7", "microsoft", "--json") == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
    wanted = [
        "203.0.113.7 × microsoft: held at 100/h, 10% of the operator's 1000/h (mode enforce)",
        "1 evidence    203.0.113.7 is listed on zen.test (INC-1)",
        "dnsbl-listed: holds the level at 10% while it lasts",
        "2 rule        203.0.113.7 is listed on zen.test (INC-1): held at 10% of the operator's 1000/h",
        "3 lease       source-ip-max-msg-rate 100/h by controller, until ",
        "undo: tidegate release auto:203.0.113.7:microsoft:source-ip-max-msg-rate",
        "4 effect      last hour: 3 recipients attempted, 2 accepted, 1 deferred, 0 refused",
        "5 next        to 150/h, once the cause has ended",
        "waits for the end of INC-1",
        "so far",
        "source-ip-max-msg-rate no limit → 100/h: dnsbl-listed",
        "* 100/h        controller",
        "  1000/h       configuration",
    ]
    places = [" ".join(said.split()).find(" ".join(text.split())) for text in wanted]
    assert -1 not in places, dict(zip(wanted, places, strict=True))
    assert places == sorted(places)
    assert (document["schema"], document["story"]["rate"]) == ("explain/v1", "100/h")
    assert document["story"]["clues"][0]["id"] == "INC-1"
    assert document["chains"][0]["terms"][0]["value"] == "100/h"


async def test_a_quiet_scope_has_a_short_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with house(tmp_path) as here:
        assert await here.type("explain", "203.0.113.7", "microsoft") == 0
        said = capsys.readouterr().out
    assert "203.0.113.7 × microsoft: nothing holds it (mode enforce)" in said
    said = " ".join(said.split())
    assert "1 evidence nothing speaks against it now" in said
    assert "5 next nothing: there is no limit of ours to lift" in said
