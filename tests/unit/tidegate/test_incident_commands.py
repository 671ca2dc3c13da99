"""`silence`, `ack`, `timeline`, `false-alarms`: on the records that a real watcher wrote."""

import json
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.lease import Directive, Scope
from core.rate import Rate
from monitor.detection import false_alarms
from storage import database, incidents, leases, orders, scopes
from storage.incidents import EventKind
from storage.leases import LeaseChange
from storage.orders import Order
from storage.scopes import ScopeHour
from tests.unit.monitor.watching import IP, OTHER_IP, Rig, clean, listed, monitor_settings, score, unknown
from tidegate.cli import run


class Desk:
    """A configuration, its database, and the command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = f"sqlite:///{folder}/t.db"
        self.file = folder / "config.yaml"
        self.file.write_text(f"database: {self.url}\nip-lists: {{main: [203.0.113.7, 203.0.113.8]}}\n")
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        assert run([*words, "--config", str(self.file)]) == code
        out, err = self._capsys.readouterr()
        return out if code == 0 else err

    def live(self) -> Rig:
        """A listing seven hours ago, a limit because of it, a score that fell."""
        engine = database.open_database(self.url)
        database.upgrade(engine)
        start = SystemClock().now() - timedelta(hours=8)
        rig = Rig(engine, monitor_settings(), start)
        rig.take(clean(start), score(0, 95).model_copy(update={"period_end": start, "observed_at": start}))
        rig.clock.advance(3600)
        rig.take(listed(rig.clock.now()))
        rig.clock.advance(30)
        rig.take(listed(rig.clock.now()))
        with database.session(engine) as session:
            leases.record_change(session, self._cut(rig))
        rig.later(seconds=61)
        return rig

    def _cut(self, rig: Rig) -> LeaseChange:
        return LeaseChange(
            lease_key="auto:x", scope=Scope(source_ip=IP, provider="microsoft"),
            directive=Directive.SOURCE_IP_MAX_MSG_RATE, before=None, after=Rate.parse("120/h"), rule="dnsbl-listed",
            reason="listed on Spamhaus ZEN (SBL) (INC-1)", evidence=("INC-1",), actor="controller",
            at=rig.clock.now(), mode="enforce",
        )  # fmt: skip

    def standing(self) -> list[Order]:
        engine = database.open_database(self.url)
        try:
            with database.reading(engine) as session:
                return orders.standing(session, SystemClock().now())
        finally:
            engine.dispose()


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_a_silenced_problem_is_not_mailed_until_the_silence_ends(desk: Desk) -> None:
    rig = desk.live()
    assert len(rig.mails()) == 1
    told = desk("silence", "INC-1", "--for", "4d", "--reason", "moved to another pool")
    assert "Order 1: no mail about ip:203.0.113.7:dnsbl-listed:zen.spamhaus.org for 4d." in told
    assert 'undo  tidegate withdraw 1 --reason "…"' in told
    rig.clock.advance(7 * 3600)
    rig.take(listed(rig.clock.now()))
    rig.later(hours=30)
    assert len(rig.mails()) == 1, "the daily reminder is not sent"
    desk("withdraw", "1", "--reason", "back again")
    rig.later(seconds=10)
    assert len(rig.mails()) == 2
    rig.engine.dispose()


@pytest.mark.parametrize(
    ("words", "subject", "ip", "provider", "said"),
    [
        (["203.0.113.8"], "*", OTHER_IP, "*", "everything on 203.0.113.8 × all providers"),
        (["203.0.113.8", "microsoft", "--rule", "snds-red"], "snds-red", OTHER_IP, "microsoft",
         "snds-red on 203.0.113.8 × microsoft"),
        (["all", "--rule", "decrease"], "decrease", None, "*", "decrease on every IP"),
    ],
)  # fmt: skip
def test_what_a_silence_is_about(
    desk: Desk, words: list[str], subject: str, ip: object, provider: str, said: str
) -> None:
    assert f"no mail about {said} for 2h" in desk("silence", *words, "--reason", "known")
    (order,) = desk.standing()
    assert (order.subject, order.source_ip, order.provider) == (subject, ip, provider)
    assert order.expires_at is not None
    assert order.author
    assert "no mail about" in desk("show", "orders")


def test_a_rehearsed_silence_is_not_written(desk: Desk) -> None:
    told = desk("silence", "all", "--reason", "x", "--dry-run")
    assert told.startswith("Would order: no mail about everything on every IP for 2h.")
    assert desk.standing() == []


def about_it(rig: Rig) -> list[EmailMessage]:
    """Mails about the listing; a list that is not asked for hours is blind, which is another story."""
    return [mail for mail in rig.mails() if mail["X-Tidegate-Incident"] == "INC-1"]


def test_an_acknowledged_incident_is_not_repeated_and_its_news_is_told(desk: Desk) -> None:
    rig = desk.live()
    told = desk("ack", "inc-1", "--reason", "campaign 17 is stopped")
    assert "INC-1 203.0.113.7 listed on Spamhaus ZEN (SBL):" in told
    assert "no reminders of INC-1: " in desk("show", "orders")
    rig.clock.advance(7 * 3600)
    rig.later(minutes=2)
    assert len(about_it(rig)) == 2, "others hear that somebody looks after it"
    for _ in range(26):
        rig.clock.advance(3600)
        rig.take(listed(rig.clock.now()))
    assert len(about_it(rig)) == 2, "no reminder"
    for _ in range(7):
        rig.clock.advance(3600)
        rig.take(clean(rig.clock.now()))
    rig.later(minutes=2)
    assert about_it(rig)[-1]["X-Tidegate-State"] == "resolved"
    with database.reading(rig.engine) as session:
        kinds = [event.kind for event in incidents.events(session, 1)]
    assert EventKind.ACKNOWLEDGED in kinds
    rig.engine.dispose()
    assert "INC-1 is over already" in desk("ack", "INC-1", code=5)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["silence", "203.0.113.9", "--reason", "x"], "203.0.113.9 is in no ip-list"),
        (["silence", "203.0.113.8", "--rule", "dnsbl-list", "--reason", "x"], "dnsbl-listed"),
        (["silence", "INC-9", "--reason", "x"], "there is no incident INC-9"),
        (["silence", "INC-9", "--rule", "decrease", "--reason", "x"], "leave them out"),
        (["silence", "all", "--reason", " "], "--reason must say why"),
        (["silence", "all", "--for", "0s", "--reason", "x"], "--for must be longer than nothing"),
        (["silence", "all", "yaho", "--reason", "x"], "knows no provider 'yaho'"),
        (["ack", "the listing"], "write it like INC-4"),
        (["timeline", "203.0.113.x"], "is not an IP address"),
    ],
)
def test_mistakes_are_told_with_the_remedy(
    desk: Desk, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--config", str(desk.file)]) != 0
    assert why in capsys.readouterr().err


def test_the_timeline_tells_the_whole_story_in_order(desk: Desk) -> None:
    rig = desk.live()
    desk("ack", "INC-1", "--reason", "campaign 17 is stopped")
    desk("silence", "203.0.113.8", "--reason", "another IP")
    now = rig.clock.now() + timedelta(hours=1)
    rig.clock.advance(3600)
    rig.take(unknown(now))
    rig.engine.dispose()
    document = json.loads(desk("timeline", "203.0.113.7", "--json"))
    story = [(entry["kind"], entry["text"]) for entry in document["entries"]]
    assert [kind for kind, _ in story] == [
        "reading", "reading", "reading", "incident", "incident", "limit", "mail", "reading", "operator",
    ]  # fmt: skip
    texts = [text for _, text in story]
    assert texts[2] == "Spamhaus ZEN: listed: SBL [127.0.0.2] (bad), was not listed"
    assert texts[3] == "INC-1 opened: 203.0.113.7 listed on Spamhaus ZEN (SBL)"
    assert texts[5] == (
        "microsoft source-ip-max-msg-rate no limit → 120/h, by controller: listed on Spamhaus ZEN (SBL) (INC-1)"
    )
    assert (
        texts[6] == "“[Tidegate] INC-1 203.0.113.7 listed on Spamhaus ZEN (SBL)” to ops@example.com: pending"
    )
    assert texts[7].startswith("zen.spamhaus.org: unknown (query refused")
    assert texts[8].startswith("order 1, somebody looks after it: no reminders [INC-1], by ")
    moments = [entry["at"] for entry in document["entries"]]
    assert moments == sorted(moments)


def test_an_ip_without_a_story_says_so(desk: Desk) -> None:
    assert "Nothing is known about 203.0.113.8 since" in desk("timeline", "203.0.113.8", "--since", "1d")


@pytest.fixture
def short_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(false_alarms, "PERIODS", 2_000)  # the words are looked at, not the figures
    monkeypatch.setattr(false_alarms, "CYCLES", 50)


@pytest.mark.usefixtures("short_simulation")
def test_false_alarms_are_told_for_the_configured_fleet_and_for_any_other(desk: Desk) -> None:
    document = json.loads(desk("false-alarms", "--json"))
    assert (document["ips"], document["messages_per_ip_and_day"]) == (2, 20_000)
    assert document["messages_origin"] == "assumed: none are on record"
    assert {rule["rule"] for rule in document["rules"]} >= {
        "snds-red",
        "complaints",
        "decrease",
        "dnsbl-listed",
    }
    text = desk("false-alarms", "--ips", "1000", "--messages", "500")
    assert "False alarms a month for 1000 source IPs, 500 messages a day each (as given):" in text


@pytest.mark.usefixtures("short_simulation")
def test_the_volume_is_the_one_on_record(desk: Desk) -> None:
    now = SystemClock().now()
    engine = database.open_database(desk.url)
    database.upgrade(engine)
    with database.session(engine) as session:
        begin = (now - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
        hours = [
            ScopeHour(
                scope=Scope(source_ip=IP, provider="yahoo"), hour=begin + timedelta(hours=n), delivered=100
            )
            for n in range(48)
        ]
        scopes.record_hours(session, hours)
    engine.dispose()
    document = json.loads(desk("false-alarms", "--json"))
    assert document["messages_origin"] == "measured in the last days"
    assert document["messages_per_ip_and_day"] == pytest.approx(4_800 / 2 / 2, rel=0.05)
