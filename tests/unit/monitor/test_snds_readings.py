"""What SNDS rows mean for an IP, and for which period."""

from datetime import UTC, date, datetime
from ipaddress import IPv4Address, ip_address
from zoneinfo import ZoneInfo

import pytest

from core.errors import SignalError
from core.reading import Quality, Reading, Source, Status
from monitor.collectors import snds, snds_readings
from monitor.collectors.snds import AccountAnswer
from monitor.collectors.snds_access import Access, Door, Standing
from monitor.collectors.snds_parser import StatusRange, parse_data
from monitor.collectors.snds_readings import Condition
from monitor.collectors.snds_settings import SndsAccount, SndsSettings
from monitor.health import OutcomeKind

NOW = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)
REPORT = date(2026, 3, 9)
IP = ip_address("203.0.113.25")
SETTINGS = SndsSettings()


def row(
    *,
    filter_result: str = "GREEN",
    rate: str = "< 0.1%",
    traps: str = "0",
    start: str = "3/9/2026 8:00 AM",
    end: str = "3/10/2026 8:00 AM",
) -> str:
    return f"{IP},{start},{end},100,90,100,{filter_result},{rate},,,{traps},helo.example,a@mail.example,"


def readings(*lines: str, settings: SndsSettings = SETTINGS) -> dict[str, Reading]:
    rows = parse_data("\r\n".join(lines).encode())
    found = snds_readings.of_rows(rows, {IP}, REPORT, NOW, settings)
    return {reading.metric: reading for reading in snds_readings.merged(found)}


@pytest.mark.parametrize(
    ("colour", "status", "value"),
    [("GREEN", Status.GOOD, 0), ("YELLOW", Status.WARN, 1), ("RED", Status.BAD, 2)],
)
def test_the_filter_result_has_three_colours(colour: str, status: Status, value: float) -> None:
    reading = readings(row(filter_result=colour))["filter-result"]
    assert (reading.status, reading.value, reading.detail) == (status, value, colour)
    assert reading.source is Source.SNDS_DATA


@pytest.mark.parametrize(
    ("rate", "status", "value", "detail"),
    [
        ("< 0.1%", Status.GOOD, 0.001, "< 0.1%"),
        ("0.2%", Status.GOOD, 0.002, "0.2%"),
        ("0.3%", Status.WARN, 0.003, "0.3%"),
        ("0.9%", Status.WARN, 0.009, "0.9%"),
        ("1.0%", Status.BAD, 0.01, "1%"),
    ],
)
def test_complaint_rates_are_shares(rate: str, status: Status, value: float, detail: str) -> None:
    reading = readings(row(rate=rate))["complaint-rate"]
    assert (reading.status, reading.detail) == (status, detail)
    assert reading.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("traps", "status"),
    [("0", Status.GOOD), ("1", Status.WARN), ("4", Status.WARN), ("5", Status.BAD), ("60", Status.BAD)],
)
def test_trap_hits_are_counted(traps: str, status: Status) -> None:
    reading = readings(row(traps=traps))["trap-hits"]
    assert (reading.status, reading.value) == (status, float(traps))


def test_what_is_blank_gives_no_reading_at_all() -> None:
    assert set(readings(row(traps="", rate=""))) == {"filter-result"}
    assert readings(row(filter_result="", rate="", traps="")) == {}


def test_the_period_is_the_activity_that_was_reported() -> None:
    reading = readings(row())["filter-result"]
    assert reading.period_start == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    assert reading.period_end == datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
    assert reading.observed_at == NOW
    assert reading.evidence["activity"] == "3/9/2026 8:00 AM to 3/10/2026 8:00 AM"


def test_the_zone_of_the_times_is_a_setting() -> None:
    pacific = SndsSettings(time_zone=ZoneInfo("America/Los_Angeles"))
    reading = readings(row(start="3/9/2026 12:00 AM"), settings=pacific)["filter-result"]
    assert reading.period_start == datetime(2026, 3, 9, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"), [("", ""), ("yesterday", "today"), ("3/9/2026 8:00 AM", "3/8/2026 8:00 AM")]
)
def test_where_the_times_are_unusable_the_report_date_stands_in(start: str, end: str) -> None:
    reading = readings(row(start=start, end=end))["filter-result"]
    assert reading.period_start == datetime(2026, 3, 9, tzinfo=UTC)
    assert reading.period_end == datetime(2026, 3, 10, tzinfo=UTC)
    assert reading.evidence["period_stated"] is False


def test_activity_that_is_yet_to_come_is_refused() -> None:
    with pytest.raises(SignalError, match="yet to come"):
        readings(row(start="9/3/2026 8:00 AM", end="9/4/2026 8:00 AM"))


def test_rows_that_contradict_each_other_leave_the_worse_one() -> None:
    found = readings(row(), row(filter_result="RED", traps="7"), row(filter_result="YELLOW"))
    assert found["filter-result"].status is Status.BAD
    assert found["trap-hits"].value == 7


def test_other_peoples_addresses_are_left_alone() -> None:
    rows = parse_data(row().replace(str(IP), "198.51.100.9").encode())
    assert snds_readings.of_rows(rows, {IP}, REPORT, NOW, SETTINGS) == []


def held(
    details: str, *, blocked: bool, first: str = "203.0.113.0", last: str = "203.0.113.31"
) -> StatusRange:
    return StatusRange(IPv4Address(first), IPv4Address(last), blocked, details)


