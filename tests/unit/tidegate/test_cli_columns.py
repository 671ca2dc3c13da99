"""A person chooses the columns of a table by the names in its heading; scripts get the order they asked for."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.unit.tidegate.carrying import carrying
from tidegate.cli import (
    columns,
    engine_view,
    event_words,
    monitor_view,
    order_view,
    output,
    queue_view,
    run,
    source_view,
    sums_view,
)
from tidegate.cli.columns import Column, Grid, Sheet
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.ordering import address_order, check, counted, pick
from tidegate.client import EngineClient
from tidegate.reference.commands import commands

SHEET = Sheet(
    Column("queue", also=("name",)),
    Column("#rcpt", right=True, spare=True, also=("recipients",)),
    Column("last error"),
    Column("mode", hidden=True),
)
ROWS = [("a.test/news", 12, "421 later", "backoff"), ("b.test/news", 1_240, "", "normal")]
SHEETS = [
    queue_view.SHEET, engine_view.LEASES, engine_view.SETTINGS, order_view.SHEET, monitor_view.IPS,
    monitor_view.INCIDENTS, source_view.SHEET, sums_view.sheet("domain"), sums_view.MESSAGES, sums_view.AUDIT,
    event_words.SHEET,
]  # fmt: skip
SHOWING = sorted(one.name.split()[-1] for one in commands() if one.name.startswith("tidegate show "))
DRAWS_NONE = {"status"}
NEEDS = {"settings": ["a.test/news"]}


def drawn(words: str, rows: Sequence[Sequence[object]] = ROWS) -> list[list[str]]:
    return [line.split() for line in SHEET.draw(rows, SHEET.choose(words)).splitlines()]


def test_columns_come_in_the_order_in_which_they_are_named() -> None:
    assert drawn("mode,queue") == [["mode", "queue"], ["-------", "-----------"],
                                   ["backoff", "a.test/news"], ["normal", "b.test/news"]]  # fmt: skip
    assert drawn("last-error")[2:] == [["421", "later"]]


@pytest.mark.parametrize(
    "words", ["rcpt,queue", "#rcpt,queue", "recipients,name", "RCPT, Queue", "recipients ,name"]
)
def test_a_column_answers_to_its_heading_and_to_its_other_names(words: str) -> None:
    assert SHEET.choose(words) == (1, 0)


@pytest.mark.parametrize("words", ["last-error", "last_error", "Last Error"])
def test_a_heading_of_two_words_has_a_hyphen(words: str) -> None:
    assert SHEET.choose(words) == (2,)


def test_numbers_stay_on_the_right_wherever_they_stand() -> None:
    lines = SHEET.draw(ROWS, SHEET.choose("rcpt,queue")).splitlines()
    assert lines[2:] == ["   12 a.test/news", " 1240 b.test/news"]


def test_hidden_columns_show_only_when_they_are_named() -> None:
    assert "mode" not in SHEET.draw(ROWS).splitlines()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("help", "--columns takes, in any order: queue, rcpt, last-error; shown only when named: mode"),
        ("queue,rctp", "there is no column 'rctp' (did you mean rcpt?); there are queue, rcpt, last-error"),
        ("zebra", "there is no column 'zebra'; there are queue"),
        ("", "there is no column ''"),
        ("queue,", "there is no column ''"),
    ],
)
def test_a_wrong_name_is_told_with_those_that_are_right(words: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        SHEET.choose(words)
    assert said in str(told.value)


def test_a_narrow_terminal_loses_spare_columns_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "width", lambda: 25)
    monkeypatch.setattr(columns.sys.stdout, "isatty", lambda: True)
    text = SHEET.draw(ROWS)
    assert text.splitlines()[0].split() == ["queue", "last", "error"]
    assert text.splitlines()[-1] == "(no room for rcpt; see --columns)"
    assert "rcpt" in SHEET.draw(ROWS, SHEET.choose("rcpt,queue,last-error")).splitlines()[0]
    monkeypatch.setattr(output, "width", lambda: 100)
    assert "no room" not in SHEET.draw(ROWS)


def test_what_goes_into_a_pipe_has_the_same_columns_whatever_they_hold() -> None:
    assert "#rcpt" in SHEET.draw([("q" * 200, 1, "x", "normal")]).splitlines()[0]


def test_the_line_below_stays_with_the_chosen_columns() -> None:
    assert Grid(ROWS, "2 of 9").drawn(SHEET, (0,)).splitlines()[-1] == "2 of 9"
    assert Grid([], "").drawn(SHEET, (0,)).splitlines() == ["queue", "-----"]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.names[0])
def test_no_name_stands_for_two_columns(sheet: Sheet) -> None:
    names = [name for one in sheet.columns for name in (one.name, *one.also)]
    assert len(names) == len(set(names))
    assert all(
        sheet.choose(name) == (n,) for n, one in enumerate(sheet.columns) for name in (one.name, *one.also)
    )


@pytest.mark.parametrize("command", SHOWING)
def test_every_table_tells_its_columns_without_an_engine_or_a_configuration(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["show", command, *NEEDS.get(command, []), "--columns", "help"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert ("this prints none" if command in DRAWS_NONE else "--columns takes, in any order: ") in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "queues", "--columns", "queue", "--json"], "--json has every key: leave one of them out"),
        (["show", "queues", "a.test/news", "--columns=queue"], "--columns is for tables"),
        (["show", "queues", "--columns"], "--columns takes, in any order: queue, rcpt"),
        (["show", "queues", "--columns", "-n", "3"], "--columns takes, in any order: queue, rcpt"),
        (["top", "--columns", "queue"], "--columns is for tidegate show"),
        (["show", "incidents", "--sort=age"], "write opened, severity or ip"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert said in capsys.readouterr().err


def test_show_queues_prints_the_columns_that_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = {"name": "a.test/news", "recipients": 12, "kbytes": 3.5, "connections": 1, "mode": "backoff",
             "paused": True, "next_retry_at": None, "last_error": "421 later"}  # fmt: skip

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"matching": 1, "queues": [queue]})

    monkeypatch.setattr(
        Invocation, "client", lambda _self, _patience=0: EngineClient("127.0.0.1:1", None, carrying(answer))
    )
    assert run(["show", "queues", "--columns", "name,recipients,mode"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[::2]] == [
        ["queue", "#rcpt", "mode"],
        ["a.test/news", "12", "backoff"],
    ]
    assert lines[3] == "1 of 1 matching queues"


def test_a_list_is_ordered_and_cut_and_says_how_many_there_are() -> None:
    sorts = {"as-is": None, "ip": lambda one: address_order(one["ip"])}
    found = {"ips": [{"ip": "203.0.113.10"}, {"ip": "2001:db8::1"}, {"ip": "203.0.113.9"}]}
    document = pick(found, "ips", sorts, "ip", 2)
    assert [one["ip"] for one in document["ips"]] == ["203.0.113.9", "203.0.113.10"]
    assert counted(document, "ips", "IPs") == "2 of 3 IPs"
    assert counted(pick(found, "ips", sorts, "as-is"), "ips", "IPs") == ""
    assert pick(found, "ips", sorts, "as-is")["ips"] == found["ips"]
    with pytest.raises(UsageError, match="write as-is or ip"):
        check("worst", sorts)
