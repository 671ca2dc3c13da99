"""An SNDS-like HTTP server: per-IP daily rows and IP status by key, with the real one's bad habits.

Shapes follow the legacy automated access: no header, CRLF, 14 columns of data and 4 of status, US dates.
"""

import csv
import io
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from core.address import IpAddress

_SIGN_IN = (
    b"<!DOCTYPE html>\r\n<html><head><title>Sign in</title></head><body>Sign in to continue</body></html>"
)


class SndsBehaviour(StrEnum):
    """How the server treats whoever asks."""

    NORMAL = "answers with data when the key is right"
    SIGN_IN = "answers every request with a sign-in page and status 200"
    ERROR = "answers 500"
    EMPTY = "answers 200 with nothing"


class FilterResult(StrEnum):
    """Share of mail judged spam: under 10 %, up to 90 %, above."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"

    @classmethod
    def of_spam_share(cls, share: float) -> "FilterResult":
        """The colour of a share of spam verdicts, 0..1."""
        if share < 0.1:
            return cls.GREEN
        return cls.YELLOW if share <= 0.9 else cls.RED


@dataclass(frozen=True, slots=True)
class SndsRow:
    """One IP's activity in one period. `complaint_rate` is a share 0..1; `trap_hits` None leaves it blank."""

    ip: IpAddress
    start: datetime
    end: datetime
    rcpt_commands: int
    data_commands: int
    recipients: int
    filter_result: FilterResult = FilterResult.GREEN
    complaint_rate: float = 0.0
    trap_hits: int | None = 0
    helo: str = ""
    mail_from: str = ""
    comments: str = ""


@dataclass(frozen=True, slots=True)
class SndsStatus:
    """An abnormal range of addresses, both ends inclusive."""

    first: IpAddress
    last: IpAddress
    blocked: bool
    details: str


def us_time(moment: datetime) -> str:
    """`3/9/2026 8:00 AM`, without a zone, as SNDS writes it."""
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment.minute:02} {half}"


def complaint_text(share: float) -> str:
    """`< 0.1%` below a tenth of a percent, else `0.2%`."""
    return "< 0.1%" if share < 0.001 else f"{share * 100:.1f}%"


def data_csv(rows: Iterable[SndsRow]) -> str:
    """The body of data.aspx."""
    return _csv(_data_columns(row) for row in rows)


def _data_columns(row: SndsRow) -> list[str]:
    trapped = bool(row.trap_hits)
    return [
        str(row.ip),
        us_time(row.start),
        us_time(row.end),
        str(row.rcpt_commands),
        str(row.data_commands),
        str(row.recipients),
        row.filter_result.value,
        complaint_text(row.complaint_rate),
        us_time(row.start) if trapped else "",
        us_time(row.end) if trapped else "",
        "" if row.trap_hits is None else str(row.trap_hits),
        row.helo,
        row.mail_from,
        row.comments,
    ]


def status_csv(statuses: Iterable[SndsStatus]) -> str:
    """The body of ipStatus.aspx."""
    return _csv([str(s.first), str(s.last), "Yes" if s.blocked else "No", s.details] for s in statuses)


def _csv(lines: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue().removesuffix("\r\n")


class SndsBook:
    """What the server would answer: rows by report date, abnormal ranges. Any thread may change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._days: dict[date, dict[IpAddress, SndsRow]] = {}
        self._statuses: tuple[SndsStatus, ...] = ()

    def publish(self, day: date, rows: Iterable[SndsRow]) -> None:
        """Add rows to a report date; a row for an IP already there replaces it."""
        with self._lock:
            self._days.setdefault(day, {}).update({row.ip: row for row in rows})

    def set_status(self, *statuses: SndsStatus) -> None:
        """Say which ranges are abnormal now; none clears them all."""
        with self._lock:
            self._statuses = statuses

    def rows(self, day: date | None = None, ip: str | None = None) -> list[SndsRow]:
        """Rows of a report date (the newest when None), all or one IP's."""
        with self._lock:
            if day is None:
                day = max(self._days, default=None)
            found = list(self._days.get(day, {}).values()) if day is not None else []
        return [row for row in found if ip is None or str(row.ip) == ip]

    def statuses(self) -> tuple[SndsStatus, ...]:
        with self._lock:
            return self._statuses


def activity_period(day: date, zone_hours: int = 8) -> tuple[datetime, datetime]:
    """The period a report date speaks about: midnight Pacific to midnight, written in UTC (8 AM to 8 AM)."""
    start = datetime(day.year, day.month, day.day, zone_hours)  # noqa: DTZ001 - SNDS names no zone
    return start, start + timedelta(days=1)


class SndsServer:
    """Serves a book by HTTP on loopback in a thread of its own. `key` opens it; `behaviour` may change."""

    def __init__(self, book: SndsBook, key: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.book = book
        self.key = key
        self.behaviour = SndsBehaviour.NORMAL
        self.requests = 0
        self._address = (host, port)
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base that `/data.aspx` and `/ipStatus.aspx` hang on."""
        host, port = self._address
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Bind and serve. Raises OSError when the port is taken."""
        self._http = ThreadingHTTPServer(self._address, _handler(self))
        self._address = (self._address[0], self._http.server_port)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()

    def answer(self, target: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a request target such as `/data.aspx?key=K`."""
        self.requests += 1
        url = urlsplit(target)
        query = {name.lower(): values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.lower().removeprefix("/snds")
        if self.behaviour is SndsBehaviour.ERROR:
            return 500, "text/html", b"<html><body>Runtime Error</body></html>"
        if self.behaviour is SndsBehaviour.SIGN_IN or query.get("key") != self.key:
            return 200, "text/html; charset=utf-8", _SIGN_IN
        if path not in {"/data.aspx", "/ipstatus.aspx"}:
            return 404, "text/html", b"<html><body>Not found</body></html>"
        if self.behaviour is SndsBehaviour.EMPTY:
            return 200, "text/csv", b""
        return self._report(path, query)

    def _report(self, path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        if path == "/ipstatus.aspx":
            return 200, "text/csv", status_csv(self.book.statuses()).encode()
        try:
            day = _month_day_year(query["date"]) if "date" in query else None
        except ValueError:
            return 400, "text/html", b"<html><body>Bad Request</body></html>"
        return 200, "text/csv", data_csv(self.book.rows(day, query.get("ip"))).encode()


def _month_day_year(text: str) -> date:
    return datetime.strptime(text, "%m%d%y").date()  # noqa: DTZ007 - a calendar day


def _handler(server: SndsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, body = server.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Say nothing: the key is in the request line."""

    return Handler
