"""`notify outbox` and `notify retry`: what has not gone out, and another try."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import audit, database, outbox
from storage.outbox import OutboxMail
from tidegate.cli import run

NOW = datetime.now(UTC)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(f"database: sqlite:///{tmp_path}/t.db\n")
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    with database.session(engine) as session:
        for number, channel in enumerate(["", "chat"]):
            mail = OutboxMail(
                idempotency_key=f"k{number}", kind="new", channel=channel, recipients=(channel or "ops@example.com",),
                subject="[Tidegate] INC-1 203.0.113.7 listed", mime=b"", created_at=NOW - timedelta(hours=2),
            )  # fmt: skip
            outbox.put(session, mail)
        first, _ = outbox.claim(session, NOW - timedelta(hours=1), timedelta(minutes=5))
        outbox.mark_dead(session, first, NOW, "550 5.1.1 never \x1b[31m")
    engine.dispose()
    return str(file)


def test_dead_messages_are_shown_first_and_are_exit_code_10(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["notify", "outbox", "-c", config]) == 10
    out = capsys.readouterr().out
    dead, waiting = (line for line in out.splitlines() if "INC-1" in line)
    assert dead.split()[:4] == ["1", "dead", "mail", "ops@example.com"]
    assert "1:  550 5.1.1 never" in out
    assert waiting.split()[:4] == ["2", "due", "chat", "chat"]
    assert "tidegate notify retry" in out
    assert "\x1b" not in out


def test_for_machines_it_is_a_document(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--json", "notify", "outbox", "-c", config])
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "outbox/v1"
    assert [(m["id"], m["state"]) for m in document["messages"]] == [(1, "dead"), (2, "pending")]
    assert "mime" not in document["messages"][0]


def test_a_dead_message_is_tried_again_and_that_is_written_down(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["notify", "retry", "1", "-c", config]) == 0
    assert "is tried again" in capsys.readouterr().out
    assert run(["notify", "outbox", "-c", config]) == 0
    engine = database.open_database(Path(config).read_text().removeprefix("database: ").strip())
    with database.reading(engine) as session:
        [entry] = audit.entries(session)
    engine.dispose()
    assert (entry.action, entry.subject) == ("outbox.retry", "1")
    assert entry.reason == "550 5.1.1 never \x1b[31m"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["2"], 5, "message 2 is pending, not dead"),
        (["77"], 4, "no message 77"),
        ([], 2, "give the numbers"),
        (["1", "--everything"], 2, "give the numbers"),
        (["--everything"], 0, ""),
    ],
)
def test_what_cannot_be_tried_again_is_said(
    config: str, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["notify", "retry", *words, "-c", config]) == code
    assert said in capsys.readouterr().err
