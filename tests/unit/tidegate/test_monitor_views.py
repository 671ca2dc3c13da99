"""`show sources` and `show ips`: how sources are doing and why, and what replies and alerts say about an IP."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from core.clock import SystemClock
from core.reading import Reading, Source, Status
from monitor.health import OutcomeKind, SourceHealth, SourceOutcome, after, to_row
from storage import database, health, readings
from tests.unit.monitor.watching import IP
from tidegate.cli import run

GOOD, BAD, LIAR = OutcomeKind.ANSWERED, OutcomeKind.FAILED, OutcomeKind.UNTRUSTED


def now() -> datetime:
    return SystemClock().now()


def lived(name: str, *kinds: OutcomeKind, ended: float = 5) -> SourceHealth:
    """A source that was asked by the hour, last so many hours ago (and some seconds, so that none tips over)."""
    known, newest = SourceHealth(name=name), now() - timedelta(hours=ended, seconds=15)
    for place, kind in enumerate(reversed(range(len(kinds)))):
        at = newest - timedelta(hours=kind)
        known, _ = after(known, SourceOutcome(name, kinds[place], f"{name} is odd"), at)
    return known


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(f"database: sqlite:///{tmp_path}/t.db\nip-lists: {{main: [203.0.113.7]}}\n")
    return file


def keep(config: Path, *sources: SourceHealth, heard: tuple[Reading, ...] = ()) -> None:
    engine = database.open_database(f"sqlite:///{config.parent}/t.db")
    database.upgrade(engine)
    with database.session(engine) as session:
        _write(session, sources, heard)
    engine.dispose()


def _write(session: Session, sources: tuple[SourceHealth, ...], heard: tuple[Reading, ...]) -> None:
    for source in sources:
        health.save(session, to_row(source))
    for reading in heard:
        readings.record(session, reading)


def show(config: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["show", *words, "--config", str(config), "--endpoint", "http://127.0.0.1:1"]) == 0
    return capsys.readouterr().out


def test_the_worst_source_stands_first_with_its_last_good_answer_error_share_and_why(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(
        config,
        lived("dnsbl:a.example", *[GOOD] * 8, BAD, BAD),
        lived("dnsbl:b.example", GOOD, *[BAD] * 3),
        lived("dnsbl:c.example", *[GOOD] * 3, LIAR),
        lived("snds:main", *[GOOD] * 4),
    )
    lines = show(config, capsys, "sources").splitlines()
    assert [line.split() for line in lines[2:6]] == [
        ["dnsbl:c.example", "quarantined", "5h", "6h", "ago", "25%", "of", "4"],
        ["dnsbl:b.example", "blind", "5h", "8h", "ago", "75%", "of", "4"],
        ["dnsbl:a.example", "failing", "6h", "7h", "ago", "20%", "of", "10"],
        ["snds:main", "healthy", "8h", "5h", "ago", "0%", "of", "4"],
    ]
    assert "dnsbl:c.example  dnsbl:c.example is odd" in lines
    assert "What a blind or quarantined source held down stays down until it answers again." in lines


def test_a_source_that_was_taken_out_is_not_called_blind(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(config, lived("dnsbl:a.example", GOOD), lived("dnsbl:old.example", BAD, ended=220))
    text = show(config, capsys, "sources")
    assert "not asked any more" in text
    assert "old.example is odd" not in text


def test_a_watch_that_stands_still_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(config, lived("dnsbl:a.example", GOOD, ended=9))
    assert "Nothing was asked for 9h: is `tidegate run`" in show(config, capsys, "sources")


def test_sources_as_json_carry_the_share_and_whether_they_are_believed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(config, lived("dnsbl:a.example", GOOD, LIAR))
    (source,) = json.loads(show(config, capsys, "sources", "--json"))["sources"]
    assert (source["error_share"], source["attempts"], source["can_be_trusted"]) == (0.5, 2, False)
    assert (source["state"], source["reason"]) == ("quarantined", "dnsbl:a.example is odd")


def told(source: Source, metric: str, at: datetime, status: Status, value: float, detail: str) -> Reading:
    return Reading(
        ip=IP, source=source, metric=metric, period_start=at, period_end=at, observed_at=at, status=status,
        value=value, detail=detail, evidence={"sender": "hetrix", "until": at.isoformat()},
    )  # fmt: skip


def test_an_ip_shows_the_worst_that_was_replied_and_what_others_say(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(
        config,
        heard=(
            told(Source.REPLIES, "google:blocks", now(), Status.GOOD, 0, "none"),
            told(Source.REPLIES, "microsoft:blocks", now(), Status.WARN, 0.05, "5 of 100 recipients"),
            told(
                Source.REPLIES, "yahoo:reputation-deferrals", now(), Status.BAD, 0.4, "40 of 100 recipients"
            ),
            told(Source.ALERT, "hetrix:blacklists", now(), Status.WARN, 1, "listed on 1: bl.example"),
        ),
    )
    text = show(config, capsys, "ips")
    assert "yahoo: 40 % reputation deferrals" in text
    assert "203.0.113.7  hetrix says: listed on 1: bl.example" in text
