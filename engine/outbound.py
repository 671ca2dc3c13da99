"""SMTP out: one socket around engine.smtp.client, from a given source address to one peer.

Time-outs are promises to peers (RFC 5321 section 4.5.3.2) and run in real seconds.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, Self, cast

from core.address import IpAddress
from core.errors import DeliveryError
from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.client_events import Event, Finished, Ready, Rejected, ShakeHands
from engine.smtp.dsn import Wishes
from engine.smtp.outcome import Envelope, RecipientOutcome, Stage, TransactionResult
from engine.smtp.reply import Reply, Speaker, local
from engine.tls import IN_CLEAR, TlsWish
from engine.wire import Timeouts, Wire, plain

__all__ = ["ConnectCause", "ConnectFailed", "OutboundConnection", "Timeouts"]

_NO_CONNECTION: Final = local(451, "4.4.2", "connection lost between messages")
_TLS_STATUS: Final = frozenset({"4.7.4", "4.7.5"})
"""RFC 5248 registry: security features not supported, cryptographic failure."""
_IP_BIND_ADDRESS_NO_PORT: Final = 24
"""linux/in.h: choose the port at connect, so that one source address may have more than 28,000 of them."""
Wiring = Callable[[str, TlsPolicy, Timeouts], tuple[ClientSession, Wire]]


class ConnectCause(StrEnum):
    """Why there is no session. SOURCE_ADDRESS is our own fault and says nothing about the peer."""

    SOURCE_ADDRESS = "the source address cannot be used"
    NAME = "the host name cannot be resolved"
    REFUSED = "connection refused"
    TIMED_OUT = "no connection in time"
    UNREACHABLE = "unreachable"
    NOT_GREETED = "the peer did not greet us"
    TLS = "TLS could not be had"


class ConnectFailed(DeliveryError):  # noqa: N818 - reads as what happened
    """No session with a peer. `reply` is what the peer said, None when it said nothing; ours for TLS.

    Never `permanent`: even a 554 greeting speaks of one host (RFC 5321 section 3.1), and another may serve.
    """

    def __init__(self, message: str, cause: ConnectCause, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.reply = reply


class OutboundConnection:
    """A greeted connection. One `deliver` at a time."""

    def __init__(self, session: ClientSession, wire: Wire) -> None:
        """Use `open`."""
        self._session = session
        self._wire = wire

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        bind: IpAddress | None,
        hostname: str,
        timeouts: Timeouts,
        tls: TlsWish = IN_CLEAR,
        wired: Wiring = plain,
    ) -> Self:
        """Connect from `bind` (None: any address), read the greeting, say EHLO. Raises ConnectFailed.

        With `tls`, say STARTTLS where it is offered. A handshake that fails is no connection, whatever the
        policy: who does without encryption opens another. `wired` makes a session and the wire under it.
        """
        session, wire = wired(hostname, tls.policy, timeouts)
        try:
            async with asyncio.timeout(timeouts.connect):
                await _connect(wire, host, port, bind)
        except OSError as error:
            raise _failed(f"{host}:{port}", error, timeouts) from error
        event = await wire.converse([])
        if isinstance(event, ShakeHands):
            event = await _secure(wire, f"{host}:{port}", tls)
        if isinstance(event, Ready):
            return cls(session, wire)
        wire.abort()
        raise _not_greeted(f"{host}:{port}", event.reply if isinstance(event, Rejected) else None, session)

    @property
    def usable(self) -> bool:
        """Whether the peer would take another message, as far as we have heard."""
        return self._session.is_ready and not self._wire.is_busy

    @property
    def extensions(self) -> Mapping[str, str]:
        """What the peer's EHLO offered."""
        return self._session.extensions

    @property
    def banner(self) -> Reply | None:
        return self._session.banner

    @property
    def tls_protocol(self) -> str:
        """`TLSv1.3` or such; empty in clear text."""
        return self._wire.secured.protocol if self._wire.secured else ""

    @property
    def tls_cipher(self) -> str:
        """The cipher suite as OpenSSL names it; empty in clear text."""
        return self._wire.secured.cipher if self._wire.secured else ""

    @property
    def source(self) -> str:
        """The local address that the socket has."""
        return self._wire.source

    async def deliver(
        self,
        sender: str,
        recipients: Sequence[str],
        content: bytes,
        *,
        eight_bit: bool = False,
        smtp_utf8: bool = False,
        wishes: Wishes | None = None,
    ) -> TransactionResult:
        """Run one transaction. Never raises for what a peer does; cancelling it drops the connection.

        `content` has CR LF at every line end (`data.normalise`), as whatever the spool holds has.
        """
        if not self._session.is_ready:
            outcomes = tuple(RecipientOutcome(r, _NO_CONNECTION, Stage.CONNECT) for r in recipients)
            return TransactionResult(outcomes, usable=False)
        envelope = Envelope(sender, tuple(recipients), content, eight_bit, smtp_utf8, wishes)
        event = await self._wire.converse(self._session.transaction(envelope))
        return cast("Finished", event).result

    async def close(self) -> None:
        """Say QUIT where that makes sense, and close within `timeouts.quit`."""
        if self.usable:
            self._session.quit()
            await self._wire.converse([])
        self._wire.abort()
        await self._wire.wait_until_lost()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._wire.abort()


