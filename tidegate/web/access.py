"""Who asks the watch process, what they may do, and whether they ask too often."""

import hmac
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core.clock import NANOSECONDS, Clock
from tidegate.web.problems import ProblemError
from tidegate.web.settings import UNIX, WebScope, WebSettings, WebToken


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client."""

    name: str
    scopes: frozenset[WebScope]

    def may(self, wanted: WebScope) -> bool:
        return any(scope.allows(wanted) for scope in self.scopes)


SOCKET = Caller("socket", frozenset(WebScope))

_BEARER = HTTPBearer(
    scheme_name="bearer",
    description="A token of web.tokens. The role that an operation needs stands beside it.",
    auto_error=False,
)
_Told = HTTPAuthorizationCredentials | None
OPEN: dict[str, Any] = {"security": []}
"""For `openapi_extra`: this door needs no token, on purpose."""


@dataclass(slots=True)
class _Known:
    token: WebToken
    secret: bytes
    asked: deque[int] = field(default_factory=deque)


class Doorkeeper:
    """Knows the tokens, and when each was used: at most its rate in any window of that length."""

    def __init__(self, settings: WebSettings, clock: Clock) -> None:
        self._is_socket = settings.listen.startswith(UNIX)
        self._clock = clock
        self._known = list(_known(settings.tokens))

    def admit(self, authorization: str) -> Caller:
        """The client of a request. Raises ProblemError 401 and 429."""
        if self._is_socket:
            return SOCKET
        kind, _, offered = authorization.partition(" ")
        one = self._find(offered) if kind.lower() == "bearer" else None
        if one is not None:
            self._pace(one)
            return Caller(one.token.name, frozenset({one.token.scope}))
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer TOKEN with a token of web.tokens"
        )

    def recognise(self, offered: str) -> WebToken | None:
        """The token that somebody signs in with, if it is one."""
        one = self._find(offered)
        return one.token if one else None

    def _find(self, offered: str) -> _Known | None:
        tried = offered.strip().encode()
        return next((one for one in self._known if hmac.compare_digest(one.secret, tried)), None)

    def _pace(self, one: _Known) -> None:
        rate = one.token.rate
        if rate.count is None:
            return
        now, window = self._clock.monotonic_ns(), rate.seconds * NANOSECONDS
        while one.asked and one.asked[0] <= now - window:
            one.asked.popleft()
        if len(one.asked) >= rate.count:
            wait = -(-(one.asked[0] + window - now) // NANOSECONDS)
            said = f"token {one.token.name} may make {rate} requests"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, said, wait=max(1, wait))
        one.asked.append(now)


def _known(tokens: Iterable[WebToken]) -> Iterable[_Known]:
    return (_Known(t, t.token.get_secret_value().encode()) for t in tokens if t.token is not None)


def caller(request: Request) -> Caller:
    """The client of a request. Raises ProblemError."""
    keeper: Doorkeeper = request.app.state.doorkeeper
    return keeper.admit(request.headers.get("authorization", ""))


def needs(scope: WebScope) -> Any:
    """A dependency that lets through callers with that scope, and says so in the OpenAPI document."""

    # the scheme stands here for the document alone; in caller() it would make every request count twice
    def check(who: Annotated[Caller, Depends(caller)], _scheme: Annotated[_Told, Depends(_BEARER)]) -> Caller:
        if not who.may(scope):
            held = ", ".join(sorted(who.scopes))
            raise ProblemError(HTTPStatus.FORBIDDEN, f"token {who.name} has scope {held}; this needs {scope}")
        return who

    return Security(check, scopes=[scope])


Sender = Annotated[Caller, needs(WebScope.ALERT)]
Reader = Annotated[Caller, needs(WebScope.READ)]
