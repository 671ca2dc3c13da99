"""The ledger adds up what the database would, and reads an hour that is over only once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from core.clock import ManualClock
from core.lease import Scope
from storage import database, scopes
from storage.scopes import ScopeHour
from tidegate.web.ledger import Ledger

START = datetime(2026, 11, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCOPES = [
    Scope(source_ip=ip_address(f"203.0.113.{n}"), provider=p) for n in (7, 8) for p in ("google", "yahoo")
]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Engine]:
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    yield engine
    engine.dispose()


def write(records: Engine, hours: range, many: int) -> None:
    found = [
        ScopeHour(scope, START + n * HOUR, many + n, many, 1, 2, 3, 4, 5, 6)
        for scope in SCOPES
        for n in hours
    ]
    with database.session(records) as session:
        scopes.record_hours(session, found)


def both(records: Engine, ledger: Ledger, end: int) -> tuple[set[ScopeHour], set[ScopeHour]]:
    with database.reading(records) as session:
        until = START + end * HOUR
        return set(ledger.sums(session, START, until)), set(scopes.sums(session, START, until))


def test_hour_after_hour_it_says_what_the_database_says(records: Engine) -> None:
    clock = ManualClock(START + 10 * HOUR)
    ledger = Ledger(clock)
    write(records, range(10), 100)
    for end in (10, 11, 11, 12, 13, 4, 13):
        found, expected = both(records, ledger, end)
        assert found == expected
        assert len(found) == len(SCOPES)
        write(records, range(end, end + 2), 70)
        clock.advance(1800)


def test_an_hour_that_is_hardly_over_may_still_grow(records: Engine) -> None:
    clock = ManualClock(START + 5 * HOUR)
    ledger = Ledger(clock)
    write(records, range(5), 10)
    before, _ = both(records, ledger, 5)
    write(records, range(4, 5), 90)
    assert both(records, ledger, 5)[0] == before
    clock.advance(10)
    found, expected = both(records, ledger, 5)
    assert found == expected != before


def test_what_is_over_is_not_read_again(records: Engine) -> None:
    clock = ManualClock(START + 200 * HOUR)
    ledger = Ledger(clock)
    write(records, range(168), 10)
    both(records, ledger, 168)
    asked: list[str] = []
    event.listen(records, "before_cursor_execute", lambda *told: asked.append(told[2]))
    with database.reading(records) as session:
        ledger.sums(session, START, START + 168 * HOUR)
    assert [text for text in asked if "scope_hours" in text] == []


def test_a_week_and_a_part_of_it_are_kept_beside_each_other(records: Engine) -> None:
    ledger = Ledger(ManualClock(START + 400 * HOUR))
    write(records, range(168), 10)
    both(records, ledger, 168)
    both(records, ledger, 100)
    asked: list[str] = []
    event.listen(records, "before_cursor_execute", lambda *told: asked.append(told[2]))
    with database.reading(records) as session:
        for end in (168, 100, 168):
            ledger.sums(session, START, START + end * HOUR)
    assert [text for text in asked if "scope_hours" in text] == []


def test_weeks_that_nobody_looks_at_any_more_are_forgotten(records: Engine) -> None:
    clock = ManualClock(START + 5_000 * HOUR)
    ledger = Ledger(clock)
    write(records, range(3), 10)
    with database.reading(records) as session:
        for week in range(40):
            ledger.sums(session, START + week * 168 * HOUR, START + (week + 1) * 168 * HOUR)
        asked: list[str] = []
        event.listen(records, "before_cursor_execute", lambda *told: asked.append(told[2]))
        assert len(ledger.sums(session, START, START + 168 * HOUR)) == len(SCOPES)
    assert len([text for text in asked if "scope_hours" in text]) == 1
