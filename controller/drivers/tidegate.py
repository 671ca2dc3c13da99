"""The built-in engine, over its control API: HTTP on loopback or a unix socket, with a bearer token."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from controller.drivers.base import EngineStatus, Kept
from controller.reconcile import LeaseState, ReportedLease
from controller.settings import EngineAccess
from controller.state import ScopeReport
from core.address import IpAddress
from core.errors import ConfigError, ConflictError, EngineUnreachable, OperatorError
from core.lease import Lease, Scope
from core.provider import EVERY
from core.rate import UNLIMITED, Rate
from core.statistics import ScopeMinute
from core.text import printable

_UNIX = "unix:"
_Model = TypeVar("_Model", bound=BaseModel)
_SILENCE = 60.0
"""Seconds without a line, of events or to keep the connection, after which the engine is gone."""
_TROUBLE = frozenset({"event: replies.reputation", "event: events.missed"})
_BUSY = frozenset({408, 425, 429})


class _ScopeJson(BaseModel):
    model_config = ConfigDict(extra="ignore")

    source_ip: IpAddress
    provider: str = EVERY
    operator_limit: Rate = UNLIMITED
    operator_connect_limit: Rate = UNLIMITED
    queued: int = 0


def connect(access: EngineAccess) -> "TidegateEngine":
    """A driver for these settings. Raises ConfigError when the token file cannot be read."""
    headers = {"Accept": "application/json"}
    token = _token(access)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    timeout = httpx.Timeout(access.timeout.total_seconds())
    if access.url.startswith(_UNIX):
        path = access.url.removeprefix(_UNIX).removeprefix("//")
        transport = httpx.AsyncHTTPTransport(uds=path)
        client = httpx.AsyncClient(
            transport=transport, base_url="http://engine", headers=headers, timeout=timeout
        )
    else:
        # the engine is a neighbour: a proxy from the environment has no business in between
        client = httpx.AsyncClient(base_url=access.url, headers=headers, timeout=timeout, trust_env=False)
    return TidegateEngine(client, access.url)


def _token(access: EngineAccess) -> str:
    if access.token is not None:
        return access.token.get_secret_value()
    if access.token_file is None:
        return ""
    try:
        return access.token_file.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"cannot read {access.token_file}: {error.strerror}", key="controller.engine.token-file"
        ) from error


class TidegateEngine:
    """The engine behind an HTTP client; `place` names it in errors."""

    def __init__(self, client: httpx.AsyncClient, place: str) -> None:
        self._client = client
        self._place = place

    async def status(self) -> EngineStatus:
        return self._parse(EngineStatus, await self._get("/v1/status"))

    async def scopes(self) -> list[ScopeReport]:
        body = await self._get("/v1/scopes")
        found = [self._parse(_ScopeJson, scope) for scope in self._list(body, "scopes")]
        return [
            ScopeReport(
                scope=Scope(source_ip=one.source_ip, provider=one.provider),
                operator_limit=one.operator_limit,
                operator_connect_limit=one.operator_connect_limit,
                queued=one.queued,
            )
            for one in found
        ]

    async def leases(self) -> list[ReportedLease]:
        body = await self._get("/v1/leases")
        return [self._lease(entry) for entry in self._list(body, "leases")]

    async def put(self, lease: Lease) -> Kept:
        before = await self._request("GET", _path(lease.key), allowed=frozenset({404}))
        answer = await self._request("PUT", _path(lease.key), json=lease.model_dump(mode="json"))
        if answer.status_code == httpx.codes.CREATED:
            return Kept.CREATED
        same = before.headers.get("etag") is not None and before.headers["etag"] == answer.headers.get("etag")
        return Kept.UNCHANGED if same else Kept.CHANGED

    async def delete(self, key: str, epoch: int) -> None:
        headers = {"Tidegate-Epoch": str(epoch)}
        await self._request("DELETE", _path(key), headers=headers, allowed=frozenset({404}))

    async def statistics(self, since: datetime) -> list[ScopeMinute]:
        moment = since.astimezone(UTC).isoformat()
        body = await self._get("/v1/statistics", since=moment)
        return [self._parse(ScopeMinute, minute) for minute in self._list(body, "minutes")]

    async def trouble(self) -> AsyncGenerator[None]:
        timeout = httpx.Timeout(self._client.timeout.connect, read=_SILENCE)
        try:
            async with self._client.stream("GET", "/v1/events", timeout=timeout) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise self._refusal(answer)
                async for line in answer.aiter_lines():
                    if line in _TROUBLE:
                        yield
        except (httpx.HTTPError, OSError) as error:
            said = printable(str(error)) or type(error).__name__
            raise EngineUnreachable(f"the engine at {self._place} stopped telling: {said}") from error

    async def close(self) -> None:
        await self._client.aclose()

    async def _get(self, path: str, **query: str) -> Any:
        answer = await self._request("GET", path, params=query)
        try:
            return answer.json()
        except ValueError as error:
            raise EngineUnreachable(f"{self._place}{path} did not answer in JSON", permanent=True) from error

    async def _request(
        self, method: str, path: str, *, allowed: frozenset[int] = frozenset(), **options: Any
    ) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            said = printable(str(error)) or type(error).__name__
            raise EngineUnreachable(f"the engine at {self._place} does not answer: {said}") from error
        if answer.is_success or answer.status_code in allowed:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: httpx.Response) -> Exception:
        said = f"the engine at {self._place} refused: {_problem(answer)}"
        match answer.status_code:
            case httpx.codes.CONFLICT | httpx.codes.PRECONDITION_FAILED:
                return ConflictError(said)
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
                return OperatorError(f"{said}; check controller.engine.token and its scopes")
            case code if code >= 500 or code in _BUSY:
                return EngineUnreachable(said)
            case _:
                return OperatorError(said)

    def _lease(self, entry: Any) -> ReportedLease:
        # the engine may add fields of its own, such as `state`
        fields = {name: value for name, value in dict(entry).items() if name in Lease.model_fields}
        state = entry.get("state", LeaseState.ACTIVE)
        ramping = state == LeaseState.RAMPING
        return ReportedLease(self._parse(Lease, fields), LeaseState.RAMPING if ramping else LeaseState.ACTIVE)

    def _list(self, body: Any, name: str) -> list[Any]:
        found = body.get(name) if isinstance(body, dict) else None
        if not isinstance(found, list):
            raise EngineUnreachable(f"the engine at {self._place} did not send {name}", permanent=True)
        return found

    def _parse(self, model: type[_Model], body: Any) -> _Model:
        try:
            return model.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise EngineUnreachable(
                f"the engine at {self._place} sent a {model.__name__} that cannot be read: "
                f"{where}: {first['msg']}",
                permanent=True,
            ) from error


def _path(key: str) -> str:
    return f"/v1/leases/{quote(key, safe='')}"


def _problem(answer: httpx.Response) -> str:
    """The problem document's own words (RFC 9457), else the status line."""
    try:
        body = answer.json()
        text = body.get("detail") or body.get("title")
    except (ValueError, AttributeError):
        text = None
    return printable(str(text or f"{answer.status_code} {answer.reason_phrase}"))
