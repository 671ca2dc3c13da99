"""Alerts through the watcher: they open, repeat, end and run out; and the mail about them is news at once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core.address import SourceIp
from core.incident import Incident, Rule, Severity
from core.reading import Quality, Source, Status
from monitor.alerts.alert import UnusableAlert
from monitor.alerts.inbox import Inbox, Taken
from monitor.alerts.settings import AlertSettings
from monitor.health import SourceState
from storage import database, health, incidents, readings
from storage.incidents import EventKind
from tests.unit.monitor.alerts.alert_bodies import BIND, IP, OTHER_IP, firing, hetrix, webhook
from tests.unit.monitor.watching import Rig, html_of, monitor_settings, rig

SOURCES = (SourceIp(address=IP, bind=IP), SourceIp(address=OTHER_IP, bind=BIND))


class Post:
    """Somebody's monitor, and what became of what it posted."""

    def __init__(self, rigged: Rig, **settings: Any) -> None:
        self.rig = rigged
        self.inbox = Inbox(
            rigged.engine, rigged.clock, rigged.watcher, AlertSettings(**settings), SOURCES, ["microsoft"]
        )

    def __call__(self, document: Any, sender: str = "hetrix") -> Taken:
        self.rig.clock.advance(1)  # no two posts come at the same moment
        return self.inbox.take(sender, json.dumps(document).encode())

    def opened(self) -> list[Incident]:
        with database.reading(self.rig.engine) as session:
            return incidents.open_incidents(session)

    def told(self, number: int) -> list[str]:
        with database.reading(self.rig.engine) as session:
            return [event.text for event in incidents.events(session, number)]


@pytest.fixture
def rigged() -> Iterator[Rig]:
    with rig(monitor_settings(group_wait="60s")) as made:
        yield made


def alert(**more: Any) -> dict[str, Any]:
    return {"ip": "203.0.113.7", "name": "bounces", "severity": "warning", "summary": "9 % bounce"} | more


def test_an_alert_opens_an_incident_at_its_provider_and_a_resolved_one_ends_it(rigged: Rig) -> None:
    post = Post(rigged)
    post(webhook(firing()), "prom")
    (incident,) = post.opened()
    assert (incident.ip, incident.provider, incident.rule) == (IP, "microsoft", Rule.ALERT)
    assert (incident.severity, incident.source) == (Severity.CRITICAL, Source.ALERT)
    assert incident.fingerprint == "ip:203.0.113.7:alert:alert:prom:c6eadffa33fcdf37"
    post(webhook(firing(status="resolved")), "prom")
    assert post.opened() == []
    assert post.told(1)[-1] == "resolved, says prom: 8 % of mail to Outlook is deferred"


def test_the_first_word_of_an_alert_is_news_and_not_a_baseline(rigged: Rig) -> None:
    Post(rigged)(alert())
    assert rigged.mails() == []
    rigged.later(seconds=61)
    (mail,) = rigged.mails()
    assert "203.0.113.7 bounces, says hetrix" in mail["Subject"]


def test_markup_in_an_alert_is_text_in_the_mail_about_it(rigged: Rig) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=y>"
    labels = {"alertname": nasty, "ip": "203.0.113.7", "severity": "page", nasty: nasty}
    Post(rigged)(webhook(firing(labels=labels, annotations={"summary": nasty, "description": nasty})))
    rigged.later(seconds=61)
    (mail,) = rigged.mails()
    assert "<script>" not in html_of(mail)
    assert "<img" not in html_of(mail)
    assert "&lt;script&gt;" in html_of(mail)
    assert "\n" not in mail["Subject"]


def test_the_same_again_moves_its_end_and_nothing_else(rigged: Rig) -> None:
    post = Post(rigged)
    post(alert(expires_in="2h"))
    for _ in range(5):
        rigged.clock.advance(3600)
        assert post(alert(expires_in="2h")).result.changes == []
        assert rigged.watcher.tick().changes == []
    assert len(post.opened()) == 1
    with database.reading(rigged.engine) as session:
        rows = readings.history(session, IP, Source.ALERT, "hetrix:bounces")
        kinds = [e.kind for e in incidents.events(session, 1)]
        assert kinds == [EventKind.OPENED, EventKind.NOTED, EventKind.NOTIFIED]
    assert [r.status for r in rows] == [Status.WARN] * 6


