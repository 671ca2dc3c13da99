from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from storage import database


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = database.open_database("sqlite://")
    database.upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with database.session(engine) as opened:
        yield opened
