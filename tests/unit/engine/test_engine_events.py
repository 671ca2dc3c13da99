"""Events are numbered, kept within bounds, and a follower misses none without being told."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from core.address import parse_ip
from core.clock import ManualClock
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from engine.alarm import MOST_PER_SECOND, Alarm
from engine.audit import Audit, Change
from engine.classification import ReplyClass
from engine.events import EventKind, EventLog
from engine.shaping.ramps import Ramps
from engine.spool_watch import SpoolWatch
from engine.statistics import Statistics


def names(log: EventLog, last_id: str | None) -> list[str]:
    return [event.kind for event in log.after(last_id)]


def test_a_client_goes_on_after_the_last_event_it_has() -> None:
    log = EventLog(ManualClock())
    first = log.add("a")
    log.add("b")
    log.add("c")
    assert names(log, first.id) == ["b", "c"]
    assert names(log, log.last_id) == []
    assert names(log, None) == []


def test_whoever_was_away_too_long_is_told_that_something_is_missing() -> None:
    log = EventLog(ManualClock(), kept=3)
    first = log.add("0")
    for number in range(1, 6):
        log.add(str(number))
    assert names(log, first.id) == [EventKind.MISSED, "3", "4", "5"]
    assert len(log) == 3


@pytest.mark.parametrize("stranger", ["", "x", "1.2.3", "19af.0", "-1", "\u0665", f"{'9' * 40}.1"])
def test_an_id_of_another_run_gets_all_that_is_kept(stranger: str) -> None:
    log = EventLog(ManualClock(), kept=3)
    log.add("a")
    assert names(log, stranger)[-1] == "a"


async def test_followers_hear_what_happens_and_end_with_the_engine() -> None:
    log = EventLog(ManualClock())
    heard: list[str] = []

    async def follow() -> None:
        heard.extend([event.kind async for event in log.follow()])

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    log.add("a")
    await asyncio.sleep(0)
    log.add("b")
    log.add("c")
    await asyncio.sleep(0.01)
    log.close()
    await asyncio.wait_for(following, 5)
    assert heard == ["a", "b", "c"]
    assert log.followers == 0


async def test_an_audit_that_cannot_be_written_is_told_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    events = EventLog(clock)
    audit = Audit(tmp_path / "none" / "audit.jsonl", events, clock)
    with caplog.at_level(logging.ERROR):
        await audit.record(Change(actor="ops", action="queue.pause", subject="x/y"))
    assert "cannot be written" in audit.problem
    assert [event.kind for event in events.after("x")][-1] == EventKind.AUDIT


async def test_a_torn_line_hides_no_other_change(tmp_path: Path) -> None:
    clock = ManualClock()
    path = tmp_path / "audit.jsonl"
    path.write_text('{"at": "2026-11-')
    audit = Audit(path, EventLog(clock), clock)
    path.write_text('{"at": "2026-11-\n')
    await audit.record(Change(actor="ops", action="one", subject="x"))
    clock.advance(60)
    await audit.record(Change(actor="ops", action="two", subject="x"))
    assert [entry["action"] for entry in await audit.entries()] == ["two", "one"]
    assert [entry["action"] for entry in await audit.entries(since=clock.now())] == ["two"]
    assert [entry["action"] for entry in await audit.entries(limit=1)] == ["two"]


def test_a_low_disk_is_told_once_each_way(tmp_path: Path) -> None:
    log = EventLog(ManualClock())
    watch = SpoolWatch(tmp_path, lambda: 1000, log)
    for free in (2000, 999, 500, 1050, 1099, 1100, 1000, 999):
        watch.look(free)
    assert [event.kind for event in log.after("x") if event.kind != EventKind.MISSED] == [
        EventKind.SPOOL_LOW,
        EventKind.SPOOL_RECOVERED,
        EventKind.SPOOL_LOW,
    ]


def test_a_lease_that_begins_to_ramp_is_told_once() -> None:
    clock = ManualClock()
    now = clock.now()
    lease = Lease(
        key="k", scope=Scope(source_ip=parse_ip("203.0.113.7")), directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=Rate.parse("10/h"), origin=Origin.CONTROLLER, reason="x", set_by="controller", set_at=now,
        expires_at=now + timedelta(hours=1), base=Rate.parse("1000/h"),
    )  # fmt: skip
    ramps = Ramps()
    assert ramps.begun([lease], now) == []
    assert ramps.begun([lease], now + timedelta(hours=1)) == [lease]
    assert ramps.begun([lease], now + timedelta(hours=2)) == []
    assert ramps.begun([], now + timedelta(hours=3)) == []
    assert ramps.begun([lease], now + timedelta(hours=4)) == [lease]


def test_replies_about_a_source_ip_are_told_from_the_third_on_and_ever_less_often() -> None:
    log, ip = EventLog(ManualClock()), parse_ip("203.0.113.7")
    statistics = Statistics(Alarm(log).heard)
    start = log.add("start").id
    for second in range(10):
        statistics.answered(ip, "yahoo", ReplyClass.BLOCK, "553 BL21", second)
        statistics.answered(ip, "yahoo", ReplyClass.DELIVERED, "250 ok", second)
        statistics.answered(ip, "yahoo", ReplyClass.DEFERRAL, "451 busy", second)
    told = log.after(start)
    assert [event.fields["replies"] for event in told] == [3, 5, 8]
    assert {event.kind for event in told} == {EventKind.REPUTATION}
    assert told[0].fields == {
        "source_ip": "203.0.113.7",
        "provider": "yahoo",
        "replies": 3,
        "reply": "553 BL21",
    }


def test_a_bad_day_of_the_whole_fleet_does_not_drive_other_events_out() -> None:
    log = EventLog(ManualClock())
    alarm, start = Alarm(log), log.add("start").id
    for number in range(1000):
        alarm.heard(parse_ip(f"10.0.{number // 250}.{number % 250}"), "yahoo", 3, "553", 5.0)
    assert len(log.after(start)) == MOST_PER_SECOND
    alarm.heard(parse_ip("10.0.0.1"), "yahoo", 3, "553", 6.0)
    assert len(log.after(start)) == MOST_PER_SECOND + 1
