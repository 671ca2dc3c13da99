"""SMTP in: sockets around engine.smtp.server. Takes mail, hands it to `accept`, answers what that returned.

The 250 for a message is written only after `accept` returned it: whoever accepts has made it durable.
Time-outs here are promises to peers and run in real seconds.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from core import address
from core.address import IpAddress, IpNetwork
from core.errors import InternalError, SpoolFull
from engine.inbound import InboundConnection
from engine.login import Logins
from engine.smtp import server_replies
from engine.smtp.limits import Authentication, Offers, Relaying, ServerLimits
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply, local
from engine.smtp.server import ServerSession
from engine.smtp.server_events import Credentials
from engine.submitters import Submitters
from engine.tls import Certificate

log = logging.getLogger(__name__)

Accept = Callable[[ReceivedMessage], Awaitable[Reply]]

_NO_ROOM: Final = local(452, "4.3.1", "Insufficient system storage, try again later")
_LOCAL_ERROR: Final = local(451, "4.3.0", "Local error in processing, try again later")


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Where to listen, for whom, and within which bounds.

    `addresses` are (host, port), port 0 for any free one. `idle_timeout` and `stop_grace` in real seconds;
    a peer is idle that has not completed a command nor sent a KiB of content for that long
    (RFC 5321 section 4.5.3.2.7: at least 5 minutes). Without a certificate there is no STARTTLS, without
    submitters no AUTH; AUTH is offered inside TLS alone, to clients on loopback also in the clear where
    `clear_login_on_loopback` says so. `login_delay` is how long a failed login waits for its answer.
    """

    addresses: tuple[tuple[str, int], ...]
    relay_from: tuple[IpNetwork, ...]
    limits: ServerLimits
    max_sessions: int = 2_000
    max_sessions_per_peer: int = 500
    idle_timeout: float = 300.0
    stop_grace: float = 30.0
    backlog: int = 1_024
    certificate: Certificate | None = None
    submitters: Submitters | None = None
    clear_login_on_loopback: bool = False
    login_delay: float = 1.0


class Listener:
    """Accepts connections until told to stop."""

    def __init__(self, settings: ListenerSettings, accept: Accept) -> None:
        self._settings = settings
        self._accept = accept
        self._servers: list[asyncio.Server] = []
        self._connections: set[InboundConnection] = set()
        self._per_peer: Counter[IpAddress] = Counter()
        self._commits: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._stopping = False
        self._logins = Logins(settings.submitters, settings.login_delay) if settings.submitters else None

    @property
    def sessions(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it really listens, once started."""
        return [s.getsockname()[:2] for server in self._servers for s in server.sockets]

    async def start(self) -> None:
        """Begin to listen. Raises OSError when an address cannot be had; then nothing listens."""
        loop = asyncio.get_running_loop()
        try:
            for host, port in self._settings.addresses:
                server = await loop.create_server(
                    lambda: InboundConnection(self), host, port, backlog=self._settings.backlog
                )
                self._servers.append(server)
        except OSError:
            self._close_servers()
            raise
        self._sweeper = loop.create_task(self._sweep_for_ever())

    async def stop(self) -> None:
        """The idle hear 421 at once; messages on their way may finish within the grace."""
        self._stopping = True
        self._close_servers()
        for connection in list(self._connections):
            connection.dismiss()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_grace):
                await self._wait_until_quiet()
        await self._cut_off()

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []

    async def _wait_until_quiet(self) -> None:
        while self._connections or self._commits:
            if self._connections:
                self._empty.clear()
                await self._empty.wait()
            else:
                await asyncio.wait(self._commits)

    async def _cut_off(self) -> None:
        """End what the grace was not enough for. No reply is owed then: the client will try again."""
        leftovers = [*self._commits, *([self._sweeper] if self._sweeper else [])]
        for task in leftovers:
            task.cancel()
        await asyncio.gather(*leftovers, return_exceptions=True)
        for connection in list(self._connections):
            connection.abort()

    # What connections ask

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def admit(self, connection: InboundConnection, peer: IpAddress) -> ServerSession | bytes:
        """A session for the newcomer, or the refusal that it shall hear."""
        settings = self._settings
        self._connections.add(connection)
        self._per_peer[peer] += 1
        if self._stopping:
            return server_replies.STOPPING
        if len(self._connections) > settings.max_sessions:
            return server_replies.TOO_MANY_SESSIONS
        if self._per_peer[peer] > settings.max_sessions_per_peer:
            return server_replies.TOO_MANY_FROM_PEER
        trusted = address.contains(settings.relay_from, peer)
        relaying = Relaying.ALLOWED if trusted else Relaying.DENIED
        return ServerSession(settings.limits, peer, relaying, self._offers(peer))

    def _offers(self, peer: IpAddress) -> Offers:
        settings = self._settings
        authentication = Authentication.NONE
        if self._logins:
            in_clear = settings.clear_login_on_loopback and peer.is_loopback
            authentication = Authentication.ALWAYS if in_clear else Authentication.OVER_TLS
        return Offers(settings.certificate is not None, authentication)

    def tls(self) -> ssl.SSLContext:
        """Our certificate, for one handshake."""
        if self._settings.certificate is None:
            raise InternalError("STARTTLS was offered without a certificate")
        return self._settings.certificate.context()

    def check(self, connection: InboundConnection, peer: IpAddress, credentials: Credentials) -> None:
        """Have the credentials checked; the connection hears the verdict."""
        self._spawn(self._check(connection, peer, credentials))

    async def _check(self, connection: InboundConnection, peer: IpAddress, credentials: Credentials) -> None:
        if self._logins is not None:
            connection.verdict(await self._logins.check(peer, credentials))

    def forget(self, connection: InboundConnection, peer: IpAddress) -> None:
        self._connections.discard(connection)
        self._per_peer[peer] -= 1
        if self._per_peer[peer] <= 0:
            del self._per_peer[peer]
        if not self._connections:
            self._empty.set()

    def commit(self, connection: InboundConnection, message: ReceivedMessage) -> None:
        """Have the message accepted; the connection hears the answer. A lost connection cancels nothing."""
        self._spawn(self._commit(connection, message))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)

    async def _commit(self, connection: InboundConnection, message: ReceivedMessage) -> None:
        connection.answer(await self._judge(message))

    async def _judge(self, message: ReceivedMessage) -> Reply:
        try:
            return await self._accept(message)
        except SpoolFull:
            log.warning(
                "The spool is full; a message was put off.",
                extra={"event": "listener.spool_full", "peer": str(message.peer)},
            )
            return _NO_ROOM
        except Exception:
            # The peer must not learn what broke; the log does.
            log.exception(
                "A message could not be accepted.",
                extra={"event": "listener.accept_failed", "peer": str(message.peer)},
            )
            return _LOCAL_ERROR

    async def _sweep_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        idle = self._settings.idle_timeout
        while True:
            await asyncio.sleep(min(idle / 4, 5.0))
            now = loop.time()
            for connection in list(self._connections):
                connection.check_idle(now, idle)
