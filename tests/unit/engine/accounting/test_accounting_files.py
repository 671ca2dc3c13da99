"""Accounting on disk: whole lines, set aside by size and age, never in the way of a delivery."""

import errno
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.errors import OperatorError
from engine.accounting import Accounting
from engine.accounting.rotation import Reason, name_aside, outdated, reason_to_move
from engine.accounting.settings import AccountingFileSettings, AccountingFormat, RecordKind

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def book(clock: ManualClock, path: Path, **more: Any) -> Accounting:
    accounting = Accounting([AccountingFileSettings(path=path, **more)], clock)
    accounting.open()
    return accounting


def deliver(accounting: Accounting, clock: ManualClock, rcpt: str = "a@x.test") -> None:
    accounting.add(
        RecordKind.DELIVERED,
        clock.now(),
        rcpt=rcpt,
        timeQueued=clock.now().timestamp(),
        dlvSourceIp="203.0.113.7",
    )


def recipients(path: Path) -> list[str]:
    return [json.loads(line)["rcpt"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("size", "begun", "now", "reason"),
    [
        (0, NOW - timedelta(days=9), NOW, None),
        (10, NOW - timedelta(hours=1), NOW, None),
        (10, NOW - timedelta(hours=9), NOW, Reason.AGE),
        (5000, NOW, NOW, Reason.SIZE),
    ],
)
def test_a_file_is_set_aside_for_a_reason(
    size: int, begun: datetime, now: datetime, reason: Reason | None
) -> None:
    settings = AccountingFileSettings(path=Path("a.jsonl"), max_size=5000)
    assert reason_to_move(settings, size, begun, now) is reason


def test_the_name_has_the_time_and_is_never_taken_twice() -> None:
    first = name_aside(Path("/x/acct.csv"), NOW, [])
    assert first == Path("/x/acct-20261123T080000Z.csv")
    assert name_aside(Path("/x/acct.csv"), NOW, [first.name]).name == "acct-20261123T080000Z-2.csv"


def test_only_own_files_that_are_old_enough_go() -> None:
    names = ["acct-20261101T000000Z.csv", "acct-20261101T000000Z-2.csv", "acct-20261123T000000Z.csv", "acct.csv",
             "other-20261101T000000Z.csv", "acct-20261101T000000Z.csv.gz"]  # fmt: skip
    gone = [path.name for path in outdated(Path("acct.csv"), names, NOW, timedelta(days=8))]
    assert gone == names[:2]
    assert outdated(Path("acct.csv"), names, NOW, None) == []


async def test_the_day_ends_and_a_new_file_begins(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    accounting = book(clock, tmp_path / "a.jsonl")
    deliver(accounting, clock, "today@x.test")
    await accounting.flush()
    clock.advance(86_400)
    deliver(accounting, clock, "tomorrow@x.test")
    await accounting.flush()
    clock.advance(9 * 86_400)
    await accounting.flush()
    await accounting.close()
    assert recipients(tmp_path / "a-20261203T080000Z.jsonl") == ["tomorrow@x.test"]
    # the first one was older than eight days when the second was set aside
    assert sorted(os.listdir(tmp_path)) == ["a-20261203T080000Z.jsonl", "a.jsonl"]  # noqa: PTH208 - blocks no longer than the rest


async def test_a_csv_file_that_is_set_aside_leaves_one_with_a_header(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    path = tmp_path / "a.csv"
    accounting = book(
        clock, path, format=AccountingFormat.CSV, max_size=4096, records=(RecordKind.DELIVERED,)
    )
    for _ in range(60):
        deliver(accounting, clock)
    await accounting.flush()
    deliver(accounting, clock)
    await accounting.close()
    aside = tmp_path / "a-20261123T080000Z.csv"
    assert aside.read_text().startswith("type,timeLogged,timeQueued")
    assert path.read_text().splitlines()[0] == aside.read_text().splitlines()[0]
    assert (len(aside.read_text().splitlines()), len(path.read_text().splitlines())) == (61, 2)


async def test_a_file_with_other_columns_is_set_aside_at_the_start(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    path = tmp_path / "a.csv"
    path.write_text("type,mine\r\nd,1\r\n")
    accounting = book(clock, path, format=AccountingFormat.CSV)
    await accounting.close()
    assert (tmp_path / "a-20261123T080000Z.csv").read_text().startswith("type,mine")
    assert path.read_text().startswith("type,timeLogged")


async def test_a_line_torn_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    path = tmp_path / "a.jsonl"
    path.write_text('{"type": "deliv')
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    accounting = book(clock, path)
    deliver(accounting, clock)
    await accounting.close()
    torn, whole = path.read_text().splitlines()
    assert torn == '{"type": "deliv'
    assert json.loads(whole)["rcpt"] == "a@x.test"


async def test_a_full_disk_loses_nothing_and_is_told_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(NOW)
    path = tmp_path / "a.jsonl"
    accounting = book(clock, path)
    deliver(accounting, clock, "first@x.test")
    await accounting.flush()
    write = os.write

    def half_then_full(file: int, data: bytes) -> int:
        if len(data) > 60:
            return write(file, data[:60])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full, caplog.at_level(logging.ERROR):
        full.setattr(os, "write", half_then_full)
        for second in range(61):
            deliver(accounting, clock, f"{second}@x.test")
            await accounting.flush()
            clock.advance(1)
    assert accounting.write_errors == 61
    assert "No space left on device" in accounting.problems[0]
    assert len([r for r in caplog.records if r.__dict__["event"] == "accounting.failed"]) == 2
    assert recipients(path) == ["first@x.test"]
    await accounting.flush()
    await accounting.close()
    assert accounting.problems == []
    assert recipients(path) == ["first@x.test", *(f"{second}@x.test" for second in range(61))]


async def test_what_waits_for_a_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.accounting.accounting.MOST_WAITING", 10)
    clock = ManualClock(NOW)
    path = tmp_path / "a.jsonl"
    accounting = book(clock, path)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        for place in range(25):
            deliver(accounting, clock, f"{place}@x.test")
        await accounting.flush()
    await accounting.close()
    assert accounting.dropped == 15
    assert recipients(path) == [f"{place}@x.test" for place in range(15, 25)]


def test_a_file_that_cannot_be_had_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"engine.accounting-files: cannot write .*file/a.jsonl"):
        book(ManualClock(), tmp_path / "file" / "a.jsonl")


async def test_only_the_records_asked_for_are_written(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    accounting = book(clock, tmp_path / "a.jsonl", records=(RecordKind.BOUNCED,))
    deliver(accounting, clock)
    accounting.add(RecordKind.BOUNCED, clock.now(), rcpt="b@x.test")
    await accounting.close()
    assert recipients(tmp_path / "a.jsonl") == ["b@x.test"]
    assert accounting.records[RecordKind.DELIVERED] == 1
