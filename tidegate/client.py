"""A thin client of the engine's control API, over TCP or a unix socket; what the CLI talks through."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from core.errors import ConflictError, EngineUnreachable, NotFoundError, OperatorError, PeerError
from core.lease import Lease
from core.limit import LimitChain
from core.statistics import ScopeMinute
from core.text import printable

_CHAINS = TypeAdapter(tuple[LimitChain, ...])
_MINUTES = TypeAdapter(list[ScopeMinute])
_TIMEOUT = 10.0


class DeniedError(OperatorError):
    """The engine knows no such token, or the token may not do this."""


class EngineClient:
    """Talks to `http://HOST:PORT` or `unix:PATH`. Methods raise OperatorError or PeerError, never httpx's."""

    def __init__(
        self, endpoint: str, token: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.endpoint = endpoint
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = "http://engine" if endpoint.startswith("unix:") else _base(endpoint)
        if endpoint.startswith("unix:") and transport is None:
            transport = httpx.HTTPTransport(uds=endpoint.removeprefix("unix:"))
        self._http = httpx.Client(
            base_url=base, headers=headers, transport=transport, timeout=_TIMEOUT, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def status(self) -> dict[str, Any]:
        return self._get("/v1/status")

    def queues(self, name: str | None = None, **filters: Any) -> dict[str, Any]:
        """Queues whose `domain/vmta` fits `name` (`*` stands for anything); `mode`, `sort`, `limit`."""
        return self._get("/v1/queues", {"name": name, **filters})

    def queue(self, domain: str, vmta: str) -> dict[str, Any]:
        return self._get(f"/v1/queues/{_part(domain)}/{_part(vmta)}")

    def settings(self, domain: str, vmta: str) -> dict[str, Any]:
        """The directives that hold for a queue, each with the block it comes from."""
        return self._get(f"/v1/settings/{_part(domain)}/{_part(vmta)}")

    def reload(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Have the configuration read again. Raises OperatorError when it is not taken."""
        return self._ask("POST", "/-/reload", params={"dry_run": "true"} if dry_run else {})

    def ready(self) -> dict[str, Any]:
        """Whether it takes mail and delivers. Raises PeerError with the reasons if not."""
        return self._get("/-/ready")

    def leases(self) -> dict[str, Any]:
        return self._get("/v1/leases")

    def held_leases(self) -> list[Lease]:
        """The leases as values, without what the engine says of them beyond that."""
        fields = set(Lease.model_fields)
        try:
            told = [{k: v for k, v in one.items() if k in fields} for one in self.leases()["leases"]]
            return [Lease.model_validate(one) for one in told]
        except (KeyError, AttributeError, ValidationError) as error:
            raise PeerError(f"{self.endpoint} answers /v1/leases in a shape that is not known") from error

    def put_lease(self, lease: Lease, *, dry_run: bool = False) -> dict[str, Any]:
        return self._ask(
            "PUT",
            f"/v1/leases/{_part(lease.key)}",
            params={"dry_run": "true"} if dry_run else {},
            json=lease.model_dump(mode="json"),
        )

    def delete_lease(self, key: str) -> None:
        self._ask("DELETE", f"/v1/leases/{_part(key)}")

    def explain(self, ip: str, provider: str | None = None) -> tuple[LimitChain, ...]:
        """The limit chains of a source IP, at one provider or at each."""
        answer = self._get("/v1/explain", {"ip": ip, "provider": provider})
        try:
            return _CHAINS.validate_python(answer.get("chains"))
        except ValidationError as error:
            raise PeerError(f"{self.endpoint} answers /v1/explain in a shape that is not known") from error

    def scopes(self) -> dict[str, Any]:
        return self._get("/v1/scopes")

    def statistics(self, since: datetime) -> list[ScopeMinute]:
        """Counts of the minutes from `since` on."""
        answer = self._get("/v1/statistics", {"since": since.isoformat()})
        try:
            return _MINUTES.validate_python(answer.get("minutes"))
        except ValidationError as error:
            raise PeerError(f"{self.endpoint} answers /v1/statistics in a shape that is not known") from error

    def delete_messages(self, reason: str, **filters: str) -> dict[str, Any]:
        """Drop the waiting recipients that fit: `queue`, `orig`, `rcpt`, `job`, `id`."""
        return self._ask("POST", "/v1/messages/delete", json={**filters, "reason": reason})

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        given = {key: value for key, value in (params or {}).items() if value is not None}
        return self._ask("GET", path, params=given)

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise EngineUnreachable(
                f"no engine answers at {self.endpoint} ({str(error) or type(error).__name__}); "
                "is `tidegate run` or `tidegate engine` up?"
            ) from error
        if answer.is_success:
            return _document(answer, self.endpoint)
        raise _refusal(answer, self.endpoint)


def _base(endpoint: str) -> str:
    if endpoint.startswith(("http://", "https://")):
        return endpoint
    if "://" in endpoint or "/" in endpoint:
        raise OperatorError(f"{endpoint!r} is not an endpoint; write http://HOST:PORT or unix:PATH")
    return f"http://{endpoint}"


def _part(text: str) -> str:
    return quote(text, safe="*:")


def _document(answer: httpx.Response, endpoint: str) -> dict[str, Any]:
    if answer.status_code == HTTPStatus.NO_CONTENT or not answer.content:
        return {}
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise PeerError(f"{endpoint} does not speak Tidegate's control API")
    return document


def _refusal(answer: httpx.Response, endpoint: str) -> Exception:
    said = _problem(answer)
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return DeniedError(
                f"{endpoint} wants a token: {said}; set TIDEGATE_TOKEN, TIDEGATE_TOKEN_FILE or --token-file"
            )
        case HTTPStatus.FORBIDDEN:
            return DeniedError(f"this token may not do that: {said}")
        case HTTPStatus.NOT_FOUND:
            return NotFoundError(said)
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED | HTTPStatus.PRECONDITION_REQUIRED:
            return ConflictError(said)
    if answer.is_client_error:
        return OperatorError(said)
    return PeerError(f"{endpoint} failed: {said}")


def _problem(answer: httpx.Response) -> str:
    """The sentence of an RFC 9457 problem document, or the status line."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and (problem.get("detail") or problem.get("title")):
        return printable(str(problem.get("detail") or problem["title"]))
    return f"{answer.status_code} {answer.reason_phrase}"
