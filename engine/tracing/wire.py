"""The session and the wire of a connection that somebody looks at: as the plain ones, and they tell."""

import asyncio
from typing import TYPE_CHECKING

from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.client_events import Event, Finished
from engine.smtp.client_states import State, Turn
from engine.smtp.reply import Reply, Speaker
from engine.tls import Secured
from engine.tracing.script import Ears
from engine.wire import Timeouts, Wire

if TYPE_CHECKING:
    from engine.tracing.onlooker import Audience


class TracedSession(ClientSession):
    """Tells each line said and heard."""

    def __init__(self, hostname: str, tls: TlsPolicy, audience: "Audience") -> None:
        super().__init__(hostname, tls)
        self._audience = audience
        self._ears = Ears()
        self._content_follows = False

    def receive_data(self, data: bytes) -> list[Event]:
        self._audience.heard(self._ears.lines(data))
        return super().receive_data(data)

    def secured(self) -> None:
        self._ears = Ears()  # half a line in the clear belongs to no line in TLS
        super().secured()

    def _say(self, command: bytes) -> None:
        if self._content_follows:
            self._audience.content(command)
        else:
            self._audience.said(command)
        super()._say(command)

    def _move(self, turn: Turn) -> None:
        super()._move(turn)
        self._content_follows = turn is Turn.GO_AHEAD
        if turn is Turn.CONTENT_WRITTEN:
            self._audience.written()
        elif turn is Turn.ACCEPTED and self.state is State.CLOSED:
            self._audience.ends("we said QUIT")

    def _lose(self, reply: Reply) -> list[Event]:
        if self.state is not State.CLOSED:
            ours = reply.speaker is Speaker.OURSELVES  # a code of ours would look like the peer's
            self._audience.ends(" ".join(reply.lines) if ours else reply.text)
        return super()._lose(reply)


class TracedWire(Wire):
    """Tells when it stands, what TLS it got, and what became of each recipient."""

    def __init__(self, session: TracedSession, timeouts: Timeouts, audience: "Audience") -> None:
        super().__init__(session, timeouts)
        self._audience = audience

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        host, port = (*(transport.get_extra_info("sockname") or ("", 0)), 0)[:2]
        self._audience.connected(f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}")
        super().connection_made(transport)

    def shaken(self, by: Secured) -> None:
        self._audience.secured(by)
        super().shaken(by)

    async def converse(self, events: list[Event]) -> Event:
        event = await super().converse(events)
        if isinstance(event, Finished):
            self._audience.results(event.result)
        return event


def wired(
    audience: "Audience", hostname: str, policy: TlsPolicy, timeouts: Timeouts
) -> tuple[ClientSession, Wire]:
    """A session that tells and its wire."""
    session = TracedSession(hostname, policy, audience)
    return session, TracedWire(session, timeouts, audience)
