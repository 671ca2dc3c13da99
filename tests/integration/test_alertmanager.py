"""Debian's Alertmanager, the real one, tells us: its webhook opens an incident, its all-clear ends it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from core.address import SourceIp
from core.clock import SystemClock
from core.incident import Incident, IncidentState, Severity
from lab.ports import free_port
from monitor.alerts.inbox import Inbox, Taken
from monitor.alerts.settings import AlertSettings
from monitor.settings import MonitorSettings
from monitor.watcher import Watcher
from storage import database, incidents
from tests.unit.monitor.watching import IP
from tidegate.web.app import application
from tidegate.web.server import WebServer
from tidegate.web.settings import WebScope, WebSettings, WebToken

PROGRAM = shutil.which("prometheus-alertmanager")
TOKEN = "alertmanager-token-01"

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(PROGRAM is None, reason="needs Debian's prometheus-alertmanager"),
]


class Desk:
    """A monitor with its database, without the rest of the watch process."""

    def __init__(self, folder: Path) -> None:
        self.engine = database.open_database(f"sqlite:///{folder}/t.db")
        database.upgrade(self.engine)
        clock = SystemClock()
        watcher = Watcher(self.engine, clock, MonitorSettings())
        source = SourceIp(address=IP, bind=IP)
        self.inbox = Inbox(self.engine, clock, watcher, AlertSettings(), [source], ["microsoft"])

    async def take(self, sender: str, raw: bytes) -> Taken:
        return await asyncio.to_thread(self.inbox.take, sender, raw)

    async def standing(self) -> list[Incident]:
        return []

    def incident(self) -> Incident | None:
        now = SystemClock().now()
        with database.reading(self.engine) as session:
            found = incidents.between(session, now - timedelta(hours=1), now + timedelta(hours=1))
        return found[0] if found else None


@asynccontextmanager
async def door(desk: Desk) -> AsyncIterator[str]:
    token = WebToken(name="prom", token=SecretStr(TOKEN), scope=WebScope.ALERT)
    server = WebServer(application(WebSettings(tokens=(token,)), SystemClock(), desk), "127.0.0.1:0")
    server.start()
    try:
        yield server.address
    finally:
        await server.stop()
        desk.engine.dispose()


@asynccontextmanager
async def alertmanager(folder: Path, url: str) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    config = {
        "route": {"receiver": "tidegate", "group_by": ["alertname"], "group_wait": "10ms", "group_interval": "1s"},
        "receivers": [{"name": "tidegate", "webhook_configs": [
            {"url": f"{url}/v1/alerts", "http_config": {"authorization": {"credentials": TOKEN}}}]}],
    }  # fmt: skip
    (folder / "am.yml").write_text(yaml.safe_dump(config))
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROGRAM, f"--config.file={folder}/am.yml", f"--storage.path={folder}/am",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield client
        finally:
            process.terminate()
            await process.wait()


async def until(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.05)


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                (await client.get("/-/ready")).raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return


def alert(ends: datetime) -> list[dict[str, Any]]:
    labels = {
        "alertname": "DeferralsHigh",
        "instance": f"{IP}:9115",
        "severity": "critical",
        "provider": "outlook",
    }
    return [
        {
            "labels": labels,
            "annotations": {"summary": "8 % of mail to Outlook is deferred"},
            "endsAt": ends.isoformat(),
        }
    ]


async def test_what_alertmanager_sends_is_understood_from_firing_to_resolved(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with door(desk) as url, alertmanager(tmp_path, url) as client:
        await ready(client)
        now = datetime.now(UTC)
        (await client.post("/api/v2/alerts", json=alert(now + timedelta(minutes=5)))).raise_for_status()
        await until(desk.incident)
        opened = desk.incident()
        assert opened is not None
        assert (opened.ip, opened.provider, opened.severity) == (IP, "microsoft", Severity.CRITICAL)
        assert opened.summary == "prom says: 8 % of mail to Outlook is deferred"
        assert len(opened.metric.removeprefix("prom:")) == 16  # Alertmanager's own fingerprint

        (await client.post("/api/v2/alerts", json=alert(now - timedelta(seconds=1)))).raise_for_status()
        await until(lambda: (one := desk.incident()) and one.state is IncidentState.RESOLVED)


async def test_what_is_posted_to_an_alertmanager_may_be_posted_to_us(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ahead = alert(datetime.now(UTC) + timedelta(minutes=5))
    async with door(desk) as url, alertmanager(tmp_path, url) as theirs:
        await ready(theirs)
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            ours = await client.post(f"{url}/api/v2/alerts", json=ahead)
        assert (await theirs.post("/api/v2/alerts", json=ahead)).status_code == ours.status_code == 200