def test_an_alert_that_is_not_sent_again_ends_as_expired_and_says_so(rigged: Rig) -> None:
    post = Post(rigged)
    post(alert(expires_in="2h"))
    assert rigged.later(hours=1, minutes=59).changes == []
    (change,) = rigged.later(minutes=1).changes
    assert change.reason == (
        "expired: not sent again since 23 Nov 2026 08:00 UTC; hetrix did not say that it is over"
    )
    assert post.opened() == []
    with database.reading(rigged.engine) as session:
        (newest,) = readings.latest_for(session, IP)
    assert (newest.status, newest.quality) == (Status.UNKNOWN, Quality.NO_DATA)
    assert rigged.later(hours=5).changes == []


def test_an_alert_that_expired_opens_again_when_it_is_sent_again(rigged: Rig) -> None:
    post = Post(rigged)
    post(alert(expires_in="10m"))
    rigged.later(minutes=10)
    post(alert(expires_in="10m"))
    assert [i.number for i in post.opened()] == [2]


def test_a_restart_between_alert_and_end_forgets_nothing(rigged: Rig) -> None:
    Post(rigged)(alert(expires_in="2h"))
    again = Rig(rigged.engine, rigged.settings, rigged.clock.now() + timedelta(hours=3))
    assert [change.incident.number for change in again.watcher.tick().changes] == [1]


def test_a_flapping_alert_is_held_open_and_ends_when_it_has_held_still(rigged: Rig) -> None:
    post = Post(rigged)
    for _ in range(4):
        post(alert())
        post(alert(state="resolved"))
        rigged.later(minutes=5)
    (held,) = post.opened()
    assert held.evidence["flapping"] is True
    rigged.later(hours=25)
    assert post.opened() == []


def test_worse_and_better_words_update_the_one_incident(rigged: Rig) -> None:
    post = Post(rigged)
    post([hetrix("bl.spamcop.net")])
    rigged.clock.advance(60)
    post([hetrix("bl.spamcop.net", "zen.spamhaus.org", before=1)])
    (incident,) = post.opened()
    assert (incident.rule, incident.tier, incident.severity) == (Rule.DNSBL_LISTED, 1, Severity.CRITICAL)
    assert "zen.spamhaus.org, bl.spamcop.net" in incident.summary


def test_two_monitors_may_say_the_same_and_each_ends_its_own(rigged: Rig) -> None:
    post = Post(rigged)
    post(alert(), "one")
    post(alert(), "two")
    post(alert(state="resolved"), "one")
    assert [i.metric for i in post.opened()] == ["two:bounces"]


def test_a_resolved_alert_that_nobody_knows_leaves_no_trace(rigged: Rig) -> None:
    taken = Post(rigged)([alert(state="resolved", id=str(n)) for n in range(50)])
    assert (taken.alerts, taken.refusals) == ((), ())
    with database.reading(rigged.engine) as session:
        assert readings.latest(session) == []


def test_no_more_alerts_stand_than_there_is_room_for(rigged: Rig) -> None:
    post = Post(rigged, most=3)
    taken = post([alert(id=str(n)) for n in range(10)])
    assert len(taken.alerts) == 3
    assert "3 alerts stand already" in taken.refusals[0].detail
    assert post(alert(id="0")).refusals == ()  # who stands may be sent again
    post(alert(id="0", state="resolved"))
    assert post(alert(id="9")).refusals == ()


def test_an_address_of_a_socket_that_several_share_names_nobody(rigged: Rig) -> None:
    shared = (SourceIp(address=IP, bind=BIND), SourceIp(address=OTHER_IP, bind=BIND))
    inbox = Inbox(rigged.engine, rigged.clock, rigged.watcher, AlertSettings(), shared, [])
    assert inbox.take("x", b'{"ip": "10.0.0.8"}').refusals


def test_the_sender_is_a_source_with_a_last_word_and_its_silence_is_not_blindness(rigged: Rig) -> None:
    Post(rigged)(alert(expires_in="30d"))
    rigged.later(days=20)
    with database.reading(rigged.engine) as session:
        (known,) = health.load_all(session)
        assert [i.rule for i in incidents.open_incidents(session)] == [Rule.ALERT]
    assert (known.name, known.state) == ("alerts:hetrix", SourceState.HEALTHY)
    assert known.last_success_at == rigged.clock.now() - timedelta(days=20)


def test_a_body_that_is_not_json_changes_nothing(rigged: Rig) -> None:
    with pytest.raises(UnusableAlert):
        Post(rigged).inbox.take("hetrix", b"<html>")
    with database.reading(rigged.engine) as session:
        assert health.load_all(session) == []
