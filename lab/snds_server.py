"""An SNDS-like HTTP server: by key, by expiring link and by bearer token, with the real one's bad habits.

It is its own authorisation server (lab.snds_sign_in). The links' paths are the lab's own invention.
"""

import threading
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from core.clock import Clock, SystemClock
from lab import snds_faults
from lab.snds import SndsBook, data_csv, status_csv
from lab.snds_faults import HTML, SIGN_IN_PAGE, Answer, SndsBehaviour
from lab.snds_sign_in import Reply, SignInServer

LINK_LIFE: Final = timedelta(days=30)
REPORTS: Final = "/api/report/"


class SndsServer:
    """Serves a book by HTTP on loopback in a thread of its own.

    `key` opens the legacy pages, `link_key` the links until 30 days after `links_issued`, a token of
    `sign_in` the REST interface. `behaviour` may change at any time. `asked` holds path and date of every
    request for a report, `sent` how many bytes of bodies went out.
    """

    def __init__(
        self,
        book: SndsBook,
        key: str,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.book = book
        self.key = key
        self.link_key = f"{key}-link"
        self.links_issued: date | None = None
        self.clock = clock or SystemClock()
        self.sign_in = SignInServer(self.clock)
        self.behaviour = SndsBehaviour.NORMAL
        self.asked: list[tuple[str, str]] = []
        self.sent = 0
        self.stopping = threading.Event()
        self._address = (host, port)
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base that `/data.aspx` and `/ipStatus.aspx` hang on."""
        host, port = self._address
        return f"http://{host}:{port}"

    @property
    def data_link(self) -> str:
        return f"{self.url}/SNDS/DataKey?Key={self.link_key}"

    @property
    def status_link(self) -> str:
        return f"{self.url}/SNDS/StatusKey?Key={self.link_key}"

    @property
    def oauth(self) -> dict[str, str]:
        """Its addresses, as the monitor's settings write them."""
        return {
            "report-url": f"{self.url}{REPORTS.rstrip('/')}",
            "authorize-url": f"{self.url}/oauth2/v2.0/authorize",
            "token-url": f"{self.url}/oauth2/v2.0/token",
        }

    def start(self) -> None:
        """Bind and serve. Raises OSError when the port is taken."""
        self._http = _Server(self._address, _handler(self))
        self._address = (self._address[0], self._http.server_port)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()

    def answer(self, target: str, headers: dict[str, str] | None = None) -> Answer:
        """The answer to a GET for a target such as `/data.aspx?key=K`; header names in small letters."""
        url = urlsplit(target)
        query = {name.lower(): values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.lower().removeprefix("/snds")
        day = query.get("date", "") or path.partition("/report/data/")[2].partition("/")[0]
        self.asked.append((path, day))
        odd = snds_faults.misbehaving(self.behaviour, target)
        if odd is not None:
            return odd
        if path.startswith(REPORTS):
            found = self._rest(path.removeprefix(REPORTS), headers or {})
        elif path in {"/datakey", "/statuskey"}:
            found = self._linked(path, query)
        else:
            found = self._by_key(path, query)
        return snds_faults.damaged(self.behaviour, found)

    def post(self, target: str, form: dict[str, str], headers: dict[str, str]) -> Reply:
        """The answer to a POST: tokens."""
        if urlsplit(target).path != "/oauth2/v2.0/token":
            return Reply(404, {"error": "not_found"})
        return self.sign_in.token(form, headers)

    def authorize(self, target: str) -> Answer:
        """The answer to a person's browser: a redirect with a code, as if somebody had signed in."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        place = self.sign_in.authorize(query)
        if place is None:
            return Answer(400, HTML, b"<html><body>This request is not valid</body></html>")
        return Answer(302, HTML, b"", {"Location": place})

    def _by_key(self, path: str, query: dict[str, str]) -> Answer:
        if query.get("key") != self.key:
            return Answer(200, HTML, SIGN_IN_PAGE)
        if path == "/ipstatus.aspx":
            return self._status()
        if path != "/data.aspx":
            return Answer(404, HTML, b"<html><body>Not found</body></html>")
        try:
            day = _month_day_year(query["date"]) if "date" in query else None
        except ValueError:
            return Answer(400, HTML, b"<html><body>Bad Request</body></html>")
        return Answer(body=data_csv(self.book.rows(day, query.get("ip"))).encode())

    def _linked(self, path: str, query: dict[str, str]) -> Answer:
        today = self.clock.now().date()
        over = self.links_issued is not None and today >= self.links_issued + LINK_LIFE
        if over or query.get("key") != self.link_key:
            return Answer(404, HTML, b"<html><body>Not found</body></html>")
        return self._status() if path == "/statuskey" else Answer(body=data_csv(self.book.rows()).encode())

    def _rest(self, path: str, headers: dict[str, str]) -> Answer:
        kind = "application/octet-stream"
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.sign_in.knows(token):
            return Answer(401, kind)
        if path == "status/ip":
            return self._status(kind)
        head, _, rest = path.partition("/")
        day, _, ip = rest.partition("/")
        try:
            wanted = date.fromisoformat(day) if day else None
        except ValueError:
            return Answer(400, kind)
        rows = self.book.rows(wanted, ip or None) if head == "data" else []
        return Answer(200, kind, data_csv(rows).encode()) if rows else Answer(404, kind)

    def _status(self, kind: str = "text/csv") -> Answer:
        return Answer(kind=kind, body=status_csv(self.book.statuses()).encode())


def _month_day_year(text: str) -> date:
    return datetime.strptime(text, "%m%d%y").date()  # noqa: DTZ007 - a calendar day


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True

    def handle_error(self, *_args: Any) -> None:
        """A client that has heard enough is no error."""


def _handler(server: SndsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            if urlsplit(self.path).path == "/oauth2/v2.0/authorize":
                self._send(server.authorize(self.path))
            else:
                self._send(server.answer(self.path, headers))

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), 65_536)
            form = {n: v[0] for n, v in parse_qs(self.rfile.read(length).decode()).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.post(self.path, form, headers)
            self._send(Answer(reply.status, "application/json", reply.body()))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            promised = {} if answer.pieces else {"Content-Length": str(len(answer.body))}
            for name, value in ({"Content-Type": answer.kind} | promised | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in answer.pieces() if answer.pieces else [answer.body]:
                self.wfile.write(piece)
                server.sent += len(piece)
                if server.behaviour is SndsBehaviour.SLOW and server.stopping.wait(0.05):
                    break
            self.close_connection = True

        def log_message(self, *_args: Any) -> None:
            """Say nothing: the key is in the request line."""

    return Handler
