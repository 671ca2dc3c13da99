"""One HTTP request to a daemon of ours, over TCP or a unix socket.

Of the standard library alone: a command that asks once shall not wait for an HTTP library to be imported.
Each request has a connection of its own, so that threads may share a wire.
"""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, Protocol
from urllib.parse import urlsplit

from core.errors import OperatorError

UNIX = "unix:"
_LONGEST_LINE: Final = 1_048_576


class Unreachable(Exception):  # noqa: N818 - reads as what happened
    """Nobody answered, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    body: bytes


class Transport(Protocol):
    """Carries one request. `target` is the path with its query. Raises Unreachable."""

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer: ...


class Wire:
    """Requests to `http://HOST:PORT`, `HOST:PORT` or `unix:PATH`; `patience` in seconds, for each step."""

    def __init__(self, endpoint: str, patience: float) -> None:
        self._socket = endpoint.removeprefix(UNIX) if endpoint.startswith(UNIX) else None
        self._secure, self._host, self._port = (False, "engine", 80) if self._socket else _split(endpoint)
        self._patience = patience

    def __call__(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        with contextlib.closing(self._connection()) as connection, _in_words(self._patience):
            connection.request(method, target, body, dict(headers))
            found = connection.getresponse()
            return Answer(found.status, found.reason, found.read())

    @contextlib.contextmanager
    def listen(
        self, target: str, headers: Mapping[str, str], silence: float
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """A GET whose answer goes on: its lines as they come, at most `silence` seconds apart.

        The body of a refusal is read at once. Raises Unreachable, while lines are read too.
        """
        with contextlib.closing(self._connection()) as connection:
            with _in_words(self._patience):
                connection.request("GET", target, None, dict(headers))
                found = connection.getresponse()
                body = found.read() if found.status != HTTPStatus.OK else b""
            if connection.sock is not None:
                connection.sock.settimeout(silence)
            yield Answer(found.status, found.reason, body), _lines(found, silence)

    def _connection(self) -> HTTPConnection:
        if self._socket is not None:
            return _UnixConnection(self._socket, self._patience)
        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self._host, self._port, timeout=self._patience)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, patience: float) -> None:
        super().__init__("engine", timeout=patience)
        self._path, self._patience = path, patience

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._patience)
        self.sock.connect(self._path)


def _lines(answer: HTTPResponse, silence: float) -> Iterator[bytes]:
    while True:
        with _in_words(silence):
            line = answer.readline(_LONGEST_LINE)
        if not line:
            return
        yield line


@contextlib.contextmanager
def _in_words(seconds: float) -> Iterator[None]:
    """What goes wrong meanwhile as Unreachable."""
    try:
        yield
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:g} seconds") from None
    except (OSError, HTTPException) as error:
        raise Unreachable(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error


def _split(endpoint: str) -> tuple[bool, str, int]:
    """Whether with TLS, the host, the port. Raises OperatorError."""
    whole = endpoint if endpoint.startswith(("http://", "https://")) else f"http://{endpoint}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or (whole is not endpoint and ("/" in endpoint or "?" in endpoint)):
        raise OperatorError(f"{endpoint!r} is not an endpoint; write http://HOST:PORT or unix:PATH")
    secure = parts.scheme == "https"
    return secure, host, port or (443 if secure else 80)
