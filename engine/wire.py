"""The socket under a client's session: writes what it says, hears what comes, watches the time-outs."""

import asyncio
from dataclasses import dataclass
from typing import Final, cast

from core.errors import InternalError
from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.client_events import Event
from engine.smtp.client_states import State
from engine.tls import HANDSHAKE_SECONDS, Secured, TlsWish, secured

_HIGH_WATER: Final = 65_536


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a peer may take, in real seconds (RFC 5321 section 4.5.3.2; connect and quit are ours)."""

    connect: float = 30.0
    greeting: float = 300.0
    ehlo: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data_init: float = 120.0
    data_block: float = 180.0
    final_dot: float = 600.0
    quit: float = 5.0

    def of(self, state: State) -> float | None:
        """The time-out for what the session waits for now; None when it waits for nothing."""
        field = _FIELDS.get(state)
        return getattr(self, field) if field else None


_FIELDS: Final = {
    State.GREETING: "greeting",
    State.EHLO: "ehlo",
    State.HELO: "ehlo",
    State.STARTTLS: "ehlo",
    State.RSET: "mail",
    State.MAIL: "mail",
    State.RCPT: "rcpt",
    State.DATA: "data_init",
    State.CONTENT: "data_block",
    State.FINAL_DOT: "final_dot",
    State.QUIT: "quit",
}


class Wire(asyncio.Protocol):
    """Drives one session; somebody may wait for its next event."""

    def __init__(self, session: ClientSession, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Event] | None = None
        self._early: list[Event] = []
        self._write_blocked = False
        self._unwritten = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.source = ""
        self.secured: Secured | None = None

    @property
    def is_busy(self) -> bool:
        return self._waiter is not None

    async def converse(self, events: list[Event]) -> Event:
        """Say what the session has to say and wait for its next event, or take it from `events`."""
        if self._waiter is not None:
            raise InternalError("one conversation at a time")
        self._waiter = self._loop.create_future()
        self._unwritten = 0
        self._carry_on([*self._early, *events])
        self._early = []
        try:
            return await self._waiter
        except asyncio.CancelledError:
            self.abort()  # half a conversation cannot be taken up again
            raise
        finally:
            self._waiter = self._deadline = None

    async def shake_hands(self, wish: TlsWish) -> None:
        """Put TLS under the session. Raises OSError or ValueError; then the connection is dropped."""
        if self._transport is None or wish.context is None or self._transport.is_closing():
            raise ConnectionResetError("connection lost before the TLS handshake")
        try:
            transport = await self._loop.start_tls(
                self._transport, self, wish.context,
                server_hostname=wish.name, ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )  # fmt: skip
        except BaseException:
            self._drop()
            raise
        if transport is None:  # lost in the same moment
            self._drop()
            raise ConnectionResetError("connection lost during the TLS handshake")
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER, low=0)
        self.shaken(secured(transport.get_extra_info("ssl_object")))

    def shaken(self, by: Secured) -> None:
        """TLS stands; the session greets again."""
        self.secured = by
        self._session.secured()

    def _drop(self) -> None:
        """A transport that failed in its handshake tells nobody that it is gone."""
        self._session.lose("TLS failed")
        if self._transport is not None:
            self._transport.abort()
        if not self._lost.done():
            self._lost.set_result(None)

    def abort(self) -> None:
        """Drop the connection at once; what is open ends as lost."""
        for event in self._session.lose("given up"):
            self._hand_over(event)
        if self._transport is not None:
            self._transport.abort()

    async def wait_until_lost(self) -> None:
        """Wait until the socket is closed."""
        if self._transport is not None:
            await asyncio.shield(self._lost)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        # Low water at zero: resume_writing then means that all of a content has left.
        self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=0)
        self.source = str((self._transport.get_extra_info("sockname") or ("",))[0])

    def data_received(self, data: bytes) -> None:
        self._carry_on(self._session.receive_data(data))

    def connection_lost(self, exc: Exception | None) -> None:
        reason = getattr(exc, "strerror", None)
        self._carry_on(self._session.lose(f"connection lost ({reason})" if reason else "connection lost"))
        if self._timer is not None:
            self._timer.cancel()
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        self._write_blocked = True

    def resume_writing(self) -> None:
        self._write_blocked = False
        self._carry_on([])

    # Within

    def _carry_on(self, events: list[Event]) -> None:
        """Write, notice the end, hand over an event, set the next time-out."""
        transport, session = self._transport, self._session
        out = session.data_to_send()
        if out and transport is not None:
            transport.write(out)
        if session.state is State.CONTENT and not self._write_blocked:
            session.content_written()
        # closing a TLS transport twice spoils it in early 3.11: its abort raises then
        if session.state is State.CLOSED and transport is not None and not transport.is_closing():
            transport.abort() if self._write_blocked else transport.close()
        for event in events:
            self._hand_over(event)
        self._set_deadline()

    def _hand_over(self, event: Event) -> None:
        if self._waiter is None:
            # Nobody asked: either a greeting before `converse`, or the end of an idle connection.
            self._early.append(event)
        elif not self._waiter.done():
            self._waiter.set_result(event)

    def _set_deadline(self) -> None:
        waits = self._waiter is not None and not self._waiter.done()
        period = self._timeouts.of(self._session.state) if waits else None
        if period is None:
            self._deadline = None
            return
        self._deadline = self._loop.time() + period
        # The timer is moved only when it would ring too late: most time-outs never come.
        if self._timer is None or self._timer_at > self._deadline:
            self._start_timer(self._deadline)

    def _start_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._start_timer(self._deadline)
        elif self._is_moving():
            self._set_deadline()
        else:
            self._time_out()

    def _is_moving(self) -> bool:
        """While content is sent the time-out is for one block: any progress is enough."""
        if self._session.state is not State.CONTENT or self._transport is None:
            return False
        before, self._unwritten = self._unwritten, self._transport.get_write_buffer_size()
        return before == 0 or self._unwritten < before

    def _time_out(self) -> None:
        period = self._timeouts.of(self._session.state) or 0.0
        events = self._session.lose(f"timed out after {period:g} s")
        if self._transport is not None:
            self._transport.abort()
        self._carry_on(events)


def plain(hostname: str, policy: TlsPolicy, timeouts: Timeouts) -> tuple[ClientSession, Wire]:
    """A session that says EHLO with `hostname`, and the wire under it."""
    session = ClientSession(hostname, policy)
    return session, Wire(session, timeouts)
