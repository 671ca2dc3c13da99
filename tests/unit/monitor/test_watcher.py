from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.incident import IncidentKind, IncidentState, Rule, Severity
from core.lease import Scope
from core.reading import Status
from core.statistics import ScopeMinute
from monitor.incidents.lifecycle import Move
from monitor.replies.hours import ReplyHistory
from storage import database, incidents, scopes
from storage.incidents import EventKind, IncidentEvent
from storage.scopes import ScopeHour
from tests.unit.monitor import watching
from tests.unit.monitor.watching import (
    IP,
    OTHER_IP,
    START,
    Rig,
    clean,
    listed,
    rig,
    score,
    snds,
    text_of,
    unknown,
)


def _warm(monitor: Rig) -> None:
    """The IP is known and clean, so that what follows is news."""
    monitor.take(clean(monitor.clock.now()))


def _list_it(monitor: Rig) -> None:
    _warm(monitor)
    monitor.clock.advance(3600)
    monitor.take(listed(monitor.clock.now()))
    monitor.clock.advance(30)
    monitor.take(listed(monitor.clock.now()))


def test_a_first_hit_asks_for_a_second_look_and_opens_nothing() -> None:
    with rig() as monitor:
        _warm(monitor)
        monitor.clock.advance(3600)
        at = monitor.clock.now()
        result = monitor.take(listed(at))
        assert [(look.ip, look.metric, look.at - at) for look in result.look_again] == [
            (IP, watching.ZEN, timedelta(seconds=30))
        ]
        assert result.changes == []


def test_the_second_hit_opens_an_incident_and_the_mail_waits_for_the_controller() -> None:
    with rig() as monitor:
        _list_it(monitor)
        assert monitor.mails() == []
        with database.session(monitor.engine) as session:
            [incident] = incidents.open_incidents(session)
            acted = IncidentEvent(
                number=incident.number, at=monitor.clock.now(), kind=EventKind.ACTION, text="cut to 25/h"
            )
            incidents.append_event(session, acted)
        monitor.later(seconds=61)
        [mail] = monitor.mails()
        assert mail["Subject"] == "[Tidegate] INC-1 203.0.113.7 listed on Spamhaus ZEN (SBL)"
        assert incident.rule is Rule.DNSBL_LISTED
        assert incident.severity is Severity.CRITICAL


def test_an_action_after_the_first_mail_leads_to_an_update_in_its_thread() -> None:
    with rig() as monitor:
        _list_it(monitor)
        monitor.later(seconds=61)
        with database.session(monitor.engine) as session:
            text = "203.0.113.7 to all providers: 1200/h to 300/h"
            incidents.append_event(
                session,
                IncidentEvent(number=1, at=monitor.clock.now(), kind=EventKind.ACTION, text=text),
            )
        monitor.later(minutes=10)
        assert len(monitor.mails()) == 1, "at most one update in 15 minutes"
        monitor.later(minutes=6)
        first, update = monitor.mails()
        assert update["Subject"] == f"Re: {first['Subject']}"
        assert update["In-Reply-To"] == update["References"] == first["Message-ID"]
        assert text in " ".join(text_of(update).split())


def test_a_listing_that_ends_is_resolved_in_the_same_thread_after_six_clean_hours() -> None:
    with rig() as monitor:
        _list_it(monitor)
        monitor.later(seconds=61)
        moves = []
        for _ in range(7):
            monitor.clock.advance(3600)
            moves += [change.move for change in monitor.take(clean(monitor.clock.now())).changes]
        assert moves == [Move.RESOLVE]
        monitor.later(seconds=61)
        first, last = monitor.mails()
        assert last["Subject"] == f"Re: {first['Subject']}"
        assert last["References"] == first["Message-ID"]
        assert last["X-Tidegate-State"] == "resolved"
        assert "Over after 7h" in text_of(last)


def test_a_day_of_unknown_answers_opens_one_source_incident_and_none_about_an_ip() -> None:
    with rig() as monitor:
        monitor.take(clean(START), clean(START, OTHER_IP))
        for _ in range(24):
            monitor.clock.advance(3600)
            now = monitor.clock.now()
            monitor.take(unknown(now), unknown(now, OTHER_IP))
            monitor.watcher.tick()
        monitor.later(seconds=61)
        with database.reading(monitor.engine) as session:
            found = incidents.open_incidents(session)
        assert [(i.kind, i.title) for i in found] == [(IncidentKind.SOURCE, f"blind on {watching.ZEN}")]
        assert len(monitor.mails()) == 1


