"""Who asks, and what they may do. A unix socket's file mode is its lock: whoever opens it is admin."""

import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from engine.api.problems import Forbidden, Unauthorised
from engine.engine import Engine
from engine.settings import ControlApiSettings, TokenScope


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client."""

    name: str
    scope: TokenScope


SOCKET = Caller("socket", TokenScope.ADMIN)


def caller(request: Request) -> Caller:
    """The client of a request. Raises Unauthorised."""
    settings: ControlApiSettings = request.app.state.api
    if settings.listen.startswith("unix:"):
        return SOCKET
    kind, _, offered = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        for token in settings.tokens:
            known = token.token.get_secret_value() if token.token else ""
            if known and hmac.compare_digest(known.encode(), offered.strip().encode()):
                return Caller(token.name, token.scope)
    raise Unauthorised("send Authorization: Bearer TOKEN with a token of engine.control-api.tokens")


def needs(scope: TokenScope) -> Any:
    """A dependency that lets through callers with that scope."""

    def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if not who.scope.allows(scope):
            raise Forbidden(f"token {who.name} has scope {who.scope}; this needs {scope}")
        return who

    return Depends(check)


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


Reader = Annotated[Caller, needs(TokenScope.READ)]
Operator = Annotated[Caller, needs(TokenScope.OPERATE)]
TheEngine = Annotated[Engine, Depends(engine_of)]
