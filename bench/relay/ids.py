"""A sink that knows every message: who it was for is its name, and when it was there.

smtp-sink only counts. This one is for checks and latency; it is not measured against.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

_END = b"\r\n.\r\n"
_SIGNATURE = b"dkim-signature:"
_REPLIES = {
    b"EHLO": b"250-sink.bench.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"HELO": b"250 sink.bench.test\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
    b"DATA": b"354 Go on\r\n",
}
_OK = b"250 2.0.0 Ok\r\n"


@dataclass(frozen=True, slots=True)
class Arrival:
    """`at` is on the performance counter, when the last octet was read."""

    recipient: str
    at: float
    signed: bool


@dataclass(slots=True)
class IdSink:
    """Where it listens and what it took."""

    port: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        self._grown.set()

    async def until(self, count: int, seconds: float) -> None:
        """Wait for so many arrivals in all. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.arrivals) < count:
                self._grown.clear()
                await self._grown.wait()


def faults(arrivals: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """What is wrong with the recipients that arrived; nothing if each wanted one did exactly once."""
    found, expected = Counter(arrivals), set(wanted)
    missing, repeated = expected - found.keys(), {name for name, times in found.items() if times > 1}
    named = (("missing", missing), ("repeated", repeated), ("never offered", found.keys() - expected))
    return [f"{len(names)} {what}, such as {min(names)}" for what, names in named if names]


@contextlib.asynccontextmanager
async def id_sink() -> AsyncIterator[IdSink]:
    sink = IdSink()
    server = await asyncio.get_running_loop().create_server(lambda: _Session(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()


class _Session(asyncio.Protocol):
    """Just enough SMTP (RFC 5321) to take what a relay sends, pipelined or not."""

    def __init__(self, sink: IdSink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._recipients: list[str] = []
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink.bench.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = []
        while reply := self._content() if self._in_data else self._command():
            replies.append(reply)
        self._transport.write(b"".join(replies))

    def _command(self) -> bytes:
        line, ended, rest = self._buffer.partition(b"\r\n")
        if not ended:
            return b""
        self._buffer = rest
        verb = bytes(line[:4]).upper()
        if verb == b"RCPT":
            self._recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
        self._in_data = verb == b"DATA"
        return _REPLIES.get(verb, _OK)

    def _content(self) -> bytes:
        content, ended, rest = self._buffer.partition(_END)
        if not ended:
            return b""
        signed = _SIGNATURE in content.partition(b"\r\n\r\n")[0].lower()
        for recipient in self._recipients:
            self._sink.take(Arrival(recipient, time.perf_counter(), signed))
        self._buffer, self._recipients, self._in_data = rest, [], False
        return _OK
