"""Channels against the real thing: Debian's Alertmanager, and the library Apprise over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from test_alertmanager import PROGRAM, alertmanager, ready

from core.clock import SystemClock
from monitor.notifications.channels.alertmanager import Feed
from monitor.notifications.channels.apprise import AppriseCourier
from monitor.notifications.channels.settings import AlertmanagerSettings, ChannelSettings
from monitor.notifications.courier import Postponed
from monitor.notifications.routing import Background
from monitor.notifications.settings import NotificationRoute
from tests.unit.monitor.notifications.bulletins import bulletin, claimed
from tests.unit.monitor.watching import clean, listed, monitor_settings, rig

_FOREIGN = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise")
"""Apprise's own imports warn."""


@pytest.mark.system
@pytest.mark.skipif(PROGRAM is None, reason="needs Debian's prometheus-alertmanager")
async def test_an_alertmanager_shows_one_alert_however_often_it_is_told_and_drops_it_when_it_is_over(
    tmp_path: Path,
) -> None:
    # nobody listens where it would post to: only its own view is looked at
    async with alertmanager(tmp_path, "http://127.0.0.1:1") as client:
        await ready(client)
        settings = monitor_settings(
            channels=ChannelSettings(alertmanager={"am": AlertmanagerSettings(url=str(client.base_url))}),
            routes={"am": NotificationRoute(channels=["am"])},
        )
        with rig(settings, start=SystemClock().now() - timedelta(hours=9)) as monitor:
            monitor.take(clean(monitor.clock.now()))
            for wait in (3600, 30):
                monitor.clock.advance(wait)
                monitor.take(listed(monitor.clock.now()))
            feed = Feed("am", monitor.engine, SystemClock(), settings.notifications, Background())
            assert [await feed.tell() for _ in range(3)] == [1, 1, 1]
            [alert] = (await client.get("/api/v2/alerts")).json()
            assert alert["labels"]["alertname"] == "TidegateDnsblListed"
            assert alert["annotations"]["summary"] == "203.0.113.7 listed on Spamhaus ZEN (SBL)"
            for _ in range(7):
                monitor.clock.advance(3600)
                monitor.take(clean(monitor.clock.now()))
            feed = Feed("am", monitor.engine, monitor.clock, settings.notifications, Background())
            assert await feed.tell() == 1
            assert (await client.get("/api/v2/alerts")).json() == []


@asynccontextmanager
async def taking(status: int) -> AsyncIterator[tuple[int, list[dict[str, object]]]]:
    """A web server that takes JSON and answers one status."""
    bodies: list[dict[str, object]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], bodies
    finally:
        server.close()
        await server.wait_closed()


@_FOREIGN
async def test_apprise_hands_a_bulletin_over() -> None:
    async with taking(200) as (port, bodies):
        await AppriseCourier([SecretStr(f"json://127.0.0.1:{port}/x")]).carry(claimed(bulletin()))
    [body] = bodies
    assert str(body["title"]).startswith("[CRITICAL] INC-1 203.0.113.7 listed")
    assert "to Microsoft at most 300/h" in str(body["message"])
    assert body["type"] == "failure"


@_FOREIGN
async def test_what_apprise_cannot_hand_over_is_tried_again() -> None:
    async with taking(503) as (port, _):
        with pytest.raises(Postponed):
            await AppriseCourier([SecretStr(f"json://127.0.0.1:{port}/x")]).carry(claimed(bulletin()))


@_FOREIGN
async def test_an_address_that_apprise_does_not_know_is_not_told_in_the_error() -> None:
    with pytest.raises(Postponed) as caught:
        await AppriseCourier([SecretStr("nonsense://s3cret@x")]).carry(claimed(bulletin()))
    assert "s3cret" not in str(caught.value)
