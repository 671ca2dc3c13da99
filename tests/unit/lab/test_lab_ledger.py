"""Questions on the providers' log."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import NANOSECONDS
from lab.judge import Stage
from lab.ledger import (
    Entry,
    Ledger,
    SlidingCount,
    acceptance,
    attempts,
    duplicated,
    missing,
    most_by_address,
    most_in_any_window,
    per_hour,
    per_minute,
)

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def entry(  # what happened `second` seconds after the start
    second: float,
    stage: Stage = Stage.RCPT,
    reply: str = "250 2.1.5 OK",
    address: str = "203.0.113.7",
    message: str = "",
    recipient: str = "ada@geemail.test",
) -> Entry:
    return Entry(
        at=START + timedelta(seconds=second),
        monotonic_ns=round(second * NANOSECONDS),
        provider="google",
        peer="127.0.1.7",
        address=address,
        stage=stage,
        domain="geemail.test",
        recipient=recipient,
        reply=reply,
        message=message,
    )


def test_the_fullest_window_may_lie_across_clock_minutes() -> None:
    burst = [entry(50 + n) for n in range(20)]
    assert max(per_minute(burst).values()) == 10
    assert most_in_any_window(burst, MINUTE) == 20


def test_a_window_excludes_its_end() -> None:
    assert most_in_any_window([entry(0), entry(60)], MINUTE) == 1
    assert most_in_any_window([entry(0), entry(59.999)], MINUTE) == 2


def test_no_attempts_fill_no_window() -> None:
    assert most_in_any_window([], MINUTE) == 0


@given(st.lists(st.integers(0, 300), max_size=60))
def test_the_fullest_window_is_what_a_slow_count_finds(seconds: list[int]) -> None:
    slow = max((sum(s <= t < s + 60 for t in seconds) for s in seconds), default=0)
    assert most_in_any_window([entry(s) for s in seconds], MINUTE) == slow


def test_addresses_are_counted_apart() -> None:
    log = [entry(1), entry(2), entry(3, address="203.0.113.8")]
    assert most_by_address(log, MINUTE) == {"203.0.113.7": 2, "203.0.113.8": 1}


def test_a_refused_mail_is_an_attempt_and_the_end_of_data_is_none() -> None:
    log = [entry(1, Stage.MAIL, "421 4.7.0 no"), entry(2), entry(2, Stage.DATA, message="lab-1")]
    assert [e.stage for e in attempts(log)] == [Stage.MAIL, Stage.RCPT]
    assert acceptance(log) == 0.5


def test_nothing_attempted_has_no_acceptance() -> None:
    assert acceptance([]) is None


def test_a_rate_counts_what_lies_between_two_moments() -> None:
    log = [entry(second) for second in range(0, 3600, 60)]
    assert per_hour(log, START, START + timedelta(minutes=30)) == 60
    with pytest.raises(ValueError, match="start must be before end"):
        per_hour(log, START, START)


def test_losses_and_duplicates_are_found_by_message_and_recipient() -> None:
    log = [
        entry(1, Stage.DATA, message="lab-1"),
        entry(2, Stage.DATA, message="lab-1"),
        entry(3, Stage.DATA, "451 later", message="lab-2"),
    ]
    promised = {("lab-1", "ada@geemail.test"), ("lab-2", "ada@geemail.test")}
    assert missing(log, promised) == {("lab-2", "ada@geemail.test")}
    assert duplicated(log) == {("lab-1", "ada@geemail.test"): 2}


def test_a_ledger_with_a_file_keeps_a_json_line_for_each_entry(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(entry(1))
    ledger.append(entry(2))
    ledger.close()
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["stage"] for line in lines] == ["rcpt", "rcpt"]
    assert ledger.since(START + timedelta(seconds=2)) == [entry(2)]


def test_a_sliding_count_forgets_what_is_older_than_its_window() -> None:
    count = SlidingCount(timedelta(hours=1))
    for minute in (0, 30, 59):
        count.add(START + timedelta(minutes=minute))
    assert count.at(START + timedelta(minutes=59)) == 3
    assert count.at(START + timedelta(minutes=61)) == 2
