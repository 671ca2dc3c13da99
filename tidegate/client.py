"""A thin client of the engine's control API, over TCP or a unix socket; what the CLI talks through."""

import json
from collections.abc import Generator, Mapping
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

from core.errors import ConflictError, EngineUnreachable, NotFoundError, OperatorError, PeerError
from core.text import printable
from tidegate.sse import events
from tidegate.wire import Answer, Transport, Unreachable, Wire

if TYPE_CHECKING:  # pydantic's types: a command that only lists queues starts without them
    from core.address import IpAddress
    from core.lease import Lease
    from core.limit import LimitChain
    from core.statistics import ScopeMinute

_TIMEOUT = 10.0
_SILENCE = 45.0
"""Seconds without a line after which the engine is gone; it says that it is still here every 15."""


class DeniedError(OperatorError):
    """The engine knows no such token, or the token may not do this."""


class EngineClient:
    """Talks to `http://HOST:PORT` or `unix:PATH`, from any thread. Raises OperatorError and PeerError."""

    def __init__(
        self,
        endpoint: str,
        token: str | None = None,
        transport: Transport | None = None,
        timeout: float = _TIMEOUT,
    ) -> None:
        self.endpoint = endpoint
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        wire = Wire(endpoint, timeout)
        self._carry = transport or wire
        self._listen = wire.listen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what it holds; nothing, for every request has a connection of its own."""

    def status(self) -> dict[str, Any]:
        return self._get("/v1/status")

    def queues(self, name: str | None = None, **filters: Any) -> dict[str, Any]:
        """Queues whose `domain/vmta` fits `name` (`*` stands for anything).

        `mode`, `provider`, `paused`, `errors` narrow; `sort`, `limit` and `offset` say which to send.
        """
        return self._get("/v1/queues", {"name": name, **filters})

    def queue(self, domain: str, vmta: str) -> dict[str, Any]:
        return self._get(f"/v1/queues/{_part(domain)}/{_part(vmta)}")

    def queue_act(self, domain: str, vmta: str, act: str, reason: str) -> dict[str, Any]:
        """`pause`, `resume` or `retry` a queue."""
        place = f"/v1/queues/{_part(domain)}/{_part(vmta)}/{act}"
        return self._ask("POST", place, params={"reason": reason})

    def queue_mode(self, domain: str, vmta: str, mode: str, reason: str) -> dict[str, Any]:
        """Put a queue into `normal` or `backoff` mode."""
        place = f"/v1/queues/{_part(domain)}/{_part(vmta)}/mode"
        return self._ask("POST", place, json={"mode": mode, "reason": reason})

    def disable_source(
        self, domain: str, vmta: str, address: str, reason: str, reenable_after: str | None
    ) -> dict[str, Any]:
        """Take a source IP out of a queue; `reenable_after` is a duration like 2h."""
        place = f"/v1/queues/{_part(domain)}/{_part(vmta)}/sources/{_part(address)}/disable"
        return self._ask("POST", place, json={"reason": reason, "reenable_after": reenable_after})

    def enable_source(self, domain: str, vmta: str, address: str, reason: str) -> dict[str, Any]:
        """Let a source IP back into a queue."""
        place = f"/v1/queues/{_part(domain)}/{_part(vmta)}/sources/{_part(address)}/enable"
        return self._ask("POST", place, params={"reason": reason})

    def messages(self, limit: int, **wanted: str | None) -> dict[str, Any]:
        """Recipients that wait: by `queue`, `orig`, `rcpt`, `job`, `id`, `older_than`."""
        return self._get("/v1/messages", {**wanted, "limit": limit})

    def end_messages(
        self, ending: str, wanted: Mapping[str, Any], reason: str, *, dry_run: bool
    ) -> dict[str, Any]:
        """`delete` or `bounce` what a filter takes; on a dry run only count it."""
        body = {key: value for key, value in wanted.items() if value} | {"reason": reason}
        params = {"dry_run": "true"} if dry_run else {}
        return self._ask("POST", f"/v1/messages/{ending}", params=params, json=body)

    def audit(self, limit: int = 100) -> list[dict[str, Any]]:
        """The engine's own audit, newest first."""
        return list(self._get("/v1/audit", {"limit": limit}).get("entries", []))

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

    def held_leases(self) -> "list[Lease]":
        """The leases as values, without what the engine says of them beyond that."""
        from pydantic import ValidationError  # noqa: PLC0415

        from core.lease import Lease  # noqa: PLC0415

        fields = set(Lease.model_fields)
        try:
            told = [{k: v for k, v in one.items() if k in fields} for one in self.leases()["leases"]]
            return [Lease.model_validate(one) for one in told]
        except (KeyError, AttributeError, ValidationError) as error:
            raise PeerError(f"{self.endpoint} answers /v1/leases in a shape that is not known") from error

    def put_lease(self, lease: "Lease", *, dry_run: bool = False) -> dict[str, Any]:
        return self._ask(
            "PUT",
            f"/v1/leases/{_part(lease.key)}",
            params={"dry_run": "true"} if dry_run else {},
            json=lease.model_dump(mode="json"),
        )

    def delete_lease(self, key: str, reason: str = "") -> None:
        self._ask("DELETE", f"/v1/leases/{_part(key)}", params={"reason": reason} if reason else {})

    def explain(self, ip: str, provider: str | None = None) -> "tuple[LimitChain, ...]":
        """The limit chains of a source IP, at one provider or at each."""
        from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

        from core.limit import LimitChain  # noqa: PLC0415

        answer = self._get("/v1/explain", {"ip": ip, "provider": provider})
        try:
            return TypeAdapter(tuple[LimitChain, ...]).validate_python(answer.get("chains"))
        except ValidationError as error:
            raise PeerError(f"{self.endpoint} answers /v1/explain in a shape that is not known") from error

    def scopes(self, source_ip: "IpAddress | None" = None) -> dict[str, Any]:
        """Every source IP, or one, at every provider that it sends to or is limited at."""
        return self._get("/v1/scopes", {"source_ip": source_ip and str(source_ip)})

    def statistics(self, since: datetime, source_ip: "IpAddress | None" = None) -> "list[ScopeMinute]":
        """Counts of the minutes from `since` on, of every source IP or of one."""
        from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

        from core.statistics import ScopeMinute  # noqa: PLC0415

        wanted = {"since": since.isoformat(), "source_ip": source_ip and str(source_ip)}
        answer = self._get("/v1/statistics", wanted)
        try:
            return TypeAdapter(list[ScopeMinute]).validate_python(answer.get("minutes"))
        except ValidationError as error:
            raise PeerError(f"{self.endpoint} answers /v1/statistics in a shape that is not known") from error

    def delete_messages(self, reason: str, **filters: str) -> dict[str, Any]:
        """Drop the waiting recipients that fit: `queue`, `orig`, `rcpt`, `job`, `id`."""
        return self._ask("POST", "/v1/messages/delete", json={**filters, "reason": reason})

    def trace(self, **wanted: Any) -> Generator[dict[str, Any], None, None]:
        """The steps of the next connections that fit, as they come: `GET /v1/trace`."""
        return self._follow("/v1/trace", wanted)

    def recent_events(self, limit: int) -> dict[str, Any]:
        """The newest events that the engine keeps, newest last, and the `last_id` to go on from."""
        found = self._get("/v1/events/recent", {"limit": limit})
        if not isinstance(found.get("events"), list) or not isinstance(found.get("last_id"), str):
            raise PeerError(f"{self.endpoint} answers /v1/events/recent in a shape that is not known")
        return found

    def follow_events(self, last_id: str) -> Generator[dict[str, Any], None, None]:
        """Events as they come, beginning after one; ends with the engine."""
        return self._follow("/v1/events", {}, {"Last-Event-ID": last_id})

    def _follow(
        self, path: str, params: Mapping[str, Any], more: Mapping[str, str] | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """Server-sent events as they come, until the engine has told all."""
        given = {key: value for key, value in params.items() if value is not None}
        target = f"{path}?{urlencode(_plain(given))}" if given else path
        headers = {**self._headers, "Accept": "text/event-stream", **(more or {})}
        try:
            with self._listen(target, headers, _SILENCE) as (answer, lines):
                if answer.status != HTTPStatus.OK:
                    raise _refusal(answer, self.endpoint)
                yield from events(lines)
        except Unreachable as error:
            raise self._silent(error) from error

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        given = {key: value for key, value in (params or {}).items() if value is not None}
        return self._ask("GET", path, params=given)

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        target = f"{path}?{urlencode(_plain(params))}" if params else path
        headers = self._headers if json is None else {**self._headers, "Content-Type": "application/json"}
        try:
            answer = self._carry(method, target, headers, None if json is None else _written(json))
        except Unreachable as error:
            raise self._silent(error) from error
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return _document(answer, self.endpoint)
        raise _refusal(answer, self.endpoint)

    def _silent(self, error: Unreachable) -> EngineUnreachable:
        return EngineUnreachable(
            f"no engine answers at {self.endpoint} ({error}); is `tidegate run` or `tidegate engine` up?"
        )


def _plain(params: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in params.items()
    }


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _part(text: str) -> str:
    return quote(text, safe="*:")


def _document(answer: Answer, endpoint: str) -> dict[str, Any]:
    if answer.status == HTTPStatus.NO_CONTENT or not answer.body:
        return {}
    document = _read(answer)
    if not isinstance(document, dict):
        raise PeerError(f"{endpoint} does not speak Tidegate's control API")
    return document


def _read(answer: Answer) -> object:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _refusal(answer: Answer, endpoint: str) -> Exception:
    said = _problem(answer)
    match answer.status:
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
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return OperatorError(said)
    return PeerError(f"{endpoint} failed: {said}")


def _problem(answer: Answer) -> str:
    """The sentence of an RFC 9457 problem document, or the status line."""
    problem = _read(answer)
    if not isinstance(problem, dict) or not (problem.get("detail") or problem.get("title")):
        return f"{answer.status} {answer.reason}"
    said = str(problem.get("detail") or problem["title"])
    parts = [one for one in problem.get("errors") or () if isinstance(one, dict)]
    return printable(
        "; ".join([said, *(f"{one.get('pointer')}: {one.get('detail')}" for one in parts)]), 1_000
    )
