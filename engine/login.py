"""Checks the credentials of submitters, one thread at a time, and lets those who guess wait."""

import asyncio
import logging
from typing import Final

from core.address import IpAddress
from core.text import printable
from engine.smtp.server_events import Credentials, Verdict
from engine.submitters import Lockouts, Submitters

log = logging.getLogger(__name__)

_AT_ONCE: Final = 2
"""Password checks at a time: each takes 16 MiB and a core for 40 ms."""


class Logins:
    """Decides about credentials. `delay` is in real seconds; a peer that failed often waits longer."""

    def __init__(self, submitters: Submitters, delay: float) -> None:
        self._submitters = submitters
        self._delay = delay
        self._lockouts = Lockouts()
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def check(self, peer: IpAddress, credentials: Credentials) -> Verdict:
        """What to tell the client. The password goes nowhere."""
        loop = asyncio.get_running_loop()
        if self._lockouts.holds(peer, loop.time()):
            return await self._turned_down(peer, credentials, Verdict.LOCKED_OUT)
        async with self._room:
            right = await asyncio.to_thread(self._submitters.matches, credentials.user, credentials.password)
        if not right:
            self._lockouts.failed(peer, loop.time())
            return await self._turned_down(peer, credentials, Verdict.REFUSED)
        self._lockouts.succeeded(peer)
        return Verdict.ACCEPTED

    async def _turned_down(self, peer: IpAddress, credentials: Credentials, verdict: Verdict) -> Verdict:
        log.warning(
            "A login was turned down.",
            extra={
                "event": "listener.login_failed",
                "peer": str(peer),
                "user": printable(credentials.user, 100),
                "why": verdict.value,
            },
        )
        await asyncio.sleep(self._delay)
        return verdict
