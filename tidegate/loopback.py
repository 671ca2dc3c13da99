"""Waits on loopback for the browser that comes back from a sign-in (RFC 8252 7.3). One request counts."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from core.errors import ConflictError, OperatorError

HOST: Final = "127.0.0.1"
_LONGEST: Final = 16_384
_PATIENCE: Final = 10.0
_PAGE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Tidegate</title>"
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)
_HEADERS: Final = (
    "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'\r\n"
    "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n"
)

Reader = Callable[[str], str]
"""From the address that the browser was sent to, to the code in it.

Raises OperatorError when the sign-in failed, ConflictError when the address belongs to another one.
"""


class Loopback:
    """A listener on a port of its own; an async context manager. `address` is what to name as redirect."""

    def __init__(self, read: Reader, port: int = 0) -> None:
        self._read = read
        self._port = port
        self._server: asyncio.Server | None = None
        self._came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def address(self) -> str:
        """Microsoft knows this client by `http://localhost`, any port, no path."""
        return f"http://localhost:{self._port}"

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._serve, HOST, self._port, limit=_LONGEST)
        except OSError as error:
            raise OperatorError(
                f"port {self._port} of {HOST} cannot be listened on ({error.strerror}); give another --port"
            ) from None
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def code(self, seconds: float) -> str:
        """The code that the browser brings. Raises OperatorError when nobody comes, or is turned down."""
        try:
            async with asyncio.timeout(seconds):
                return await self._came
        except TimeoutError:
            raise OperatorError(
                f"nobody signed in within {seconds:g} s; where the browser runs elsewhere, add --paste"
            ) from None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verdict: str | OperatorError | None = None
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                page, verdict = self._judge(head)
                writer.write(page)
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whatever that was, it was not the browser
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._settle(verdict)

    def _settle(self, verdict: str | OperatorError | None) -> None:
        """Only once the browser has its page: the command line may end the process then."""
        if verdict is None or self._came.done():
            return
        if isinstance(verdict, str):
            self._came.set_result(verdict)
        else:
            self._came.set_exception(verdict)

    def _judge(self, head: bytes) -> tuple[bytes, str | OperatorError | None]:
        method, _, rest = head.decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        if method != "GET" or not target.startswith("/?"):
            return _page(404, "Not here", "This page waits for the end of a sign-in."), None
        try:
            code = self._read(target)
        except ConflictError:
            return _page(400, "Not signed in", "This is not the sign-in that was begun here."), None
        except OperatorError as error:
            return _page(400, "Not signed in", "The command line says why."), error
        return _page(200, "Signed in", "You can close this page; the command line goes on."), code


def _page(status: int, title: str, text: str) -> bytes:
    body = _PAGE.format(title=title, text=text).encode()
    return (
        f"HTTP/1.1 {status} {title}\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body
    )
