"""Tables and times as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.cli.output import ago, block, read_time, table

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_columns_are_aligned_and_the_last_is_cut_at_a_hundred() -> None:
    text = table(
        ("queue", "#rcpt", "last error"), [("a/b", 1200, "x" * 200), ("example.com/vmta1", 2, "")], right=(1,)
    )
    assert text.splitlines()[0] == "queue             #rcpt last error"
    assert text.splitlines()[2].startswith("a/b                1200 xxx")
    assert text.splitlines()[3] == "example.com/vmta1     2"
    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.splitlines()[2].endswith("…")


def test_wide_characters_take_two_columns() -> None:
    assert table(("a", "b"), [("日本", "x"), ("abcd", "y")]).splitlines()[2:] == ["日本 x", "abcd y"]


def test_a_strangers_text_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in table(("a",), [("\x1b[2Jhello",)])
    assert "\x1b" not in block([("reply", "421 \x1b[31mno\r\nx")])


def test_a_block_cuts_nothing() -> None:
    assert "y" * 400 in block([("reply", "y" * 400)])


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=-90), "in 1m30s"),
        (timedelta(hours=3, minutes=12, seconds=5), "3h12m ago"),
        (timedelta(days=2, hours=5, minutes=3), "2d5h ago"),
    ],
)
def test_ages_have_two_units_at_most(gap: timedelta, said: str) -> None:
    assert ago(NOW - gap, NOW) == said


def test_a_time_that_cannot_be_read_is_none() -> None:
    assert read_time("2026-11-23T08:00:00Z") == NOW
    assert read_time("2026-11-23T08:00:00") == NOW
    assert read_time("soon") is None
    assert read_time(None) is None
    assert ago(None, NOW) == "never"
