"""`tidegate replay` over records on disk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from core.clock import SystemClock
from core.lease import Scope
from core.reading import Quality, Reading, Source, Status
from storage import database, readings, scopes
from storage.scopes import ScopeHour
from tidegate.cli import run

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IP, OTHER = ip_address("203.0.113.7"), ip_address("203.0.113.8")


@dataclass
class Archive:
    """Records of the last days, and the command line before them."""

    file: str
    engine: Engine
    capsys: pytest.CaptureFixture[str]
    now: datetime

    def hours(self, provider: str, ip: Any = IP, **counts: int) -> None:
        """The same counts in each of the last five days' hours."""
        top = self.now.replace(minute=0, second=0, microsecond=0)
        where = Scope(source_ip=ip, provider=provider)
        rows = [ScopeHour(scope=where, hour=top - n * HOUR, **counts) for n in range(1, 120)]
        with database.session(self.engine) as session:
            scopes.record_hours(session, rows)

    def bad_hour(self, provider: str, hours_ago: int, **counts: int) -> None:
        top = self.now.replace(minute=0, second=0, microsecond=0)
        where = Scope(source_ip=IP, provider=provider)
        with database.session(self.engine) as session:
            scopes.record_hours(session, [ScopeHour(scope=where, hour=top - hours_ago * HOUR, **counts)])

    def listed(self, first: int, last: int) -> None:
        """A list said so between two numbers of hours ago, and clean before and after."""
        with database.session(self.engine) as session:
            for ago in range(110, 0, -1):
                at = self.now - ago * HOUR
                bad = last <= ago <= first
                readings.record(
                    session,
                    Reading(
                        ip=IP, source=Source.DNSBL, metric="zen.test", period_start=at, period_end=at, observed_at=at,
                        status=Status.BAD if bad else Status.GOOD, quality=Quality.OK,
                        detail="127.0.0.2" if bad else "clean", evidence={"tier": 1, "name": "Zen"},
                    ),
                )  # fmt: skip

    def type(self, line: str) -> tuple[int, str, str]:
        code = run([*line.split(), "-c", self.file])
        return code, *self.capsys.readouterr()


@pytest.fixture
def archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Archive]:
    file = tmp_path / "c.yaml"
    file.write_text(
        f"database: sqlite:///{tmp_path}/t.db\nip-lists: {{a: [{IP}, {OTHER}]}}\n"
        "engine: {providers: {microsoft: {mx: ['*.ms.test'], source-ip-max-msg-rate: 1000/h}}}\n"
    )
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    yield Archive(str(file), engine, capsys, SystemClock().now())
    engine.dispose()


def test_an_empty_archive_is_said_to_be_empty(archive: Archive) -> None:
    code, _, err = archive.type("replay")
    assert code == 4
    assert "nothing is recorded since" in err


def test_quiet_days_come_to_nothing(archive: Archive) -> None:
    archive.hours("microsoft", delivered=500)
    code, out, _ = archive.type("replay --since 3d")
    assert code == 0
    assert "Nothing would have been done." in out


def test_bad_replies_would_have_cut_their_scope_and_held_so_much_mail(archive: Archive) -> None:
    archive.hours("microsoft", delivered=500)
    archive.hours("microsoft", ip=OTHER, delivered=500)
    archive.bad_hour("microsoft", 40, delivered=500, bounced=400, blocked=400)
    code, out, _ = archive.type("replay --since 3d --json")
    document: dict[str, Any] = json.loads(out)
    assert (code, document["schema"]) == (0, "replay/v1")
    (one,) = document["scopes"]
    assert (one["source_ip"], one["provider"], one["cuts"], one["lowest"]) == (
        str(IP), "microsoft", 1, "200/h",
    )  # fmt: skip
    assert one["steps"][0]["rule"] == "replies-blocked"
    assert document["held"] == one["held"] > 0
    code, out, _ = archive.type("replay --since 3d")
    assert f"{IP} × microsoft: 1 cut, lowest 200/h, held for " in out
    assert "no limit → 200/h: microsoft blocked 400 of 900 recipients" in out
    assert "1 scope would have been throttled; " in out


def test_a_listing_is_detected_again_from_its_readings(archive: Archive) -> None:
    archive.hours("microsoft", delivered=50)
    archive.listed(100, 60)
    document = json.loads(archive.type("replay --since 5d --json")[1])
    steps = {one["provider"]: one["steps"] for one in document["scopes"]}
    assert steps["microsoft"][0]["rule"] == "dnsbl-listed"
    assert steps["microsoft"][0]["after"] == "100/h"
    assert steps["microsoft"][-1]["after"] is None
    turns = [(one["turn"], one["rule"], one["source_ip"]) for one in document["fired"]]
    assert turns == [("fired", "dnsbl-listed", str(IP)), ("was over", "dnsbl-listed", str(IP))]
    assert "Rules would have fired: dnsbl-listed 1×" in archive.type("replay --since 5d")[1]


def test_counts_fire_as_the_monitor_would_have_told_them(archive: Archive) -> None:
    archive.hours("microsoft", delivered=500)
    archive.bad_hour("microsoft", 40, delivered=500, bounced=400, blocked=400)
    document = json.loads(archive.type("replay --since 3d --json")[1])
    assert ("fired", "blocks") in {(one["turn"], one["rule"]) for one in document["fired"]}
    quiet = json.loads(archive.type("replay --since 30h --json")[1])
    assert "fired" not in {one["turn"] for one in quiet["fired"]}
    assert "No rule would have fired." in archive.type("replay --since 30h")[1]


def test_one_ip_is_looked_at_alone(archive: Archive) -> None:
    archive.hours("microsoft", delivered=500)
    archive.hours("microsoft", ip=OTHER, delivered=500, bounced=400, blocked=400)
    document = json.loads(archive.type(f"replay --since 2d --ip {IP} --json")[1])
    assert document["scopes"] == []
    both = json.loads(archive.type("replay --since 2d --json")[1])
    assert {one["source_ip"] for one in both["scopes"]} == {str(OTHER)}


def test_nothing_is_changed_by_it(archive: Archive) -> None:
    archive.hours("microsoft", delivered=500, bounced=400, blocked=400)
    assert archive.type("replay --since 2d")[0] == 0
    with database.reading(archive.engine) as session:
        assert scopes.load_states(session) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [("replay --since soon", "is not a duration"), ("replay --ip x", "is not an IP address")],
)
def test_what_is_mistyped_is_explained(archive: Archive, line: str, said: str) -> None:
    code, _, err = archive.type(line)
    assert code == 2
    assert said in err
