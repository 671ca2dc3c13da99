"""Several processes on one database file: nobody loses a row, nobody claims the other's mail."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import select

from storage import database, outbox, tables

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from core.reading import Reading, Source, Status
from storage import database, readings, scopes

engine = database.open_database(sys.argv[1])
database.upgrade(engine)
for n in range(60):
    at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=n)
    with database.session(engine) as session:
        readings.record(session, Reading(
            ip=ip_address("203.0.113.7"), source=Source.DNSBL, metric=sys.argv[2],
            period_start=at, period_end=at, observed_at=at, status=Status.GOOD))
        scopes.next_number(session, "shared")
"""

CLAIMER = """
import sys
from datetime import UTC, datetime, timedelta
from storage import database, outbox

engine = database.open_database(sys.argv[1])
while True:
    with database.session(engine) as session:
        claimed = outbox.claim(session, datetime(2026, 11, 23, 12, tzinfo=UTC), timedelta(hours=1), limit=3)
    if not claimed:
        break
    for mail in claimed:
        print(mail.idempotency_key)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)


def finish(processes: list[subprocess.Popen[str]]) -> list[list[str]]:
    said = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return said


def test_processes_that_create_and_fill_one_database_at_once_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data/t.db"
    finish([start(WRITER, url, f"zone{n}") for n in range(3)])
    engine = database.open_database(url)
    with database.reading(engine) as session:
        rows = session.exec(select(tables.ReadingRun)).all()
        assert sorted((row.metric, row.count) for row in rows) == [(f"zone{n}", 60) for n in range(3)]
        assert session.get_one(tables.CounterRow, "shared").value == 180
    engine.dispose()


def test_two_senders_never_claim_the_same_mail(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    engine = database.open_database(url)
    database.upgrade(engine)
    with database.session(engine) as session:
        for n in range(50):
            outbox.put(
                session,
                outbox.OutboxMail(
                    idempotency_key=f"m{n}", kind="opened", recipients=("a@example.com",), subject="s",
                    mime=b"", created_at=NOON - timedelta(minutes=1),
                ),
            )  # fmt: skip
    engine.dispose()
    claimed = finish([start(CLAIMER, url), start(CLAIMER, url)])
    assert sorted(claimed[0] + claimed[1]) == sorted(f"m{n}" for n in range(50))


def test_a_reader_sees_one_state_while_another_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    engine = database.open_database(url)
    database.upgrade(engine)
    with database.reading(engine) as reader:
        assert outbox.pending(reader) == []
        with database.session(engine) as writer:
            outbox.put(
                writer,
                outbox.OutboxMail(
                    idempotency_key="m", kind="k", recipients=(), subject="s", mime=b"", created_at=NOON
                ),
            )
        assert outbox.pending(reader) == []
    with database.reading(engine) as reader:
        assert len(outbox.pending(reader)) == 1
    engine.dispose()