def test_unknown_answers_do_not_end_a_listing() -> None:
    with rig() as monitor:
        _list_it(monitor)
        for _ in range(100):
            monitor.clock.advance(3600)
            monitor.take(unknown(monitor.clock.now()))
        with database.reading(monitor.engine) as session:
            assert incidents.find(session, 1).state is IncidentState.OPEN


def test_a_broken_resolver_is_one_incident_however_many_lists_are_silent() -> None:
    zones = [f"list{n}.example" for n in range(6)]
    with rig() as monitor:
        monitor.take(*(clean(START, zone=zone) for zone in zones))
        for _ in range(5):
            monitor.clock.advance(3600)
            monitor.take(*(unknown(monitor.clock.now(), zone=zone) for zone in zones))
            monitor.watcher.tick()
        monitor.later(seconds=61)
        with database.reading(monitor.engine) as session:
            assert [i.title for i in incidents.open_incidents(session)] == ["blind on the DNS lists"]
        monitor.clock.advance(3600)
        monitor.take(*(clean(monitor.clock.now(), zone=zone) for zone in zones))
        monitor.later(minutes=2)
        with database.reading(monitor.engine) as session:
            assert incidents.open_incidents(session) == []


def test_what_is_bad_at_the_first_look_is_told_once_in_one_mail() -> None:
    with rig() as monitor:
        monitor.take(listed(START), listed(START, OTHER_IP), clean(START, zone="bl.spamcop.net"))
        monitor.clock.advance(30)
        now = monitor.clock.now()
        monitor.take(listed(now), listed(now, OTHER_IP))
        monitor.later(minutes=2)
        assert monitor.mails() == [], "it waits to be complete"
        monitor.later(minutes=10)
        [mail] = monitor.mails()
        assert mail["Subject"] == "[Tidegate] Baseline: 2 IPs with known trouble"
        with database.reading(monitor.engine) as session:
            assert len(incidents.open_incidents(session)) == 2
        monitor.later(hours=1)
        assert len(monitor.mails()) == 1


def test_a_source_that_tells_old_days_again_does_not_make_its_news_a_first_look() -> None:
    green = [snds(day, "filter-result", status=Status.GOOD, value=0.0, detail="GREEN") for day in range(3)]
    red = snds(3, "filter-result", status=Status.BAD, value=2.0, detail="RED")
    with rig() as monitor:
        monitor.take(*green)
        monitor.later(hours=6)
        monitor.take(*green, red)
        monitor.later(minutes=2)
        [mail] = monitor.mails()
        assert mail["Subject"] == f"[Tidegate] INC-1 {IP} is RED at Microsoft SNDS"


def test_an_incident_over_before_anybody_was_told_sends_nothing() -> None:
    with rig(watching.monitor_settings(group_wait=timedelta(hours=12))) as monitor:
        _list_it(monitor)
        for _ in range(7):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        monitor.later(hours=24)
        assert monitor.mails() == []


def test_a_lesser_incident_on_an_ip_in_worse_trouble_is_not_mailed_but_mentioned() -> None:
    with rig() as monitor:
        monitor.take(score(0, 95))
        _list_it(monitor)
        monitor.later(seconds=61)
        monitor.take(score(1, 90).model_copy(update={"observed_at": monitor.clock.now()}))
        monitor.later(hours=1)
        assert len(monitor.mails()) == 1
        monitor.later(hours=24)
        assert "INC-2 203.0.113.7 Sender Score fell" in " ".join(text_of(monitor.mails()[-1]).split())


def test_a_decrease_that_grows_stays_one_thread() -> None:
    with rig() as monitor:
        for day in range(10):
            monitor.take(score(day, 95))
            monitor.clock.advance(86_400)
        monitor.take(score(10, 88))
        monitor.later(seconds=61)
        monitor.clock.advance(86_400)
        monitor.take(score(11, 87))
        monitor.later(minutes=20)
        first, second = monitor.mails()
        assert first["Subject"] == "[Tidegate] INC-1 203.0.113.7 Sender Score fell"
        assert second["Subject"] == "Re: [Tidegate] INC-1 203.0.113.7 Sender Score fell"
        assert second["X-Tidegate-Incident"] == "INC-1, INC-2"
        assert second["X-Tidegate-Severity"] == "warning"


def test_reminders_come_daily_and_stop_at_the_cap() -> None:
    with rig(watching.monitor_settings(repeat_cap=2)) as monitor:
        _list_it(monitor)
        monitor.later(seconds=61)
        for _ in range(24 * 5):
            monitor.clock.advance(3600)
            monitor.take(listed(monitor.clock.now()))
        reasons = [mail["X-Tidegate-Reason"] for mail in monitor.mails()]
        assert reasons == ["new", "reminder", "reminder"]