async def _connect(wire: Wire, host: str, port: int, bind: IpAddress | None) -> None:
    loop = asyncio.get_running_loop()
    if bind is None:
        await loop.create_connection(lambda: wire, host, port)
        return
    sock = _bound_socket(bind)
    try:
        await loop.sock_connect(sock, (host, port))
        await loop.create_connection(lambda: wire, sock=sock)
    except BaseException:
        sock.close()
        raise


def _bound_socket(bind: IpAddress) -> socket.socket:
    family = socket.AF_INET if bind.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # an optimisation that other systems lack
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    try:
        sock.bind((str(bind), 0))
    except OSError as error:
        sock.close()
        text = f"{ConnectCause.SOURCE_ADDRESS}: {bind}: {error.strerror}"
        raise ConnectFailed(text, ConnectCause.SOURCE_ADDRESS) from error
    return sock


def _failed(peer: str, error: OSError, timeouts: Timeouts) -> ConnectFailed:
    if isinstance(error, socket.gaierror):
        return ConnectFailed(f"{peer}: {ConnectCause.NAME}", ConnectCause.NAME)
    if isinstance(error, ConnectionRefusedError):
        return ConnectFailed(f"{peer}: {ConnectCause.REFUSED}", ConnectCause.REFUSED)
    if isinstance(error, TimeoutError):
        text = f"{peer}: no connection within {timeouts.connect:g} s"
        return ConnectFailed(text, ConnectCause.TIMED_OUT)
    text = f"{peer}: {error.strerror or error}"
    return ConnectFailed(text, ConnectCause.UNREACHABLE)


async def _secure(wire: Wire, peer: str, tls: TlsWish) -> Event:
    """Shake hands and greet again. Raises ConnectFailed; the words of OpenSSL say why."""
    try:
        await wire.shake_hands(tls)
    except (OSError, ValueError) as error:  # ssl.SSLError is the former, a name unfit for SNI the latter
        reply = local(450, "4.7.5", f"TLS handshake failed: {_reason(error)}")
        raise ConnectFailed(f"{peer}: {reply.text}", ConnectCause.TLS, reply) from error
    return await wire.converse([])


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verification failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or "no answer in time"


def _not_greeted(peer: str, reply: Reply | None, session: ClientSession) -> ConnectFailed:
    """The peer's own words as they are; ours (a time-out, a lost connection) are no reply."""
    # A TLS 1.3 peer rejects our half of the handshake only after we believe it done.
    troubled = reply is not None and (session.began_tls or reply.enhanced in _TLS_STATUS)
    if reply is not None and troubled and reply.speaker is Speaker.OURSELVES:
        return ConnectFailed(f"{peer}: {reply.text}", ConnectCause.TLS, reply)
    said = reply.text if reply is not None and reply.speaker is Speaker.PEER else None
    text = said or (" ".join(reply.lines) if reply is not None else str(ConnectCause.NOT_GREETED))
    return ConnectFailed(f"{peer}: {text}", ConnectCause.NOT_GREETED, reply if said else None)
