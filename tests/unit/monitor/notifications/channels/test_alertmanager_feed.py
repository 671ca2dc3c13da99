"""Alertmanagers are told again and again what is open, and for a while what is over."""

import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from core.incident import Severity
from monitor.notifications.channels.alertmanager import Feed
from monitor.notifications.channels.settings import AlertmanagerSettings, ChannelSettings
from monitor.notifications.routing import Background
from monitor.notifications.settings import NotificationRoute
from storage import database, orders
from storage.orders import NewOrder, OrderKind
from tests.unit.monitor.watching import IP, OTHER_IP, Rig, clean, listed, monitor_settings, rig

LISTS = {IP: frozenset({"marketing"}), OTHER_IP: frozenset({"invoices"})}


class Alertmanager:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, list[dict[str, Any]]]] = []
        self.status = 200
        self.authorization = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.posts.append((str(request.url), json.loads(request.content)))
        self.authorization = request.headers.get("Authorization", "")
        return httpx.Response(self.status)


def told(**route: Any) -> Any:
    access = AlertmanagerSettings(url="http://am.example:9093/", username="u", password=SecretStr("p"))
    return monitor_settings(
        web_url="https://t.example",
        channels=ChannelSettings(alertmanager={"am": access}),
        routes={"am": NotificationRoute(channels=["am"], **route)},
    )


def feed(monitor: Rig, other: Alertmanager) -> Feed:
    settings = monitor.settings.notifications
    return Feed(
        "am", monitor.engine, monitor.clock, settings, Background(lists=LISTS), httpx.MockTransport(other)
    )


def trouble(monitor: Rig, *ips: Any) -> None:
    monitor.take(*(clean(monitor.clock.now(), ip) for ip in ips))
    for wait in (3600, 30):
        monitor.clock.advance(wait)
        monitor.take(*(listed(monitor.clock.now(), ip) for ip in ips))


async def test_an_open_incident_is_told_every_time_with_an_end_ahead() -> None:
    other = Alertmanager()
    with rig(told()) as monitor:
        trouble(monitor, IP)
        mine = feed(monitor, other)
        assert [await mine.tell(), await mine.tell()] == [1, 1]
        now = monitor.clock.now()
    [(url, [alert]), (_, [again])] = other.posts
    assert url == "http://am.example:9093/api/v2/alerts"
    assert other.authorization.startswith("Basic ")
    assert alert["labels"] == again["labels"] == {
        "alertname": "TidegateDnsblListed", "severity": "critical", "incident": "INC-1", "rule": "dnsbl-listed",
        "source": "dnsbl", "metric": "zen.spamhaus.org", "provider": "*", "ip": "203.0.113.7",
    }  # fmt: skip
    assert alert["endsAt"] > now.isoformat() >= alert["startsAt"]
    assert alert["generatorURL"] == "https://t.example/incidents/1"


async def test_what_is_over_is_told_for_a_quarter_of_an_hour() -> None:
    other = Alertmanager()
    with rig(told()) as monitor:
        trouble(monitor, IP)
        for _ in range(7):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        mine = feed(monitor, other)
        monitor.clock.advance(14 * 60)
        assert await mine.tell() == 1
        assert other.posts[0][1][0]["endsAt"] < monitor.clock.now().isoformat()
        monitor.clock.advance(2 * 60)
        assert await mine.tell() == 0


@pytest.mark.parametrize(
    ("route", "count"),
    [
        ({}, 2),
        ({"ip_lists": ["marketing"]}, 1),
        ({"ip_lists": ["others"]}, 0),
        ({"minimum_severity": Severity.CRITICAL}, 2),
    ],
)
async def test_routes_choose_what_it_is_told(route: dict[str, Any], count: int) -> None:
    with rig(told(**route)) as monitor:
        trouble(monitor, IP, OTHER_IP)
        assert await feed(monitor, Alertmanager()).tell() == count


async def test_a_silence_holds_here_too() -> None:
    with rig(told()) as monitor:
        trouble(monitor, IP)
        with database.session(monitor.engine) as session:
            now = monitor.clock.now()
            orders.give(
                session,
                NewOrder(kind=OrderKind.SILENCE, source_ip=IP, author="a", reason="r", created_at=now),
            )
        assert await feed(monitor, Alertmanager()).tell() == 0


async def test_an_alertmanager_that_is_away_is_complained_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = Alertmanager()
    with rig(told()) as monitor, caplog.at_level("INFO"):
        trouble(monitor, IP)
        mine = feed(monitor, other)
        caplog.clear()
        for other.status in (503, 503, 200, 200):
            await mine.tell()
    assert [record.getMessage() for record in caplog.records if "Alertmanager" in record.getMessage()] == [
        "The Alertmanager am is not told: it answered 503",
        "The Alertmanager am is told again",
    ]
