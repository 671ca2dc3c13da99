"""Who is told about what, and when: routes by IP list, severity and hours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from core.reading import Reading
from monitor.notifications.channels.settings import ChannelSettings, SlackSettings, WebhookSettings
from monitor.notifications.hours import Hours
from monitor.notifications.routing import Background
from monitor.notifications.settings import NotificationRoute, OutsideHours, Recipient
from monitor.watcher import Watcher
from storage import database, incidents, outbox
from storage.incidents import EventKind
from storage.outbox import StoredMail
from tests.unit.monitor.watching import (
    IP,
    OTHER_IP,
    START,
    Rig,
    clean,
    listed,
    message,
    monitor_settings,
    rig,
)

CHANNELS = ChannelSettings(
    webhooks={"hook": WebhookSettings(url=SecretStr("https://x.example"))},
    slack={"chat": SlackSettings(url=SecretStr("https://y.example"))},
)
LISTS = {IP: frozenset({"marketing"}), OTHER_IP: frozenset({"invoices"})}
OFFICE = Hours.parse("mon-fri 08:00-18:00")
EVENING = timedelta(hours=13)
"""From START, Monday at eight, to nine in the evening."""


@contextmanager
def watched(start: datetime = START, **settings: Any) -> Iterator[Rig]:
    told = {"recipients": [], "channels": CHANNELS} | settings
    with rig(monitor_settings(**told), start=start) as monitor:
        monitor.watcher = Watcher(monitor.engine, monitor.clock, monitor.settings, Background(lists=LISTS))
        yield monitor


def trouble(monitor: Rig, *ips: Any, tier: int = 1) -> None:
    """The IPs become listed, and the first mails are due."""
    monitor.take(*(clean(monitor.clock.now(), ip) for ip in ips))
    for wait in (3600, 30):
        monitor.clock.advance(wait)
        monitor.take(*(_listed(monitor, ip, tier) for ip in ips))
    monitor.later(seconds=61)


def _listed(monitor: Rig, ip: Any, tier: int) -> Reading:
    return listed(monitor.clock.now(), ip, tier=tier)


def over(monitor: Rig, *ips: Any) -> None:
    for _ in range(7):
        monitor.clock.advance(3600)
        monitor.take(*(clean(monitor.clock.now(), ip) for ip in ips))
    monitor.later(seconds=61)


def messages(monitor: Rig) -> list[StoredMail]:
    with database.reading(monitor.engine) as session:
        return outbox.pending(session)


def told(monitor: Rig) -> list[tuple[str, str]]:
    """Address and kind of every message."""
    return [(m.recipients[0], m.kind) for m in messages(monitor)]


def test_an_ip_lists_route_is_told_about_its_own_ips_alone() -> None:
    routes = {
        "news": NotificationRoute(ip_lists=["marketing"], recipients=["news@example.com"]),
        "bills": NotificationRoute(ip_lists=["invoices"], recipients=["bills@example.com"]),
        "all": NotificationRoute(channels=["hook"]),
    }
    with watched(routes=routes) as monitor:
        trouble(monitor, IP)
        assert sorted(told(monitor)) == [("hook", "new"), ("news@example.com", "new")]


def test_a_storm_over_several_lists_tells_nobody_about_the_ips_of_others() -> None:
    routes = {
        "news": NotificationRoute(ip_lists=["marketing"], recipients=["news@example.com"]),
        "bills": NotificationRoute(ip_lists=["invoices"], recipients=["bills@example.com"]),
    }
    with watched(routes=routes, storm_after=1) as monitor:
        trouble(monitor, IP, OTHER_IP)
        mails = {m["To"]: m.as_string() for m in (message(one.mime) for one in messages(monitor))}
    assert set(mails) == {"news@example.com", "bills@example.com"}
    assert str(OTHER_IP) not in mails["news@example.com"]
    assert str(IP) not in mails["bills@example.com"]


def test_a_route_hears_from_its_severity_on() -> None:
    routes = {
        "loud": NotificationRoute(minimum_severity="critical", recipients=["pager@example.com"]),
        "every": NotificationRoute(recipients=["ops@example.com"]),
    }
    with watched(routes=routes) as monitor:
        trouble(monitor, IP, tier=2)
        assert told(monitor) == [("ops@example.com", "new")]


def test_who_did_not_hear_of_it_does_not_hear_that_it_is_over() -> None:
    routes = {"loud": NotificationRoute(minimum_severity="critical", recipients=["pager@example.com"])}
    with watched(routes=routes, recipients=["ops@example.com"]) as monitor:
        trouble(monitor, IP, tier=2)
        over(monitor, IP)
        assert told(monitor) == [("ops@example.com", "new"), ("ops@example.com", "resolved")]


def test_a_warning_waits_for_the_hours_and_a_critical_one_does_not() -> None:
    routes = {"office": NotificationRoute(hours=OFFICE, recipients=["ops@example.com"])}
    with watched(START + EVENING, routes=routes) as monitor:
        trouble(monitor, IP, tier=2)
        [mail] = messages(monitor)
        assert mail.next_at == START + timedelta(days=1)
    with watched(START + EVENING, routes=routes) as monitor:
        trouble(monitor, IP, tier=1)
        [mail] = messages(monitor)
        assert mail.next_at == monitor.clock.now()


def test_what_waits_goes_out_before_what_comes_later_in_the_thread() -> None:
    routes = {"office": NotificationRoute(hours=OFFICE, recipients=["ops@example.com"])}
    with watched(START + EVENING, routes=routes) as monitor:
        trouble(monitor, IP, tier=2)
        monitor.clock.advance(3600)
        monitor.take(_listed(monitor, IP, 1))
        monitor.later(seconds=61)
        now = monitor.clock.now()
        assert [(m.kind, m.next_at) for m in messages(monitor)] == [("new", now), ("escalated", now)]


def test_a_skipping_route_is_silent_outside_its_hours_and_keeps_to_its_threads() -> None:
    skip = OutsideHours.SKIP
    routes = {"office": NotificationRoute(hours=OFFICE, outside_hours=skip, recipients=["ops@example.com"])}
    with watched(START + EVENING, routes=routes) as monitor:
        trouble(monitor, IP)
        assert told(monitor) == []
    with watched(START + timedelta(hours=4), routes=routes) as monitor:
        trouble(monitor, IP)
        over(monitor, IP)
        assert monitor.clock.now() > START + timedelta(hours=10)
        assert told(monitor) == [("ops@example.com", "new"), ("ops@example.com", "resolved")]


def test_nobody_is_told_twice_when_two_routes_fit() -> None:
    routes = {
        "one": NotificationRoute(recipients=["ops@example.com"], channels=["chat"]),
        "two": NotificationRoute(recipients=["ops@example.com"], channels=["chat"]),
    }
    with watched(routes=routes) as monitor:
        trouble(monitor, IP)
        assert sorted(told(monitor)) == [("chat", "new"), ("ops@example.com", "new")]


def test_each_reader_has_the_times_of_their_own_zone_in_one_thread() -> None:
    readers = ["utc@example.com", Recipient(address="ny@example.com", time_zone="America/New_York")]
    with watched(recipients=readers) as monitor:
        trouble(monitor, IP)
        here, there = (message(m.mime) for m in messages(monitor))
    assert "EST" not in here.as_string()
    assert "EST" in there.as_string()
    assert here["Message-ID"] == there["Message-ID"]
    assert (here["To"], there["To"]) == ("utc@example.com", "ny@example.com")


def test_a_channel_gets_a_bulletin_with_a_key_of_its_own_and_the_thread_of_the_mail() -> None:
    routes = {"all": NotificationRoute(channels=["hook", "chat"])}
    with watched(recipients=["ops@example.com"], routes=routes) as monitor:
        trouble(monitor, IP)
        over(monitor, IP)
        stored = messages(monitor)
    bulletins = [json.loads(m.mime) for m in stored if m.channel == "hook"]
    assert [b["state"] for b in bulletins] == ["firing", "resolved"]
    assert len({b["thread"] for b in bulletins}) == 1
    assert len({m.idempotency_key for m in stored}) == len(stored) == 6
    mail = next(message(m.mime) for m in stored if not m.channel)
    assert bulletins[0]["key"] == mail["Message-ID"].strip("<>")


def test_the_timeline_tells_who_was_told() -> None:
    with watched(
        recipients=["ops@example.com"], routes={"all": NotificationRoute(channels=["chat"])}
    ) as monitor:
        trouble(monitor, IP)
        with database.reading(monitor.engine) as session:
            lines = [e.text for e in incidents.events(session, 1) if e.kind is EventKind.NOTIFIED]
    assert lines == ["told ops@example.com, chat: a new incident"]


@pytest.mark.parametrize("routes", [{}, {"all": NotificationRoute(channels=[])}])
def test_without_readers_nothing_is_written(routes: dict[str, NotificationRoute]) -> None:
    with watched(routes=routes) as monitor:
        trouble(monitor, IP)
        assert told(monitor) == []
