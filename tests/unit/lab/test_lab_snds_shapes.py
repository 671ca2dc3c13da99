"""The bodies that the SNDS-like server answers with."""

import csv
from datetime import UTC, date, datetime
from ipaddress import ip_address

import pytest

from lab.snds import (
    FilterResult,
    SndsBook,
    SndsRow,
    SndsStatus,
    activity_period,
    complaint_text,
    data_csv,
    us_time,
)
from lab.snds_faults import SndsBehaviour
from lab.snds_server import SndsServer

DAY = date(2026, 3, 9)
START, END = activity_period(DAY)


def row(last: int = 7, **changes: object) -> SndsRow:
    values: dict[str, object] = {
        "ip": ip_address(f"203.0.113.{last}"),
        "start": START,
        "end": END,
        "rcpt_commands": 911,
        "data_commands": 420,
        "recipients": 905,
    }
    return SndsRow(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def server() -> SndsServer:
    book = SndsBook()
    book.publish(DAY, [row(7), row(8)])
    book.publish(date(2026, 3, 10), [row(7, filter_result=FilterResult.RED)])
    return SndsServer(book, "right")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 9, 8, 0, tzinfo=UTC), "3/9/2026 8:00 AM"),
        (datetime(2026, 12, 31, 0, 5, tzinfo=UTC), "12/31/2026 12:05 AM"),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), "12/31/2026 12:00 PM"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "12/31/2026 11:59 PM"),
    ],
)
def test_times_are_american_and_name_no_zone(moment: datetime, text: str) -> None:
    assert us_time(moment) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "< 0.1%"), (0.0009, "< 0.1%"), (0.007, "0.7%")])
def test_complaints_below_a_tenth_of_a_percent_are_a_bound(share: float, text: str) -> None:
    assert complaint_text(share) == text


@pytest.mark.parametrize(
    ("share", "colour"),
    [
        (0.05, FilterResult.GREEN),
        (0.1, FilterResult.YELLOW),
        (0.9, FilterResult.YELLOW),
        (0.91, FilterResult.RED),
    ],
)
def test_the_colour_is_a_share_of_spam_verdicts(share: float, colour: FilterResult) -> None:
    assert FilterResult.of_spam_share(share) is colour


def test_a_row_has_fourteen_columns_without_header_or_final_newline() -> None:
    body = data_csv([row(trap_hits=6, comments="JMRP1, 3 spam", helo="mx5"), row(8, trap_hits=None)])
    assert not body.endswith("\n")
    assert "\r\n" in body
    lines = list(csv.reader(body.splitlines()))
    assert [len(line) for line in lines] == [14, 14]
    assert lines[0][6:12] == ["GREEN", "< 0.1%", "3/9/2026 8:00 AM", "3/10/2026 8:00 AM", "6", "mx5"]
    assert lines[0][13] == "JMRP1, 3 spam"
    assert lines[1][8:11] == ["", "", ""]


def test_no_date_gives_the_newest_day(server: SndsServer) -> None:
    body = server.answer("/data.aspx?key=right").body
    assert body.count(b"RED") == 1
    assert body.count(b"\r\n") == 0


def test_a_date_and_an_ip_choose_rows(server: SndsServer) -> None:
    body = server.answer("/snds/data.aspx?key=right&date=030926&ip=203.0.113.8").body
    assert body.startswith(b"203.0.113.8,")
    assert server.answer("/data.aspx?key=right&date=290926").status == 400


def test_a_wrong_key_gets_a_sign_in_page_with_status_200(server: SndsServer) -> None:
    for target in ("/data.aspx?key=wrong", "/data.aspx", "/ipStatus.aspx?key=wrong"):
        answer = server.answer(target)
        assert (answer.status, answer.kind.partition(";")[0]) == (200, "text/html")
        assert answer.body.startswith(b"<")


def test_the_status_report_names_ranges(server: SndsServer) -> None:
    blocked = SndsStatus(ip_address("203.0.113.0"), ip_address("203.0.113.31"), True, "Blocked due to x")
    server.book.set_status(blocked)
    body = server.answer("/ipStatus.aspx?key=right").body
    assert body == b"203.0.113.0,203.0.113.31,Yes,Blocked due to x"


@pytest.mark.parametrize(
    ("behaviour", "status", "start"),
    [(SndsBehaviour.SIGN_IN, 200, b"<"), (SndsBehaviour.ERROR, 500, b"<"), (SndsBehaviour.EMPTY, 200, b"")],
)
def test_a_server_can_misbehave(
    server: SndsServer, behaviour: SndsBehaviour, status: int, start: bytes
) -> None:
    server.behaviour = behaviour
    answer = server.answer("/data.aspx?key=right")
    assert answer.status == status
    assert answer.body[:1] == start
