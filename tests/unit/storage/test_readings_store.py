from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import StatementError
from sqlmodel import Session, select

from core.reading import Quality, Reading, Source, Status
from storage import database, readings, runs, tables
from storage.readings import Recorded

IP = ip_address("203.0.113.7")
DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=UTC)
STATUSES = {"G": Status.GOOD, "W": Status.WARN, "B": Status.BAD, "U": Status.UNKNOWN}


def day(number: int, status: str, *, seen: float = 1.0, metric: str = "filter-result") -> Reading:
    """SNDS's answer for a day, seen `seen` days after it began."""
    begin = START + number * DAY
    return Reading(
        ip=IP, source=Source.SNDS_DATA, metric=metric, period_start=begin, period_end=begin + DAY,
        observed_at=begin + seen * DAY, status=STATUSES[status],
        quality=Quality.NO_DATA if status == "U" else Quality.OK, evidence={"day": number},
    )  # fmt: skip


def story(session: Session, limit: int = readings.KEPT) -> str:
    """The history as `0G 1G 2B`."""
    letters = {status: letter for letter, status in STATUSES.items()}
    found = readings.history(session, IP, Source.SNDS_DATA, "filter-result", limit)
    return " ".join(f"{(r.period_start - START) // DAY}{letters[r.status]}" for r in found)


def rows(session: Session) -> list[tuple[int, int]]:
    """(count, polls) of each run, oldest first."""
    found = session.exec(select(tables.ReadingRun)).all()
    return [(row.count, row.polls) for row in sorted(found, key=lambda row: row.last_period)]


def record(session: Session, *given_: Reading) -> list[Recorded]:
    return [readings.record(session, reading) for reading in given_]


def test_equal_consecutive_readings_are_one_row(session: Session) -> None:
    made = record(session, day(0, "G"), day(1, "G"), day(2, "G"), day(3, "B"), day(4, "G"))
    assert made == [
        Recorded.NEW_RUN, Recorded.EXTENDED, Recorded.EXTENDED, Recorded.NEW_RUN, Recorded.NEW_RUN,
    ]  # fmt: skip
    assert rows(session) == [(3, 3), (1, 1), (1, 1)]
    assert story(session) == "0G 1G 2G 3B 4G"


def test_the_same_period_again_counts_as_a_poll_only(session: Session) -> None:
    made = record(session, day(0, "G"), day(0, "G", seen=1.5), day(0, "G", seen=1.5))
    assert made == [Recorded.NEW_RUN, Recorded.REPEATED, Recorded.REPEATED]
    assert rows(session) == [(1, 2)]
    assert readings.latest(session)[0].observed_at == START + 1.5 * DAY


def test_a_revision_replaces_and_joins_what_it_no_longer_parts(session: Session) -> None:
    record(session, day(0, "G"), day(1, "B"), day(2, "G"))
    assert record(session, day(1, "G", seen=3)) == [Recorded.REVISED]
    assert story(session) == "0G 1G 2G"
    assert len(rows(session)) == 1


def test_an_older_answer_for_a_revised_period_changes_nothing(session: Session) -> None:
    record(session, day(0, "G"), day(1, "B", seen=3))
    assert record(session, day(1, "G", seen=2)) == [Recorded.SUPERSEDED]
    assert story(session) == "0G 1B"


def test_of_two_answers_at_one_moment_the_worse_stays(session: Session) -> None:
    assert record(session, day(0, "B"), day(0, "G")) == [Recorded.NEW_RUN, Recorded.SUPERSEDED]
    assert story(session) == "0B"


def test_a_later_refusal_does_not_take_back_what_was_said(session: Session) -> None:
    record(session, day(0, "G"), day(1, "B"))
    assert record(session, day(1, "U", seen=3)) == [Recorded.SUPERSEDED]
    assert story(session) == "0G 1B"


def test_an_answer_replaces_an_earlier_refusal_and_a_later_one(session: Session) -> None:
    record(session, day(0, "U", seen=1), day(1, "U", seen=3))
    assert record(session, day(0, "W", seen=2), day(1, "W", seen=2)) == [Recorded.REVISED] * 2
    assert story(session) == "0W 1W"


def test_late_data_goes_to_its_place_and_splits_a_run(session: Session) -> None:
    record(session, day(0, "G"), day(1, "G"), day(3, "G"), day(4, "G"))
    assert record(session, day(2, "B", seen=9)) == [Recorded.NEW_RUN]
    assert story(session) == "0G 1G 2B 3G 4G"
    assert [count for count, _ in rows(session)] == [2, 1, 2]


def test_late_data_that_agrees_counts(session: Session) -> None:
    record(session, day(0, "G"), day(2, "G"))
    assert record(session, day(1, "G", seen=9)) == [Recorded.EXTENDED]
    assert rows(session) == [(3, 3)]