def test_a_flapping_problem_is_kept_open_and_said_so_once() -> None:
    rules = watching.monitor_settings(flap_after=2)
    with rig(rules) as monitor:
        _list_it(monitor)
        for _ in range(10):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        with database.reading(monitor.engine) as session:
            assert incidents.find(session, 1).state is IncidentState.OPEN
            held = [e for e in incidents.events(session, 1) if "flapping" in e.text]
        assert len(held) == 1
        for _ in range(24):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        with database.reading(monitor.engine) as session:
            assert incidents.find(session, 1).state is IncidentState.RESOLVED


def _hear(monitor: Rig, hour: int, delivered: int, complaints: int) -> list[Move]:
    """What the controller's look writes, and then the monitor reads."""
    begin = START + timedelta(hours=hour)
    minute = ScopeMinute(
        source_ip=IP,
        provider="yahoo",
        minute=begin,
        attempted=delivered,
        delivered=delivered,
        complaints=complaints,
    )
    counted = ScopeHour(
        scope=Scope(source_ip=IP, provider="yahoo"), hour=begin, attempted=delivered, delivered=delivered,
        complaints=complaints,
    )  # fmt: skip
    monitor.clock.advance((begin + timedelta(hours=1) - monitor.clock.now()).total_seconds())
    with database.session(monitor.engine) as session:
        scopes.record_hours(session, [counted])
    history = ReplyHistory(monitor.settings.replies)
    changes = monitor.take(*history.readings([minute], monitor.clock.now())).changes
    monitor.later(seconds=61)
    return [change.move for change in changes]


def test_complaints_counted_by_the_engine_open_an_incident_that_worsens_and_ends() -> None:
    with rig() as monitor:
        moves = [_hear(monitor, n, 1000, 3 if n < 5 else 0) for n in range(12)]
        assert [move for hour in moves for move in hour] == [Move.OPEN, Move.ESCALATE, Move.RESOLVE]
        first = monitor.mails()[0]
        assert first["Subject"] == "[Tidegate] INC-1 203.0.113.7 draws complaints at yahoo"
        assert "6 of 2,000 recipients" in text_of(first)
        assert len(monitor.mails()) == 3, "hours that say the same are not told"


def test_the_first_counts_of_a_scope_are_news_not_baseline() -> None:
    with rig() as monitor:
        assert _hear(monitor, 0, 1000, 30) == [Move.OPEN]
        assert monitor.mails()[0]["X-Tidegate-Reason"] == "new"


def test_more_first_mails_than_a_storm_needs_become_one() -> None:
    ips = [IP + n for n in range(12)]
    with rig() as monitor:
        monitor.take(*(clean(START, ip) for ip in ips))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(*(listed(monitor.clock.now(), ip) for ip in ips))
        monitor.later(seconds=61)
        [mail] = monitor.mails()
        assert "12 IPs at once" in text_of(mail)


@pytest.mark.parametrize("restart_after", [1, 2, 3, 5])
def test_a_restart_in_the_middle_changes_nothing(restart_after: int) -> None:
    def story(monitor: Rig, restart: int | None) -> list[str]:
        _warm(monitor)
        for step, wait in enumerate((3600, 30, 61, 900, 3600, 3600)):
            monitor.clock.advance(wait)
            if step == restart:
                again = Rig(monitor.engine, monitor.settings, monitor.clock.now())
                again.clock = monitor.clock
                monitor.watcher = type(monitor.watcher)(monitor.engine, monitor.clock, monitor.settings)
            monitor.take(listed(monitor.clock.now()))
        return [str(mail["Message-ID"]) for mail in monitor.mails()]

    with rig() as straight, rig() as broken:
        assert story(straight, None) == story(broken, restart_after)


@hypothesis_settings(max_examples=30)
@given(st.lists(st.sampled_from("LCU"), min_size=1, max_size=25), st.randoms())
def test_a_batch_in_any_order_and_twice_gives_the_same_incidents(answers: list[str], random: object) -> None:
    make = {"L": listed, "C": clean, "U": unknown}
    batch = [make[a](START + timedelta(hours=n)) for n, a in enumerate(answers)]
    shuffled = batch * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def outcome(readings: list[object]) -> list[tuple[str, str, str]]:
        with rig(start=START + timedelta(hours=30)) as monitor:
            monitor.take(*readings)  # type: ignore[arg-type]
            with database.reading(monitor.engine) as session:
                found = incidents.open_incidents(session)
            return [(i.fingerprint, i.severity, i.summary) for i in found]

    assert outcome(list(batch)) == outcome(list(shuffled))