@pytest.mark.parametrize(
    ("details", "blocked", "condition", "status"),
    [
        ("Blocked due to user complaints or other evidence of spamming", True, Condition.BLOCKED, Status.BAD),
        (
            "Blocked due to user complaints or other evidence of spamming",
            False,
            Condition.BLOCKED,
            Status.BAD,
        ),
        ("Junked due to user complaints or other evidence of spamming", False, Condition.JUNKED, Status.WARN),
        ("Junked due to user complaints or other evidence of spamming", True, Condition.JUNKED, Status.WARN),
        ("Bot activity seen", False, Condition.BOT, Status.BAD),
        ("E-mail address harvesting", False, Condition.OTHER, Status.WARN),
        ("E-mail address harvesting", True, Condition.BLOCKED, Status.BAD),
        ("", True, Condition.BLOCKED, Status.BAD),
        ("", False, Condition.OTHER, Status.WARN),
    ],
)
def test_the_text_decides_whatever_the_column_says(
    details: str, *, blocked: bool, condition: Condition, status: Status
) -> None:
    reading = snds_readings.of_status(IP, [held(details, blocked=blocked)], NOW)
    assert reading.evidence["condition"] == condition
    assert reading.status is status
    assert reading.source is Source.SNDS_STATUS
    assert details in reading.detail


def test_of_several_ranges_the_worst_counts() -> None:
    ranges = [held("Junked", blocked=False), held("Blocked", blocked=True), held("?", blocked=False)]
    assert snds_readings.of_status(IP, ranges, NOW).evidence["condition"] == "blocked"


MAIN, OTHER = SndsAccount(name="main", key="k1"), SndsAccount(name="other", key="k2")


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ([], [], Status.GOOD),
        ([held("Blocked", blocked=True)], [], Status.BAD),
        ([], None, Status.UNKNOWN),
        (None, None, Status.UNKNOWN),
        ([held("Blocked", blocked=True)], None, Status.BAD),
    ],
)
def test_an_ip_is_clean_only_when_every_account_that_may_cover_it_says_so(
    first: list[StatusRange] | None, second: list[StatusRange] | None, status: Status
) -> None:
    answers = [
        AccountAnswer(MAIN, ranges=first, problems=() if first is not None else ("status: gone",)),
        AccountAnswer(OTHER, ranges=second, problems=() if second is not None else ("status: gone",)),
    ]
    reading = snds.status_of(IPv4Address(IP), answers, NOW)
    assert reading is not None
    assert reading.status is status
    assert (reading.quality is Quality.ERROR) == (status is Status.UNKNOWN)


def test_an_account_speaks_only_about_its_own_networks() -> None:
    elsewhere = SndsAccount(name="other", key="k2", networks=["198.51.100.0/24"])
    answers = [AccountAnswer(MAIN, ranges=[]), AccountAnswer(elsewhere, problems=("status: gone",))]
    reading = snds.status_of(IPv4Address(IP), answers, NOW)
    assert reading is not None
    assert reading.status is Status.GOOD
    assert snds.status_of(IPv4Address(IP), answers[1:], NOW) is None


def test_an_account_that_answers_says_what_will_keep_it_from_doing_so() -> None:
    closing = Access("main", Door.LINKS, Standing.CLOSING, "the links stop working on 2026-04-01")
    found = snds.outcome(AccountAnswer(MAIN, ranges=[], access=[closing]))
    assert (found.kind, found.reason) == (OutcomeKind.ANSWERED, closing.said)


def test_the_whole_row_is_kept_under_its_report_date() -> None:
    (parsed,) = parse_data(row(filter_result="RED", rate="0.4%", traps="6").encode())
    kept = snds_readings.activity(parsed, "main", REPORT, NOW, SETTINGS)
    assert (kept.day, kept.account, kept.filter_result) == (REPORT, "main", "RED")
    assert kept.activity_text == "3/9/2026 8:00 AM to 3/10/2026 8:00 AM"
    assert (kept.activity_start.hour, kept.activity_end.day) == (8, 10)
    assert (kept.rcpt_commands, kept.data_commands, kept.message_recipients) == (100, 90, 100)
    assert (kept.complaint_rate, kept.complaint_operator) == (pytest.approx(0.004), "")
    assert (kept.trap_hits, kept.sample_helo, kept.sample_mail_from) == (6, "helo.example", "a@mail.example")


def test_a_bound_is_kept_as_a_bound_and_a_blank_as_a_blank() -> None:
    (parsed,) = parse_data(row(traps="").encode())
    kept = snds_readings.activity(parsed, "main", REPORT, NOW, SETTINGS)
    assert (kept.complaint_rate, kept.complaint_operator) == (pytest.approx(0.001), "<")
    assert (kept.trap_hits, kept.trap_text, kept.comments) == (None, None, None)


def test_without_a_report_date_the_activity_names_the_day() -> None:
    (parsed,) = parse_data(row().encode())
    assert snds_readings.activity(parsed, "main", None, NOW, SETTINGS).day == REPORT


def test_times_with_a_zone_are_taken_at_their_word() -> None:
    reading = readings(row(start="2026-03-09T08:00:00-08:00", end="2026-03-10T08:00:00-08:00"))
    assert reading["filter-result"].period_start == datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
