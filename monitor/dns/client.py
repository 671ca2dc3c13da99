"""Asks name servers over UDP, and over TCP what does not fit. The sockets of monitor.dns; it decides little.

Every server gets several sockets on ports that the system picks at random, replaced after a while, so that
whoever wants to forge an answer has to guess port and id together (RFC 5452). Waits are real seconds: they
are promises about a network.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from monitor.dns import exchange, message
from monitor.dns.exchange import Identities, Peer, Pending, Port, Timers
from monitor.dns.message import Reply
from monitor.dns.pace import Pace

PORTS: Final = 4
ROTATE_AFTER: Final = 16_384
"""Questions after which a socket gives way to one on another port."""

_TICK: Final = 0.05
_LONGEST: Final = 65_535

Asked = Pending[asyncio.Future[Reply | None]]


class _Socket(asyncio.DatagramProtocol):
    """One UDP socket, connected to one server: the kernel already drops what others send."""

    def __init__(self, client: "DnsClient", port: Port[asyncio.Future[Reply | None]]) -> None:
        self._client = client
        self.port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # 3.11's selector transport is no DatagramTransport by inheritance
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.send = self._transport.sendto

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        found = self.port.match(data, addr)
        if found is not None:
            self._client.received(self.port.server, *found)

    def error_received(self, exc: Exception) -> None:
        """A closed port is silence: the server may be on its way back."""

    def close(self) -> None:
        self._transport.close()


@dataclass(slots=True)
class _Server:
    """One name server: its sockets, its pace, and who waits for a turn."""

    peer: Peer
    pace: Pace
    sockets: list[_Socket] = field(default_factory=list)
    turn: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def socket(self) -> _Socket:
        self.turn = (self.turn + 1) % len(self.sockets)
        return self.sockets[self.turn]

    async def enter(self) -> None:
        """Wait for room in the window, first come first served."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give the room back, and let in whoever fits."""
        self.pace.open -= 1
        while self.waiting and not self.pace.is_full:
            following = self.waiting.popleft()
            if not following.done():
                self.pace.open += 1
                following.set_result(None)


