"""Who asks, and what they may do. A unix socket's file mode is its lock: whoever opens it is admin."""

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core.errors import OperatorError
from engine.api.problems import Forbidden, TooManyRequests, Unauthorised
from engine.api.tokens import TokenBook
from engine.audit import Change
from engine.engine import Engine
from engine.settings import ControlApiSettings, TokenScope

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client."""

    name: str
    scope: TokenScope


SOCKET = Caller("socket", TokenScope.ADMIN)

_BEARER = HTTPBearer(
    scheme_name="bearer",
    description="A token of engine.control-api.tokens. The role that an operation needs stands beside it.",
    auto_error=False,
)
_Told = HTTPAuthorizationCredentials | None
OPEN: dict[str, Any] = {"security": []}
"""For `openapi_extra`: this door needs no token, on purpose."""


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def caller(request: Request) -> Caller:
    """The client of a request. Raises Unauthorised and TooManyRequests."""
    settings: ControlApiSettings = request.app.state.api
    if settings.listen.startswith("unix:"):
        return SOCKET
    book: TokenBook = request.app.state.tokens
    kind, _, offered = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        # tokens may have changed with a reload, the address may not
        for token in engine_of(request).settings.control_api.tokens:
            known = token.token.get_secret_value() if token.token else ""
            if known and hmac.compare_digest(known.encode(), offered.strip().encode()):
                if wait := book.use(token):
                    raise TooManyRequests(f"token {token.name} may make {token.rate} requests", wait)
                return Caller(token.name, token.scope)
    raise Unauthorised("send Authorization: Bearer TOKEN with a token of engine.control-api.tokens")


def needs(scope: TokenScope) -> Any:
    """A dependency that lets through callers with that scope, and says so in the OpenAPI document."""

    # the scheme stands here for the document alone; in caller() it would make every request count twice
    def check(
        request: Request,
        who: Annotated[Caller, Depends(caller)],
        _scheme: Annotated[_Told, Depends(_BEARER)],
    ) -> Caller:
        if not who.scope.allows(scope):
            raise Forbidden(f"token {who.name} has scope {who.scope}; this needs {scope}")
        _refuse_unknown_names(request)
        return who

    return Security(check, scopes=[scope])


def _refuse_unknown_names(request: Request) -> None:
    """Raises OperatorError: with `?dry-run=true` misspelt, what was to be rehearsed would be done."""
    route: APIRoute = request.scope["route"]
    known = list(_query_names(route.dependant))
    strange = sorted(request.query_params.keys() - set(known))
    if strange:
        takes = f"takes {', '.join(known)}" if known else "takes none"
        raise OperatorError(f"unknown in the query: {', '.join(map(repr, strange))}; {route.path} {takes}")


def _query_names(door: Dependant) -> Iterator[str]:
    """What a door and all that it depends on read from the query."""
    yield from (field.alias for field in door.query_params)
    for part in door.dependencies:
        yield from _query_names(part)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes what a request changes into the audit."""

    engine: Engine
    actor: str
    request_id: str

    async def note(
        self, action: str, subject: str, before: Any = None, after: Any = None, reason: str = ""
    ) -> None:
        """One change, on disk when this returns."""
        await self.engine.audit.record(
            Change(
                actor=self.actor,
                action=action,
                subject=subject,
                before=before,
                after=after,
                reason=reason,
                request_id=self.request_id,
            )
        )


def scribe(request: Request, who: Annotated[Caller, Depends(caller)]) -> Scribe:
    """The request's id is the client's own (X-Request-Id) if it has a decent one."""
    given = request.headers.get("x-request-id", "")
    return Scribe(engine_of(request), who.name, given if _REQUEST_ID.match(given) else uuid4().hex)


Reader = Annotated[Caller, needs(TokenScope.READ)]
Operator = Annotated[Caller, needs(TokenScope.OPERATE)]
Admin = Annotated[Caller, needs(TokenScope.ADMIN)]
TheEngine = Annotated[Engine, Depends(engine_of)]
Notes = Annotated[Scribe, Depends(scribe)]
