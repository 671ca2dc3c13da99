"""aiosmtpd on the caller's event loop, with a 421 that ends the connection as RFC 5321 section 3.8 asks."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP

_LINGER = 0.1
"""Real seconds between a 421 and the close: a close with input unread would reset the reply away."""


class Session(SMTP):
    """One connection."""

    async def push(self, status: Any) -> None:
        await super().push(status)
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("421") and self.transport is not None:
            asyncio.get_running_loop().call_later(_LINGER, self.transport.close)


class SmtpServer:
    """Listens for `handler` (aiosmtpd hooks) on one address; port 0 picks one."""

    def __init__(self, handler: Any, host: str = "127.0.0.1", port: int = 0, hostname: str = "lab") -> None:
        self._handler = handler
        self._hostname = hostname
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._open: set[Session] = set()

    def _session(self) -> Session:
        session = Session(
            self._handler, loop=asyncio.get_running_loop(), hostname=self._hostname, ident="ESMTP"
        )
        self._open.add(session)
        self._open = {s for s in self._open if s.transport is not None or s is session}
        return session

    async def start(self) -> None:
        """Bind. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop open connections."""
        if self._server is None:
            return
        self._server.close()
        waiting = []
        for session in self._open:
            if isinstance(session.transport, asyncio.Transport):
                session.transport.abort()
            if session._handler_coroutine is not None:  # noqa: SLF001 - aiosmtpd has no public way to wait
                waiting.append(session._handler_coroutine)  # noqa: SLF001
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._server.wait_closed()
