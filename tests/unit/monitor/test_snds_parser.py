"""Every shape that SNDS has answered in, and everything that must not pass for data."""

import contextlib
import json
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import SignalError
from monitor.collectors.snds_parser import (
    ComplaintRate,
    DataRow,
    FilterResult,
    StatusRange,
    parse_data,
    parse_status,
)

GREEN = (
    "203.0.113.24,3/9/2026 8:00 AM,3/10/2026 8:00 AM,18250,18001,18240,GREEN,< 0.1%,,,0,"
    "mx4.mail.example,news@mail.example,"
)
RED = (
    "203.0.113.25,3/9/2026 9:00 PM,3/10/2026 3:00 AM,911,420,905,RED,0.7%,3/9/2026 11:40 PM,"
    '3/10/2026 1:15 AM,6,mx5.mail.example,offers@mail.example,"JMRP1, 3 spam"'
)
SINCE_2026 = "203.0.113.26,9/14/2026 8:00 AM,9/15/2026 8:00 AM,640,611,640,YELLOW,0.2%,,,,,@mail.example,"
BLOCKED = "203.0.113.0,203.0.113.31,Yes,Blocked due to user complaints or other evidence of spamming"
JUNKED = "203.0.113.40,203.0.113.40,No,Junked due to user complaints or other evidence of spamming"
HEADER = (
    "Ip Address,Activity period,RCPT commands,DATA commands,Message recipients,Filter result,"
    "Complaint rate,Trap message period,Trap hits,JMR P1 Sender,Comments"
)


def one(line: str) -> DataRow:
    (row,) = parse_data(line.encode())
    return row


def test_a_row_of_fourteen_columns() -> None:
    assert one(RED) == DataRow(
        ip=IPv4Address("203.0.113.25"),
        activity_start="3/9/2026 9:00 PM",
        activity_end="3/10/2026 3:00 AM",
        rcpt_commands=911,
        data_commands=420,
        message_recipients=905,
        filter_result=FilterResult.RED,
        complaint_rate=ComplaintRate(0.7 / 100),
        trap_start="3/9/2026 11:40 PM",
        trap_end="3/10/2026 1:15 AM",
        trap_hits=6,
        sample_helo="mx5.mail.example",
        sample_mail_from="offers@mail.example",
        comments="JMRP1, 3 spam",
    )


def test_blank_is_not_known_and_zero_is_zero() -> None:
    assert one(SINCE_2026).trap_hits is None
    assert one(SINCE_2026).sample_helo is None
    assert one(GREEN).trap_hits == 0


@pytest.mark.parametrize(
    ("text", "share", "operator"),
    [
        ("< 0.1%", 0.001, "<"),
        ("<0.1%", 0.001, "<"),
        ("0.2%", 0.002, ""),
        ("0.2 %", 0.002, ""),
        ("12%", 0.12, ""),
        ('"0,7%"', 0.007, ""),
        ('"< 0,1%"', 0.001, "<"),
    ],
)
def test_complaint_rates_in_every_spelling(text: str, share: float, operator: str) -> None:
    rate = one(GREEN.replace("< 0.1%", text)).complaint_rate
    assert rate is not None
    assert rate.share == pytest.approx(share)
    assert rate.operator == operator


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", ["", "\r\n", "\r\n\r\n"])
def test_line_ends_and_byte_order_marks_change_nothing(ending: str, bom: bytes, last: str) -> None:
    body = bom + (ending.join([GREEN, RED, SINCE_2026]) + last).encode()
    assert [str(row.ip) for row in parse_data(body)] == ["203.0.113.24", "203.0.113.25", "203.0.113.26"]


@pytest.mark.parametrize("nothing", [b"", b"\r\n", b"  \n", b"\xef\xbb\xbf", HEADER.encode(), b"[]"])
def test_an_empty_answer_says_nothing(nothing: bytes) -> None:
    assert parse_data(nothing) == []


def test_an_unquoted_comment_may_hold_commas() -> None:
    assert one(GREEN + "one, two, three").comments == "one, two, three"


def test_comments_are_made_safe_to_show() -> None:
    assert one(GREEN + "\x1b[31mred\u202eder").comments == "[31mred der"


def test_the_portals_export_is_read_by_its_header() -> None:
    line = "192.0.2.10,6/1/2026 1:00 AM,10,8,7,GREEN,<0.1%,6/1/2026 2:00 AM,0,yes,ok"
    (row,) = parse_data(f"{HEADER}\r\n{line}\r\n".encode())
    assert (row.rcpt_commands, row.data_commands, row.message_recipients, row.trap_hits) == (10, 8, 7, 0)
    assert (row.activity_start, row.activity_end, row.comments) == ("6/1/2026 1:00 AM", None, "ok")
    assert (row.trap_start, row.jmr_sender) == ("6/1/2026 2:00 AM", "yes")
    assert row.sample_mail_from is None, "who complained about mail is not a sample of it"


def test_a_header_in_another_order_is_followed() -> None:
    body = "Filter result,Trap hits,IP Address\nYELLOW,,192.0.2.10\n"
    (row,) = parse_data(body.encode())
    assert (row.filter_result, row.trap_hits, row.rcpt_commands) == (FilterResult.YELLOW, None, None)


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_of_the_rest_interface(*, wrapped: bool) -> None:
    rows = [
        {
            "ipAddress": "192.0.2.10", "activityStart": "2026-09-14T08:00:00", "dataCommands": 8,
            "rcptCommands": "10", "filterResult": "Red", "complaintRate": "0.2%", "trapHits": None,
        }
    ]  # fmt: skip
    (row,) = parse_data(json.dumps({"value": rows, "count": 1} if wrapped else rows).encode())
    assert (row.rcpt_commands, row.data_commands, row.trap_hits) == (10, 8, None)
    assert row.filter_result is FilterResult.RED


