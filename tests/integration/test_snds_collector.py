"""The SNDS collector against a real HTTP server: what it asks, what it believes, what it never shows."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.reading import Quality, Reading, Source, Status
from monitor.collectors.collected import Collected
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_settings import SndsSettings
from monitor.health import OutcomeKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = "canary-snds-key-4711"
IPS = [ip_address("203.0.113.7"), ip_address("203.0.113.8"), ip_address("2001:db8::7")]
BLOCKED = b"203.0.113.0,203.0.113.7,Yes,Blocked due to user complaints or other evidence of spamming"
SIGN_IN = b"<!DOCTYPE html><html>Sign in</html>"


def data_row(ip: str, day: date, colour: str = "GREEN", traps: str = "0") -> str:
    after = day + timedelta(days=1)
    start, end = (f"{d.month}/{d.day}/{d.year} 8:00 AM" for d in (day, after))
    return f"{ip},{start},{end},900,880,900,{colour},< 0.1%,,,{traps},mx.mail.example,a@mail.example,"


class Answer:
    """One scripted HTTP answer."""

    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.body = body
        self.status = status
        self.headers = {"Content-Type": "text/csv", **{k.replace("_", "-"): v for k, v in headers.items()}}


class SndsHttp:
    """`data` and `status` answer; `asked` records path and query."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.data: Callable[[str | None], Answer] = lambda _: Answer()
        self.status = Answer()
        self.url = ""

    def answer(self, target: str) -> Answer:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.asked.append((url.path, query))
        if url.path.endswith("/data.aspx"):
            return self.data(query.get("date"))
        return self.status if url.path.endswith("/ipStatus.aspx") else Answer(b"not here", 404)


