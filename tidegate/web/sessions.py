"""Who is signed in: sessions in memory, each with its own secret for forms, and the pace of trying tokens."""

import hmac
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from core.clock import NANOSECONDS, Clock
from tidegate.web.settings import WebScope

_MOST: Final = 1_000
_TRIES: Final = 10
_WINDOW: Final = 60 * NANOSECONDS
"""So many wrong tokens in so many nanoseconds from one address, and then it waits."""


@dataclass(slots=True)
class Session:
    """One signed-in person. `csrf` goes into every form; `notice` is said once, on the next page."""

    name: str
    scope: WebScope
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: int = 0
    notice: str = ""

    def may(self, wanted: WebScope) -> bool:
        return self.scope.allows(wanted)

    def wrote(self, offered: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), offered.encode())

    def take_notice(self) -> str:
        """What is to be said, and is not said again."""
        said, self.notice = self.notice, ""
        return said


class SessionBook:
    """Sessions by the secret in their cookie. A restart signs everybody out."""

    def __init__(self, idle: timedelta, clock: Clock) -> None:
        self._idle = round(idle.total_seconds() * NANOSECONDS)
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def open(self, name: str, scope: WebScope) -> tuple[str, Session]:
        """A new session and the secret for its cookie; the least used one makes room for it."""
        secret = secrets.token_urlsafe(32)
        session = Session(name, scope, used=self._clock.monotonic_ns())
        self._sessions[secret] = session
        while len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)
        return secret, session

    def find(self, secret: str, *, counts: bool = True) -> Session | None:
        """The session of a cookie unless it has been idle for too long; `counts`: this is a use of it."""
        session = self._sessions.get(secret)
        if session is None:
            return None
        now = self._clock.monotonic_ns()
        if now - session.used > self._idle:
            del self._sessions[secret]
            return None
        if counts:
            session.used = now
            self._sessions.move_to_end(secret)
        return session

    def close(self, secret: str) -> None:
        self._sessions.pop(secret, None)


class Patience:
    """How often an address may try a token that is none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[int]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until the address may try again; 0 for now."""
        tries = self._failed.get(address, deque())
        now = self._clock.monotonic_ns()
        while tries and tries[0] <= now - _WINDOW:
            tries.popleft()
        if len(tries) < _TRIES:
            return 0
        return max(1, -(-(tries[0] + _WINDOW - now) // NANOSECONDS))

    def failed(self, address: str) -> None:
        self._failed.setdefault(address, deque(maxlen=_TRIES)).append(self._clock.monotonic_ns())
        self._failed.move_to_end(address)
        while len(self._failed) > _MOST:
            self._failed.popitem(last=False)
