"""`tidegate sources approve`: an order is given where it can help, and refused with the reason where not."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from monitor.health import SourceState
from storage import audit, database, health, orders
from storage.health import SourceHealth
from storage.orders import OrderKind
from tidegate.cli import run
from tidegate.cli.exit_codes import ExitCode

ZEN = "zen.spamhaus.org"
TOO_MANY = "the list newly lists 30 of 40 IPs in one sweep"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump({"database": f"sqlite:///{tmp_path}/t.db", "ip-lists": {"a": ["192.0.2.1"]}})
    )
    return path


def stopped(config: Path, state: SourceState, why: str) -> None:
    engine = database.open_database(f"sqlite:///{config.parent}/t.db")
    database.upgrade(engine)
    with database.session(engine) as session:
        health.save(session, SourceHealth(name=f"dnsbl:{ZEN}", state=state, detail=why))
    engine.dispose()


def approve(config: Path, *words: str) -> int:
    return run(["sources", "approve", *words, "--config", str(config)])


def test_a_list_that_the_fleet_guard_stopped_is_approved(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(config, SourceState.QUARANTINED, TOO_MANY)
    assert approve(config, f"dnsbl:{ZEN}", "--reason", "they told us", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["order"]["subject"] == ZEN
    engine = database.open_database(f"sqlite:///{config.parent}/t.db")
    with database.reading(engine) as session:
        given = orders.standing(session, datetime.now(UTC))
        assert {(order.kind, order.subject) for order in given} == {
            (OrderKind.BELIEVE, ZEN),
            (OrderKind.APPROVE, f"dnsbl:{ZEN}"),
        }, "the controller's guard does not ask once more"
        assert {order.reason for order in given} == {"they told us"}
        assert [entry.subject for entry in audit.entries(session)] == [f"dnsbl:{ZEN}"]
    engine.dispose()


@pytest.mark.parametrize(
    ("state", "why", "words", "code", "said"),
    [
        (SourceState.HEALTHY, "", (ZEN, "--reason", "x"), ExitCode.FAILED, "is not stopped (healthy)"),
        (SourceState.QUARANTINED, TOO_MANY, ("bl.test", "--reason", "x"), ExitCode.NOT_FOUND, "show sources"),
        (
            SourceState.QUARANTINED,
            "the list failed its self-test: lists an address that nobody uses",
            (ZEN, "--reason", "x"),
            ExitCode.FAILED,
            "believed again when it passes its self-test",
        ),
        (SourceState.QUARANTINED, TOO_MANY, (ZEN, "--reason", " "), ExitCode.USAGE, "must say why"),
    ],
)
def test_what_cannot_help_is_refused(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    state: SourceState,
    why: str,
    words: tuple[str, ...],
    code: ExitCode,
    said: str,
) -> None:
    stopped(config, state, why)
    assert approve(config, *words) == code
    assert said in capsys.readouterr().err