@pytest.fixture
def http() -> Iterator[SndsHttp]:
    scripted = SndsHttp()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = scripted.answer(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.headers.get("X-Stall"):
                time.sleep(1)
            try:
                self.wfile.write(answer.body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted.url = f"http://127.0.0.1:{server.server_port}/snds"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


async def collect(http: SndsHttp, *accounts: dict[str, Any], **settings: Any) -> Collected:
    given = accounts or ({"name": "main", "key": KEY},)
    full = [{"base_url": http.url, **account} for account in given]
    collector = SndsCollector(SndsSettings.model_validate({"accounts": full, **settings}))
    try:
        return await collector.collect(IPS, NOW)
    finally:
        await collector.aclose()


def by_metric(collected: Collected, ip: str = "203.0.113.7") -> dict[str, Reading]:
    return {r.metric: r for r in collected.readings if str(r.ip) == ip}


async def test_the_last_days_are_asked_for_by_report_date(http: SndsHttp) -> None:
    http.data = lambda _: Answer(data_row("198.51.100.1", date(2026, 11, 22)).encode())
    await collect(http, lookback_days=2)
    assert http.asked == [
        ("/snds/data.aspx", {"key": KEY, "date": "112326"}),
        ("/snds/data.aspx", {"key": KEY, "date": "112226"}),
        ("/snds/data.aspx", {"key": KEY, "date": "112126"}),
        ("/snds/ipStatus.aspx", {"key": KEY}),
    ]


async def test_when_no_day_tells_anything_the_newest_one_is_the_sign_of_life(http: SndsHttp) -> None:
    row = data_row("198.51.100.1", date(2026, 11, 12)).encode()
    http.data = lambda day: Answer(b"" if day else row)
    collected = await collect(http, lookback_days=1)
    assert [query.get("date") for _, query in http.asked] == ["112326", "112226", None, None]
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED
    assert by_metric(collected)["ip-status"].status is Status.GOOD


@pytest.mark.parametrize("data", [b"", b"\r\n", b"[]"])
async def test_an_account_that_tells_nothing_at_all_clears_nobody(http: SndsHttp, data: bytes) -> None:
    http.data = lambda _: Answer(data)
    collected = await collect(http)
    assert {(r.metric, r.status) for r in collected.readings} == {("ip-status", Status.UNKNOWN)}
    assert collected.outcomes[0].kind is OutcomeKind.FAILED
    assert "dead key" in collected.outcomes[0].reason
    assert collected.read_through == {"main": date(2026, 11, 19)}, "no day counts as read"


async def test_rows_and_status_become_readings(http: SndsHttp) -> None:
    row = data_row("203.0.113.7", date(2026, 11, 22), "RED", "6").encode()
    http.data = lambda day: Answer(row if day == "112226" else b"")
    http.status = Answer(BLOCKED)
    collected = await collect(http)
    found = by_metric(collected)
    assert {m: r.status for m, r in found.items()} == {
        "filter-result": Status.BAD,
        "complaint-rate": Status.GOOD,
        "trap-hits": Status.BAD,
        "ip-status": Status.BAD,
    }
    assert found["filter-result"].period_start == datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    assert found["ip-status"].source is Source.SNDS_STATUS
    assert [(o.name, o.kind) for o in collected.outcomes] == [("snds:main", OutcomeKind.ANSWERED)]


async def test_an_absent_ip_is_normal_when_the_status_was_read_and_says_nothing_in_the_data(
    http: SndsHttp,
) -> None:
    http.status = Answer(BLOCKED)
    found = by_metric(await collect(http), "203.0.113.8")
    assert {m: r.status for m, r in found.items()} == {"ip-status": Status.GOOD}


async def test_ipv6_is_not_spoken_about(http: SndsHttp) -> None:
    assert by_metric(await collect(http), "2001:db8::7") == {}


async def test_the_same_rows_for_every_date_are_one_reading_each(http: SndsHttp) -> None:
    row = data_row("203.0.113.7", date(2026, 11, 22)).encode()
    http.data = lambda _: Answer(row)
    collected = await collect(http)
    assert len([r for r in collected.readings if r.metric == "filter-result"]) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(SIGN_IN), "web page"),
        (Answer(SIGN_IN, Content_Type="text/html; charset=utf-8"), "web page"),
        (Answer(b"203.0.113.7,1,2", Content_Type="text/html"), "web page"),
        (Answer(b"", 302, Location="https://login.live.com/?key=" + KEY), "sent us elsewhere"),
        (Answer(b"", 204), "HTTP 204"),
        (Answer(SIGN_IN, 400), "HTTP 400"),
        (Answer(SIGN_IN, 401), "HTTP 401"),
        (Answer(SIGN_IN, 403), "HTTP 403"),
        (Answer(SIGN_IN, 404), "HTTP 404"),
        (Answer(SIGN_IN, 429), "HTTP 429"),
        (Answer(SIGN_IN, 500), "HTTP 500"),
        (Answer(SIGN_IN, 503), "HTTP 503"),
        (Answer(b"203.0.113.7," * 1_000), "more than 2048 bytes"),
        (Answer(data_row("203.0.113.7", date(2026, 11, 22), "RED").encode()[:50]), "cut short"),
        (Answer(b"203.0.113.7", Content_Length="5000"), "could not be read"),
        (Answer(b"\xff\xfe"), "UTF-8"),
        (Answer(b"not gzip", Content_Encoding="gzip"), "could not be read"),
    ],
)
async def test_what_is_no_data_changes_nothing_and_shows_no_key(
    http: SndsHttp, answer: Answer, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    http.data = lambda _: answer
    http.status = answer
    with caplog.at_level(logging.DEBUG):
        collected = await collect(http, max_body=2048)
    assert {(r.metric, r.status, r.quality) for r in collected.readings} == {
        ("ip-status", Status.UNKNOWN, Quality.ERROR)
    }
    (outcome,) = collected.outcomes
    assert outcome.kind is OutcomeKind.FAILED
    assert words in outcome.reason
    assert KEY not in repr(collected) + caplog.text


async def test_a_day_that_cannot_be_read_is_a_failure_and_takes_nothing_from_the_others(
    http: SndsHttp,
) -> None:
    row = data_row("203.0.113.7", date(2026, 11, 22), "RED").encode()
    http.data = lambda day: Answer(SIGN_IN) if day == "112126" else Answer(row if day == "112226" else b"")
    http.status = Answer(BLOCKED)
    collected = await collect(http)
    assert by_metric(collected)["filter-result"].status is Status.BAD
    assert collected.outcomes[0].kind is OutcomeKind.FAILED
    assert collected.read_through == {"main": date(2026, 11, 19)}


async def test_after_two_failures_in_a_row_a_round_asks_for_no_more_days(http: SndsHttp) -> None:
    http.data = lambda _: Answer(b"", 500)
    http.status = Answer(b"", 500)
    await collect(http)
    assert [query.get("date") for _, query in http.asked] == ["112326", "112226", None]


async def test_one_row_that_is_none_spoils_its_whole_report(http: SndsHttp) -> None:
    good, bad = data_row("203.0.113.7", date(2026, 11, 22)), data_row("203.0.113.8", date(2029, 11, 22))
    http.data = lambda day: Answer(f"{good}\r\n{bad}".encode()) if day == "112226" else Answer()
    http.status = Answer(BLOCKED)
    collected = await collect(http)
    assert set(by_metric(collected)) == {"ip-status"}
    assert "yet to come" in collected.outcomes[0].reason


@pytest.mark.parametrize("missing", [204, 400, 404])
async def test_a_day_that_is_not_there_yet_is_normal(http: SndsHttp, missing: int) -> None:
    row = data_row("203.0.113.7", date(2026, 11, 22)).encode()
    http.data = lambda day: Answer(row) if day == "112226" else Answer(b"", missing)
    collected = await collect(http)
    assert "filter-result" in by_metric(collected)
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED


async def test_a_server_that_stalls_is_given_up(http: SndsHttp) -> None:
    http.data = lambda _: Answer(b"", X_Stall="yes", Content_Length="10")
    http.status = http.data(None)
    collected = await collect(http, timeout=timedelta(milliseconds=200))
    assert collected.outcomes[0].kind is OutcomeKind.FAILED


async def test_nobody_there_is_a_failure_without_the_url(
    http: SndsHttp, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        collected = await collect(http, {"name": "main", "key": KEY, "base_url": "http://127.0.0.1:9/snds"})
    assert collected.outcomes[0].kind is OutcomeKind.FAILED
    assert KEY not in repr(collected) + caplog.text


async def test_a_good_round_logs_no_url_either(http: SndsHttp, caplog: pytest.LogCaptureFixture) -> None:
    http.status = Answer(BLOCKED)
    with caplog.at_level(logging.DEBUG):
        collected = await collect(http)
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED
    assert KEY not in caplog.text
    assert "data.aspx" not in caplog.text


async def test_each_account_is_asked_with_its_own_key_and_fails_alone(http: SndsHttp, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("key-from-file\n")
    http.status = Answer(BLOCKED)
    collected = await collect(
        http,
        {"name": "main", "key": KEY},
        {"name": "second", "key_file": str(file)},
        {"name": "third", "key_file": str(tmp_path / "gone")},
    )
    assert {query["key"] for _, query in http.asked} == {KEY, "key-from-file"}
    assert {o.name: o.kind for o in collected.outcomes} == {
        "snds:main": OutcomeKind.ANSWERED,
        "snds:second": OutcomeKind.ANSWERED,
        "snds:third": OutcomeKind.FAILED,
    }
    # the third may cover the second IP, so nobody knows whether it is clean; the first is blocked for sure
    assert by_metric(collected)["ip-status"].status is Status.BAD
    assert by_metric(collected, "203.0.113.8")["ip-status"].status is Status.UNKNOWN


async def test_a_pasted_link_is_fetched_as_it_is(http: SndsHttp) -> None:
    row = data_row("203.0.113.7", date(2026, 11, 22), "YELLOW").encode()
    http.data = lambda _: Answer(row)
    link = {
        "data_link": f"{http.url}/data.aspx?Key={KEY}&x=1",
        "status_link": f"{http.url}/ipStatus.aspx?Key=s",
    }
    collected = await collect(http, {"name": "main", **link})
    assert http.asked == [
        ("/snds/data.aspx", {"Key": KEY, "x": "1"}),
        ("/snds/ipStatus.aspx", {"Key": "s"}),
    ]
    assert by_metric(collected)["filter-result"].status is Status.WARN


async def test_a_link_without_a_status_link_says_nothing_about_status(http: SndsHttp) -> None:
    row = data_row("198.51.100.1", date(2026, 11, 22)).encode()
    http.data = lambda _: Answer(row)
    collected = await collect(http, {"name": "main", "data_link": f"{http.url}/data.aspx?Key={KEY}"})
    assert collected.readings == []
    assert collected.outcomes[0].kind is OutcomeKind.ANSWERED
