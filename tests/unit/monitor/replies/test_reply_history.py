"""What mail servers reply becomes readings: an hour is a period, and what is the same is not said again."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.reading import Quality, Reading, Source, Status
from core.statistics import ScopeMinute
from monitor.replies.hours import Count, ReplyHistory
from monitor.replies.settings import ReplySettings
from storage import database, readings

EIGHT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
IP = ip_address("203.0.113.7")


def minute(at: datetime = EIGHT, provider: str = "microsoft", **counts: Any) -> ScopeMinute:
    return ScopeMinute(source_ip=IP, provider=provider, minute=at, **counts)


def by_metric(found: list[Reading]) -> dict[str, Reading]:
    return {reading.metric: reading for reading in found}


def test_an_hour_that_is_over_is_told_for_each_count() -> None:
    minutes = [
        minute(delivered=80, deferred=16, reputation_deferred=16, last_reply="421 RP-001"),
        minute(EIGHT + MINUTE, delivered=104, complaints=1),
        minute(provider="google", delivered=5),
    ]
    found = by_metric(ReplyHistory(ReplySettings()).readings(minutes, EIGHT + HOUR))
    assert sorted(found) == sorted(f"{p}:{c}" for p in ("google", "microsoft") for c in Count)
    deferrals = found["microsoft:reputation-deferrals"]
    assert (deferrals.source, deferrals.status) == (Source.REPLIES, Status.WARN)
    assert (deferrals.period_start, deferrals.period_end) == (EIGHT, EIGHT + HOUR)
    assert (deferrals.value, deferrals.detail) == (0.08, "16 of 200 recipients")
    assert deferrals.evidence == {"events": 16, "trials": 200, "last_reply": "421 RP-001"}
    assert found["microsoft:complaints"].evidence == {"events": 1, "trials": 184}
    assert (found["google:blocks"].status, found["google:blocks"].detail) == (Status.GOOD, "none")


def test_one_lonely_event_is_no_trouble() -> None:
    found = by_metric(
        ReplyHistory(ReplySettings()).readings([minute(delivered=9, blocked=1, bounced=1)], EIGHT + HOUR)
    )
    assert found["microsoft:blocks"].status is Status.WARN  # 10 % seen, 1.8 % sure
    assert found["microsoft:blocks"].value == 0.1
    quiet = [minute(delivered=999, deferred=1, reputation_deferred=1)]
    assert (
        by_metric(ReplyHistory(ReplySettings()).readings(quiet, EIGHT + HOUR))[
            "microsoft:reputation-deferrals"
        ].status
        is Status.GOOD
    )


def test_an_hour_that_is_not_over_tells_trouble_alone_and_not_every_minute() -> None:
    history = ReplyHistory(ReplySettings())
    assert history.readings([minute(delivered=50)], EIGHT + 10 * MINUTE) == []
    worse = [minute(delivered=50, bounced=9, blocked=9)]
    assert [r.metric for r in history.readings(worse, EIGHT + 11 * MINUTE)] == ["microsoft:blocks"]
    still = [*worse, minute(EIGHT + MINUTE, bounced=1, blocked=1)]
    assert history.readings(still, EIGHT + 12 * MINUTE) == []
    assert [r.detail for r in history.readings(still, EIGHT + 16 * MINUTE)] == ["10 of 60 recipients"]


def test_what_is_the_same_is_not_said_again_and_a_late_complaint_is() -> None:
    history = ReplyHistory(ReplySettings())
    first = [minute(delivered=100)]
    assert len(history.readings(first, EIGHT + HOUR)) == len(Count)
    assert history.readings(first, EIGHT + HOUR + MINUTE) == []
    (late,) = history.readings([minute(delivered=100, complaints=2)], EIGHT + 20 * HOUR)
    assert (late.metric, late.period_start, late.observed_at) == (
        "microsoft:complaints", EIGHT, EIGHT + 20 * HOUR,
    )  # fmt: skip


def test_hours_without_mail_say_nothing_and_a_day_of_them_says_that_nothing_is_known() -> None:
    history = ReplyHistory(ReplySettings())
    history.readings([minute(delivered=1, bounced=9, blocked=9)], EIGHT + HOUR)
    assert history.readings([minute(EIGHT + HOUR, attempted=5)], EIGHT + 2 * HOUR) == []
    assert history.readings([], EIGHT + 24 * HOUR) == []
    silent = history.readings([], EIGHT + 25 * HOUR)
    assert {(r.status, r.quality) for r in silent} == {(Status.UNKNOWN, Quality.NO_DATA)}
    assert len(silent) == len(Count)
    assert history.readings([], EIGHT + 26 * HOUR) == []


def test_a_restart_remembers_who_fell_silent() -> None:
    told = ReplyHistory(ReplySettings()).readings([minute(delivered=1)], EIGHT + HOUR)
    again = ReplyHistory(ReplySettings())
    again.remember(told)
    assert len(again.readings([], EIGHT + 30 * HOUR)) == len(Count)


def test_quiet_hours_are_one_row_and_the_numbers_of_an_hour_are_replaced() -> None:
    engine = database.open_database("sqlite://")
    database.upgrade(engine)
    history = ReplyHistory(ReplySettings())
    with database.session(engine) as session:
        for n in range(48):
            at = EIGHT + n * HOUR
            for reading in history.readings([minute(at, delivered=100 + n)], at + HOUR):
                readings.record(session, reading)
        last = EIGHT + 47 * HOUR
        for reading in history.readings([minute(last, delivered=147, complaints=9)], last + 2 * HOUR):
            readings.record(session, reading)
        kept = readings.history(session, IP, Source.REPLIES, "microsoft:complaints")
        rows = session.connection().exec_driver_sql("select count(*) from reading_runs").scalar_one()
    engine.dispose()
    assert [r.detail for r in kept] == ["none"] * 47 + ["9 of 147 recipients"]
    assert rows == len(Count) + 1


COUNTS = st.integers(0, 50)


@given(st.lists(st.tuples(st.integers(0, 300), COUNTS, COUNTS, COUNTS), max_size=30), st.integers(1, 12))
def test_however_often_it_looks_the_last_word_on_each_hour_is_the_whole_hour(
    events: list[tuple[int, int, int, int]], looks: int
) -> None:
    history, told, seen = ReplyHistory(ReplySettings()), {}, {}
    for n in range(looks + 1):
        now = EIGHT + 6 * HOUR * (n + 1) / (looks + 1) if n < looks else EIGHT + 8 * HOUR
        for offset, delivered, deferred, complaints in events:
            at = EIGHT + offset * MINUTE
            if at <= now:
                seen[at] = minute(
                    at,
                    delivered=delivered,
                    deferred=deferred,
                    reputation_deferred=deferred,
                    complaints=complaints,
                )
        for reading in history.readings(seen.values(), now):
            told[reading.metric, reading.period_start] = reading.evidence["events"]
    for (metric, begin), told_events in told.items():
        of_hour = [m for m in seen.values() if begin <= m.minute < begin + HOUR]
        wanted = {"microsoft:reputation-deferrals": sum(m.reputation_deferred for m in of_hour),
                  "microsoft:complaints": sum(m.complaints for m in of_hour)}  # fmt: skip
        assert told_events == wanted.get(metric, 0)
