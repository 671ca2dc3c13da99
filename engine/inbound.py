"""One client's connection: a socket, its session, and what passes between them."""

import asyncio
import logging
import ssl
from ipaddress import ip_address
from typing import Final, Protocol, cast

from core.address import IpAddress
from engine.smtp import server_replies
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.smtp.server import ServerSession
from engine.smtp.server_events import Credentials, ServerEvent, StartTls, Verdict
from engine.tls import HANDSHAKE_SECONDS, secured

log = logging.getLogger(__name__)

_HELD_BYTES: Final = 65_536
"""Pipelined input kept while a message is being committed, before reading pauses."""


class Host(Protocol):
    """Whom a connection turns to: the listener."""

    @property
    def is_stopping(self) -> bool: ...

    def admit(self, connection: "InboundConnection", peer: IpAddress) -> ServerSession | bytes:
        """A session for the newcomer, or the refusal that it shall hear."""
        ...

    def commit(self, connection: "InboundConnection", message: ReceivedMessage) -> None:
        """Have the message accepted and call `connection.answer`."""
        ...

    def check(self, connection: "InboundConnection", peer: IpAddress, credentials: Credentials) -> None:
        """Have the credentials checked and call `connection.verdict`."""
        ...

    def tls(self) -> ssl.SSLContext:
        """Our certificate, for one handshake."""
        ...

    def forget(self, connection: "InboundConnection", peer: IpAddress) -> None: ...


class _Inside(asyncio.Protocol):
    """Keeps what comes through TLS until the session knows that there is TLS.

    The first octets inside may be read before `start_tls` has returned. They come here and those in the
    clear to the connection, so that neither can be taken for the other.
    """

    def __init__(self, connection: "InboundConnection") -> None:
        self._connection = connection
        self.early = b""

    def data_received(self, data: bytes) -> None:
        self.early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)


class InboundConnection(asyncio.Protocol):
    """Drives one session."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._session: ServerSession | None = None
        self._peer: IpAddress | None = None
        self._write_blocked = False
        self._read_paused = False
        self._half_closed = False
        self._encrypted = False
        self._handshake: asyncio.Task[None] | None = None
        self._mark: int | None = -1
        self._marked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._transport = transport
        self._peer = _peer_address(transport)
        if self._peer is None:
            transport.abort()
            return
        admitted = self._host.admit(self, self._peer)
        if isinstance(admitted, bytes):
            transport.write(admitted)
            transport.close()
            return
        self._session = admitted
        transport.write(admitted.data_to_send())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._session = None
        if self._handshake is not None:
            self._handshake.cancel()
        peer, self._peer = self._peer, None
        if peer is not None:
            self._host.forget(self, peer)

    def data_received(self, data: bytes) -> None:
        if self._session is not None:
            self._after(self._session, self._session.receive_data(data))

    def eof_received(self) -> bool:
        """A client that only stopped talking still hears whether its message was taken."""
        if self._encrypted:
            return False  # TLS has no half-closed connections
        self._half_closed = self._session is not None and self._session.is_committing
        return self._half_closed

    def pause_writing(self) -> None:
        # A client that does not read its answers gets to ask no more questions.
        self._write_blocked = True
        self._regulate()

    def resume_writing(self) -> None:
        self._write_blocked = False
        self._regulate()

    def answer(self, reply: Reply) -> None:
        """The reply to the message being committed; nobody hears it when the connection is gone."""
        if self._session is not None:
            self._after(self._session, self._session.finish(reply))

    def verdict(self, verdict: Verdict) -> None:
        """What came of the credentials; nobody hears it when the connection is gone."""
        if self._session is not None:
            self._after(self._session, self._session.verified(verdict))

    def dismiss(self) -> None:
        """Tell the client that we stop, unless a message is on its way."""
        if self._session is not None:
            self._after(self._session, [])

    def check_idle(self, now: float, limit: float) -> None:
        """Part with a client that makes no progress; called every now and then. Times in seconds."""
        session = self._session
        alive = session is not None and not session.is_closed
        mark = session.progress if session is not None and alive else None
        if mark != self._mark or (session is not None and session.is_committing):
            self._mark, self._marked_at = mark, now
        elif now - self._marked_at <= limit:
            return
        elif session is not None and alive and not session.is_securing:
            session.close(server_replies.IDLE)
            self._after(session, [])
        else:
            self.abort()  # it does not even read our last words

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, session: ServerSession, transport: asyncio.Transport) -> None:
        """From the 220 to the first octet inside TLS; a client that cannot is parted with."""
        inside = _Inside(self)
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                transport, inside, self._host.tls(), server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, asyncio.CancelledError) as error:
            log.info(
                "A client's TLS handshake failed.",
                extra={"event": "listener.tls_failed", "peer": str(self._peer), "error": str(error)},
            )
            encrypted = None
        self._handshake = None
        if encrypted is None:
            transport.abort()
            self.connection_lost(None)  # a transport that fails in its handshake does not say so itself
            return
        self._transport, self._encrypted = encrypted, True
        self._read_paused = self._write_blocked = False
        encrypted.set_protocol(self)
        found = secured(encrypted.get_extra_info("ssl_object"))
        session.secured(found.protocol, found.cipher)
        self._after(session, session.receive_data(inside.early) if inside.early else [])

    def _carry_out(self, session: ServerSession, event: ServerEvent) -> None:
        if isinstance(event, StartTls):
            if self._transport is not None:
                self._transport.pause_reading()
                shaking = self._shake_hands(session, self._transport)
                self._handshake = asyncio.get_running_loop().create_task(shaking)
        elif isinstance(event, Credentials):
            if self._peer is not None:
                self._host.check(self, self._peer, event)
        else:
            self._host.commit(self, event)

    def _after(self, session: ServerSession, events: list[ServerEvent]) -> None:
        """Write what the session has to say and carry on what it handed out."""
        for event in events:
            self._carry_out(session, event)
        if self._host.is_stopping and not session.is_busy:
            session.close(server_replies.STOPPING)
        out = session.data_to_send()
        transport = self._transport
        if transport is None:
            return
        if out:
            transport.write(out)
        if session.is_closed or (self._half_closed and not session.is_committing):
            if not transport.is_closing():  # twice spoils a TLS transport in early 3.11
                transport.close()
        elif (self._read_paused or session.held > _HELD_BYTES) and not session.is_securing:
            self._regulate()

    def _regulate(self) -> None:
        """Read only while the client reads us and little of what it sent waits."""
        transport, session = self._transport, self._session
        if transport is None or session is None or transport.is_closing() or self._half_closed:
            return
        pause = self._write_blocked or session.held > _HELD_BYTES
        if pause == self._read_paused:
            return
        self._read_paused = pause
        if pause:
            transport.pause_reading()
        else:
            transport.resume_reading()


def _peer_address(transport: asyncio.Transport) -> IpAddress | None:
    """The peer's address, None when it has gone already; IPv4 through an IPv6 socket counts as IPv4."""
    name = transport.get_extra_info("peername")
    if not name:
        return None
    found = ip_address(str(name[0]).partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
