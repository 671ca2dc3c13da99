import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.errors import OperatorError
from storage import audit, database, tables

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def entry(at: datetime) -> audit.AuditEntry:
    return audit.AuditEntry(at=at, actor="ops", action="test", subject="nothing")


def test_the_migrated_schema_is_the_schema_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.METADATA) == []


def test_the_partial_unique_index_is_in_the_migrated_schema(engine: Engine) -> None:
    # compare_metadata does not look into the WHERE of an index
    with engine.connect() as connection:
        sql = connection.execute(
            text("select sql from sqlite_master where name = 'ux_incidents_one_open'")
        ).scalar_one()
    assert "UNIQUE" in sql
    assert "state = 'open'" in sql


def test_upgrading_twice_is_upgrading_once(engine: Engine, session: Session) -> None:
    session.commit()
    database.upgrade(engine)
    with database.session(engine) as again:
        assert audit.entries(again) == []


def test_a_file_database_gets_its_directory_and_the_durable_pragmas(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/deep/down/tidegate.db")
    with engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    engine.dispose()
    assert found == ["wal", 2, 1, database.BUSY_TIMEOUT_MS]


def test_an_error_inside_a_session_rolls_everything_back(engine: Engine) -> None:
    def write_and_fail() -> None:
        with database.session(engine) as session:
            audit.append(session, entry(NOON))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    with database.reading(engine) as session:
        assert audit.entries(session) == []


def test_what_is_written_in_a_view_is_not_kept(engine: Engine) -> None:
    with database.reading(engine) as session:
        audit.append(session, entry(NOON))
    with database.reading(engine) as session:
        assert audit.entries(session) == []


def test_timestamps_come_back_aware_in_utc_whatever_zone_they_came_in(session: Session) -> None:
    audit.append(session, entry(NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))))
    session.expire_all()
    (found,) = audit.entries(session)
    assert found.at == NOON
    assert found.at.tzinfo is UTC


def test_a_timestamp_without_a_zone_is_refused(session: Session) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        audit.append(session, entry(NOON.replace(tzinfo=None)))


def test_a_newer_schema_is_an_operators_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    engine = database.open_database(url)
    database.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(OperatorError, match="written by a newer Tidegate"):
        database.upgrade(engine)
    engine.dispose()


def test_a_database_without_tables_says_so(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    with pytest.raises(OperatorError, match="has no tables yet"), database.session(engine) as session:
        session.exec(select(tables.AuditRow)).all()
    engine.dispose()


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("dear diary, " * 100)
    with pytest.raises(OperatorError, match="is not a database"):
        database.open_database(f"sqlite:///{tmp_path}/t.db")


def test_a_url_that_is_none_says_how_to_write_one() -> None:
    with pytest.raises(OperatorError, match="sqlite:///data/tidegate"):
        database.open_database("tidegate.db")


def test_a_directory_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot create the database's directory"):
        database.open_database(f"sqlite:///{tmp_path}/file/below/t.db")


def test_an_unwritable_database_says_so(tmp_path: Path) -> None:
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    readonly = database.open_database(f"sqlite:///file:{tmp_path}/t.db?mode=ro&uri=true")
    with pytest.raises(OperatorError, match="cannot be written"), database.session(readonly) as session:
        audit.append(session, entry(NOON))
    engine.dispose()
    readonly.dispose()


def test_a_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", ("journal_mode=WAL", "busy_timeout=1"))
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperatorError, match="another process holds"), database.session(engine):
        pass
    with database.reading(engine) as session:
        assert audit.entries(session) == []
    other.close()
    engine.dispose()
