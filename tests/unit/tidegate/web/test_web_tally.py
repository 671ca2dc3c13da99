"""The fleet's hours between pages: an hour that is over is read once, an open one again, an old one forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session

from core.lease import Scope
from storage import database, scopes
from storage.scopes import ScopeHour
from tidegate.web.tally import KEPT, Tally

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = database.open_database("sqlite://")
    database.upgrade(opened)
    yield opened
    opened.dispose()


def write(engine: Engine, at: datetime, attempted: int, ip: str = "203.0.113.7") -> None:
    hour = ScopeHour(
        Scope(source_ip=ip_address(ip), provider="google"), at, attempted=attempted, delivered=attempted
    )
    with database.session(engine) as session:
        scopes.record_hours(session, [hour])


def read(engine: Engine, tally: Tally, now: datetime) -> None:
    with database.reading(engine) as session:
        tally.catch_up(session, now)


def test_the_tally_is_the_same_as_if_everything_were_read_again(engine: Engine) -> None:
    tally = Tally()
    for back in range(40):
        write(engine, NOON - back * HOUR, back + 1, f"203.0.113.{back % 3}")
    for hours in range(6):
        now = NOON + hours * HOUR
        write(engine, now, 100)
        write(engine, now - HOUR, 150)
        read(engine, tally, now)
        anew = Tally()
        read(engine, anew, now)
        assert tally.by_hour() == anew.by_hour()
        assert tally.attempted(now - 24 * HOUR) == anew.attempted(now - 24 * HOUR)
        assert len(tally.by_hour()) <= KEPT + 1


def test_after_a_pause_nothing_in_between_is_missing(engine: Engine) -> None:
    tally = Tally()
    write(engine, NOON, 1)
    read(engine, tally, NOON)
    for hours in range(1, 9):
        write(engine, NOON + hours * HOUR, hours)
    write(engine, NOON, 7)
    read(engine, tally, NOON + 9 * HOUR)
    assert [counts["attempted"] for _, counts in tally.by_hour()] == [7, 1, 2, 3, 4, 5, 6, 7, 8]


def test_an_hour_that_is_over_is_not_read_again(engine: Engine) -> None:
    asked: list[object] = []

    def note(_session: Session, _cursor: object, statement: str, given: object, *_more: object) -> None:
        asked.extend([given] if "scope_hours" in statement else [])

    tally = Tally()
    write(engine, NOON, 1)
    event.listen(engine, "before_cursor_execute", note)
    for seconds in (0, 5, 10):
        read(engine, tally, NOON + timedelta(seconds=seconds))
    assert [str(given) for given in asked] == [
        "('2026-11-22 10:00:00.000000',)",
        "('2026-11-23 10:00:00.000000',)",
    ]