def test_status_ranges_with_yes_and_no() -> None:
    assert parse_status(f"{BLOCKED}\r\n{JUNKED}".encode()) == [
        StatusRange(
            IPv4Address("203.0.113.0"),
            IPv4Address("203.0.113.31"),
            blocked=True,
            details="Blocked due to user complaints or other evidence of spamming",
        ),
        StatusRange(
            IPv4Address("203.0.113.40"),
            IPv4Address("203.0.113.40"),
            blocked=False,
            details="Junked due to user complaints or other evidence of spamming",
        ),
    ]


@pytest.mark.parametrize(
    ("first", "last", "inside", "outside"),
    [
        ("198.18.255.250", "198.19.0.5", ["198.18.255.250", "198.19.0.5", "198.18.255.255"], ["198.19.0.6"]),
        ("198.18.1.255", "198.18.2.0", ["198.18.1.255", "198.18.2.0"], ["198.18.1.254", "198.18.2.1"]),
        ("203.0.113.7", "203.0.113.7", ["203.0.113.7"], ["203.0.113.6", "203.0.113.8"]),
    ],
)
def test_ranges_include_both_ends_and_may_cross_octets(
    first: str, last: str, inside: list[str], outside: list[str]
) -> None:
    (found,) = parse_status(f"{first},{last},Yes,Blocked".encode())
    assert all(IPv4Address(ip) in found for ip in inside)
    assert not any(IPv4Address(ip) in found for ip in outside)
    assert "203.0.113.7" not in found


@pytest.mark.parametrize(
    ("word", "blocked"), [("Yes", True), ("True", True), ("true", True), ("No", False), ("", False)]
)
def test_the_blocked_column_in_every_spelling(word: str, *, blocked: bool) -> None:
    (found,) = parse_status(f"203.0.113.7,203.0.113.7,{word},Something".encode())
    assert found.blocked is blocked


def test_status_as_json() -> None:
    body = (
        b'[{"beginningIpAddress":"192.0.2.10","endingIpAddress":"192.0.2.20",'
        b'"blocked":"true","reason":"Blocked due to complaints"}]'
    )
    (found,) = parse_status(body)
    assert (str(found.first), str(found.last), found.blocked) == ("192.0.2.10", "192.0.2.20", True)
    assert found.details == "Blocked due to complaints"


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html>Sign in</html>",
        b"\xef\xbb\xbf \r\n<html>Sign in</html>",
        b"Service unavailable",
        b"\xff\xfe\x00broken",
        b"\x00\x01\x02",
        GREEN[:60].encode(),
        f"{GREEN}\r\n{RED[:70]}".encode(),
        f'{GREEN}\r\n{RED.split("JMRP1", maxsplit=1)[0]}JMRP1'.encode(),
        GREEN.replace("203.0.113.24", "203.0.113.240.1").encode(),
        GREEN.replace("203.0.113.24", "2001:db8::7").encode(),
        GREEN.replace("GREEN", "BLUE").encode(),
        GREEN.replace("18250", "many").encode(),
        GREEN.replace("18250", "-5").encode(),
        GREEN.replace("18250", "\u0661\u0662").encode(),
        GREEN.replace("< 0.1%", "0.1-0.3 percent").encode(),
        b'{"error": "unauthorized"}',
        b'[{"unexpected": "shape"}]',
        b'["a", "b"]',
        b'[{"ipAddress": "192.0.2.10", "filterResult": "RED"',
        b"[" * 100_000,
        b"{}",
        BLOCKED.encode(),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused_whole(body: bytes) -> None:
    with pytest.raises(SignalError):
        parse_data(body)


def test_a_range_without_an_end_is_one_address() -> None:
    (found,) = parse_status(b"203.0.113.0,,Yes,Blocked")
    assert found.first == found.last == IPv4Address("203.0.113.0")


@pytest.mark.parametrize(
    "body",
    [
        b"<html></html>",
        b"203.0.113.0,203.0.113.31,Yes",
        b"203.0.113.31,203.0.113.0,Yes,Blocked",
        b"203.0.113.0,203.0.113.31,Perhaps,Blocked",
        b"not an ip,203.0.113.31,Yes,Blocked",
        b'[{"blocked": true}]',
    ],
)
def test_what_is_no_status_is_refused_whole(body: bytes) -> None:
    with pytest.raises(SignalError):
        parse_status(body)


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")))
@example(b'"')
@example(b"[[[[")
@example(b"{\x80")
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
@example(b'[{"ipAddress": ' + b"9" * 5_000 + b', "filterResult": "RED"}]')
def test_arbitrary_bytes_raise_nothing_but_a_signal_error(body: bytes) -> None:
    for parse in (parse_data, parse_status):
        with contextlib.suppress(SignalError):
            parse(body)


fragments = st.sampled_from(
    [GREEN, RED, SINCE_2026, BLOCKED, JUNKED, HEADER, ",", "\r\n", '"', "\n", "", "Yes"]
)


@given(st.lists(fragments, max_size=8).map("".join), st.integers(0, 700))
def test_mixed_and_cut_answers_raise_nothing_but_a_signal_error(text: str, cut: int) -> None:
    for parse in (parse_data, parse_status):
        with contextlib.suppress(SignalError):
            parse(text[:cut].encode())


@given(st.integers(1, 2))
def test_a_second_line_that_is_cut_never_passes_for_a_shorter_answer(columns_missing: int) -> None:
    cut = ",".join(RED.split(",")[: 14 - columns_missing - 1])
    with pytest.raises(SignalError):
        parse_data(f"{GREEN}\r\n{cut}".encode())