class DnsClient:
    """Asks the first server that is not silent, then the others. Use it in one event loop; `aclose` it.

    `patience` is how many seconds one question may take in all; `window` how many may be open at one server.
    """

    def __init__(self, servers: Sequence[Peer], *, patience: float, window: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._servers = [_Server(peer, Pace(window, patience)) for peer in servers]
        self._patience = patience
        self._identities = Identities(os.urandom)
        self._timers: Timers[asyncio.Future[Reply | None]] = Timers()
        self._tick: asyncio.TimerHandle | None = None
        self._outgoing: list[tuple[_Socket, bytes]] = []
        self._retired: list[_Socket] = []
        self._renewals: set[asyncio.Task[None]] = set()

    async def ask(self, asked: bytes) -> Reply | None:
        """The reply to one question (message.question); None when nobody answered in time.

        Raises OSError when no socket can be opened at all.
        """
        number = self._preferred() if self._servers[0].pace.is_doubtful else 0
        server = self._servers[number]
        if server.waiting or server.pace.is_full:
            await server.enter()
        else:
            server.pace.open += 1
        pending: Asked | None = None
        try:
            if not server.sockets:
                await self._open(number)
            now = self._loop.time()
            pending = Pending(asked, self._loop.create_future(), now, now + self._patience, server=number)
            self._send(pending)
            found = await pending.waiter
            if found is None:
                return pending.failed
            if found.truncated:
                return await self._over_tcp(pending, asked)
            return found
        finally:
            if pending is not None and not pending.done:
                exchange.settle(pending)
            server.leave()

    async def aclose(self) -> None:
        """Close every socket; questions that still wait are answered with silence."""
        if self._tick is not None:
            self._tick.cancel()
        for task in self._renewals:
            task.cancel()
        await asyncio.gather(*self._renewals, return_exceptions=True)
        for pending in self._timers.due(float("inf")):
            _hand(pending, None)
        for server in self._servers:
            for socket in server.sockets:
                socket.close()
            server.sockets.clear()
        for socket in self._retired:
            socket.close()
        self._retired.clear()

    def received(self, number: int, pending: Asked, found: Reply) -> None:
        """A socket of server `number` hands in an answer that belongs to a question."""
        self._servers[number].pace.answered(self._loop.time() - pending.sent_at)
        if found.rcode and exchange.is_failure(found) and pending.attempts < len(self._servers):
            pending.failed = found
            self._send(pending, elsewhere=True)
            return
        _hand(pending, found)

    def _preferred(self) -> int:
        now = self._loop.time()
        return next((n for n, server in enumerate(self._servers) if not server.pace.is_silent(now)), 0)

    def _send(self, pending: Asked, *, elsewhere: bool = False) -> None:
        """Send, or send again: to the same server from the same port, or else to the next one."""
        if elsewhere:
            following = (pending.server + 1) % len(self._servers)
            pending.server = following if self._servers[following].sockets else pending.server
        server = self._servers[pending.server]
        socket = server.socket()
        if pending.attempts:
            socket, query = self._same_again(pending, server, socket)
            wait = exchange.again_after(server.pace.wait, pending.attempts + 1)
        else:
            query, wait = socket.port.place(pending), server.pace.wait
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append((socket, query))
        pending.attempts += 1
        self._timers.at(self._loop.time() + wait, pending)
        if self._tick is None:
            self._tick = self._loop.call_later(_TICK, self._on_tick)
        if socket.port.sent >= ROTATE_AFTER and socket in server.sockets:
            self._rotate(server, socket)

    def _flush(self) -> None:
        """Send what this turn of the loop brought in one go: a server that is kept busy need not be woken.

        Measured against rbldnsd on two busy cores: a third fewer switches from one to the other.
        """
        outgoing, self._outgoing = self._outgoing, []
        for socket, query in outgoing:
            socket.send(query)

    def _same_again(self, pending: Asked, server: _Server, socket: _Socket) -> tuple[_Socket, bytes]:
        """The socket and the query that went to this server before; new ones when it is the first time."""
        sockets = {known.port: known for known in (*server.sockets, *self._retired)}
        for port, identity in pending.places:
            if port in sockets and port.server == pending.server:
                return sockets[port], message.query(identity, pending.question)
        return socket, socket.port.place(pending)

    def _on_tick(self) -> None:
        self._tick = None
        now = self._loop.time()
        for pending in self._timers.due(now):
            pace = self._servers[pending.server].pace
            pace.lost(now)
            several = len(self._servers) > 1
            if several or now >= pending.deadline:
                pace.given_up(now)
            if now >= pending.deadline:
                _hand(pending, None)
            else:
                self._send(pending, elsewhere=several)
        for socket in [s for s in self._retired if not len(s.port)]:
            socket.close()
            self._retired.remove(socket)
        if len(self._timers) or self._retired:
            self._tick = self._loop.call_later(_TICK, self._on_tick)

    async def _open(self, number: int) -> None:
        """Open the sockets of a server, and of all others that may have to help."""
        for place in (number, *range(len(self._servers))):
            server = self._servers[place]
            async with server.opening:
                if not server.sockets:
                    server.sockets += [await self._socket(place) for _ in range(PORTS)]

    async def _socket(self, number: int) -> _Socket:
        peer = self._servers[number].peer
        port: Port[asyncio.Future[Reply | None]] = Port(number, peer, self._identities)
        _, socket = await self._loop.create_datagram_endpoint(lambda: _Socket(self, port), remote_addr=peer)
        return socket

    def _rotate(self, server: _Server, worn: _Socket) -> None:
        worn.port.sent = 0  # so that it is not replaced twice

        async def replace() -> None:
            with contextlib.suppress(OSError):  # out of sockets just now: the old one serves on
                fresh = await self._socket(worn.port.server)
                server.sockets[server.sockets.index(worn)] = fresh
                self._retired.append(worn)

        task = self._loop.create_task(replace())
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)

    async def _over_tcp(self, pending: Asked, asked: bytes) -> Reply | None:
        """The same question on a connection of its own (RFC 7766); None when that fails as well."""
        peer = self._servers[pending.server].peer
        identity = self._identities.next()
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._patience):
                reader, writer = await asyncio.open_connection(*peer, limit=_LONGEST)
                query = message.query(identity, asked)
                writer.write(len(query).to_bytes(2) + query)
                packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None
        finally:
            if writer is not None:
                writer.transport.abort()
        found = message.reply(packet, asked)
        return found if found is not None and message.identity(packet) == identity else None


def _hand(pending: Asked, found: Reply | None) -> None:
    exchange.settle(pending)
    if not pending.waiter.done():
        pending.waiter.set_result(found)
