"""Opening the database, bringing its schema up to date, and transactions.

SQLite in WAL mode with synchronous=FULL: a mail row that was committed survives a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous: NORMAL may lose the last commits in WAL mode).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session

from core.errors import OperatorError

BUSY_TIMEOUT_MS = 5_000
_BEGIN = "tidegate_begin"
_MIGRATIONS = Path(__file__).parent / "migrations"
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}")


def open_database(url: str) -> Engine:
    """Open the database at an SQLAlchemy URL, creating the file's directory. Raises OperatorError."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise OperatorError(
            f"{url!r} is not a database URL; write it like sqlite:///data/tidegate.db"
        ) from error
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True)
    if address.database in {None, "", ":memory:"}:
        engine = create_engine(address, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        _make_directory(address)
        engine = create_engine(address)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    with _explained(engine), engine.connect():
        pass
    return engine


def upgrade(engine: Engine) -> None:
    """Bring the schema to this version's. Raises OperatorError when a newer Tidegate wrote the file."""
    with _explained(engine), engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise OperatorError(
                f"the database {engine.url.render_as_string()} was written by a newer Tidegate ({error}); "
                "install that version, or start with another file"
            ) from error


def alembic_config() -> Config:
    """Alembic's configuration, built here so that nobody needs an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """One transaction that writes: commits at the end, rolls back on any error.

    It holds SQLite's write lock from its start, so that what it reads cannot change before it writes.
    Keep it short and never await inside. Raises OperatorError when the database is locked or unwritable.
    """
    with _explained(engine), Session(engine) as opened, opened.begin():
        opened.connection()  # begins now, not at the first statement
        yield opened


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view of the database that neither waits for a writer nor holds one up."""
    viewer = engine.execution_options(**{_BEGIN: "DEFERRED"})
    with _explained(engine), Session(viewer) as opened:
        yield opened
        opened.rollback()


def _make_directory(address: URL) -> None:
    if str(address.database).startswith("file:"):  # SQLite's own URI: its writer knows where it is
        return
    directory = Path(str(address.database)).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"cannot create the database's directory {directory}: {error.strerror}"
        ) from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    # the driver must not open transactions by itself: _begin_sqlite says which kind
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # a deferred transaction that reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT when another
    # wrote in between, whatever the busy timeout; an immediate one waits its turn
    kind = connection.get_execution_options().get(_BEGIN, "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")


_EXPLANATIONS = {
    "database is locked": "another process holds the database {url}; stop it, or wait and try again",
    "readonly database": "the database {url} cannot be written; check owner and mode of file and directory",
    "unable to open": "the database {url} cannot be opened; check the path, its owner and its mode",
    "not a database": "the file at {url} is not a database; name another one",
    "no such table": "the database {url} has no tables yet; run upgrade first",
    "disk is full": "the disk that holds the database {url} is full",
}


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig)
        for symptom, sentence in _EXPLANATIONS.items():
            if symptom in said:
                raise OperatorError(sentence.format(url=engine.url.render_as_string())) from error
        raise