def test_a_long_run_counts_right_though_it_keeps_few_periods(session: Session) -> None:
    record(session, *(day(n, "G") for n in range(200)), day(200, "B"))
    assert [count for count, _ in rows(session)] == [200, 1]
    found = readings.history(session, IP, Source.SNDS_DATA, "filter-result", limit=1000)
    assert len(found) == 201
    assert found[0].period_end == START + DAY
    assert [r.period_end for r in found] == sorted(r.period_end for r in found)
    assert story(session, 3) == "198G 199G 200B"


def test_what_is_too_old_to_be_placed_is_ignored(session: Session) -> None:
    record(session, *(day(n, "G") for n in range(200)))
    assert record(session, day(5, "B", seen=300), day(6, "G", seen=300)) == [
        Recorded.TOO_LATE,
        Recorded.REPEATED,
    ]
    assert rows(session) == [(200, 200)]


def test_the_newest_of_every_series_is_found(session: Session) -> None:
    record(
        session, day(0, "G"), day(1, "B"), day(1, "G", metric="trap-hits"), day(0, "G", metric="trap-hits")
    )
    other = day(7, "W").model_copy(update={"ip": ip_address("2001:db8::7")})
    record(session, other)
    assert [(str(r.ip), r.metric, r.status) for r in readings.latest(session)] == [
        ("2001:db8::7", "filter-result", Status.WARN),
        ("203.0.113.7", "filter-result", Status.BAD),
        ("203.0.113.7", "trap-hits", Status.GOOD),
    ]
    assert len(readings.latest_for(session, IP)) == 2


def test_a_reading_comes_back_as_it_went_in(session: Session) -> None:
    given_ = day(0, "W").model_copy(update={"value": 0.25, "detail": "YELLOW", "evidence": {"at": START}})
    record(session, given_)
    session.expire_all()
    (found,) = readings.latest(session)
    assert found.model_copy(update={"evidence": {}}) == given_.model_copy(update={"evidence": {}})
    assert found.evidence == {"at": "2026-11-01T00:00:00Z"}


arrivals = st.lists(
    st.builds(
        day,
        st.integers(0, 11),
        st.sampled_from("GWBU"),
        seen=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    ),
    max_size=30,
)


def naive(given_: list[Reading]) -> str:
    """One answer for each day: the one seen last, the worse of two seen at once; unknown for want of others."""
    best: dict[int, Reading] = {}
    for reading in given_:
        number = (reading.period_start - START) // DAY
        known = best.get(number)
        if known is None or _later(reading) > _later(known):
            best[number] = reading
    letters = {status: letter for letter, status in STATUSES.items()}
    return " ".join(f"{number}{letters[best[number].status]}" for number in sorted(best))


def _later(reading: Reading) -> tuple[bool, datetime, int]:
    known = reading.status is not Status.UNKNOWN
    return (known, reading.observed_at, list(Status).index(reading.status))


@settings(max_examples=150, deadline=None)
@given(arrivals, st.randoms(use_true_random=False), st.integers(1, 2))
def test_history_does_not_depend_on_order_of_arrival_or_on_replays(
    given_: list[Reading], chance: Random, copies: int
) -> None:
    engine = database.open_database("sqlite://")
    tables.METADATA.create_all(engine)
    arrived = given_ * copies
    chance.shuffle(arrived)
    with database.session(engine) as session:
        for reading in arrived:
            readings.record(session, reading)
        assert story(session) == naive(given_)
        stored = session.exec(select(tables.ReadingRun).order_by(tables.ReadingRun.last_period)).all()
        assert runs.in_order([readings._run(row) for row in stored])
    engine.dispose()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from("GGGGGGB")), max_size=160),
    st.randoms(use_true_random=False),
)
def test_the_newest_kept_readings_are_exact_however_long_the_history(
    given_: list[tuple[int, str]], chance: Random
) -> None:
    base = [day(n, "G") for n in range(121)]
    arrived = base + [day(n, letter, seen=2) for n, letter in given_]
    chance.shuffle(arrived)
    found: list[runs.Run] = []
    for reading in arrived:
        _, found = runs.insert(found, reading)
    ends = [(p.end, run.answer.status) for run in found for p in runs.expand(run)][-runs.KEPT :]
    truth = naive(arrived).split()[-runs.KEPT :]
    letters = {status: letter for letter, status in STATUSES.items()}
    assert [f"{(end - START) // DAY - 1}{letters[status]}" for end, status in ends] == truth


def test_periods_survive_packing() -> None:
    periods = (
        runs.Period(START + timedelta(microseconds=1), START, START + DAY),
        runs.Period(START + DAY, START, START + 2 * DAY),
    )
    assert runs.unpack(runs.pack(periods)) == periods


def test_a_reading_without_a_zone_is_refused(engine: Engine) -> None:
    zoneless = day(0, "G").model_copy(update={"period_end": datetime(2026, 11, 1)})
    with database.session(engine) as session, pytest.raises(StatementError, match="has no time zone"):
        readings.record(session, zoneless)
