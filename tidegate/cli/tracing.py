"""Waits for the conversations that `tidegate trace` wants to see, and prints them as they come."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from core.errors import EngineUnreachable, NotFoundError
from core.provider import EVERY
from core.text import printable
from tidegate.cli import trace_view
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.known import refuse_strangers, scope_of
from tidegate.cli.output import emit, note
from tidegate.cli.queue_view import now_of
from tidegate.cli.trace_sums import Sums
from tidegate.client import EngineClient
from tidegate.config.problems import did_you_mean

_ANY: Final = "*"
_MOST: Final = 10_000
SCHEMA: Final = "trace/v1"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be shown; None stands for any."""

    domain: str | None
    vmta: str | None
    ip: str | None
    provider: str | None
    log_data: bool
    connections: int

    def __str__(self) -> str:
        parts = [f"of {self.domain or _ANY}/{self.vmta or _ANY}"] if self.domain or self.vmta else []
        parts += [f"from {self.ip}"] if self.ip else []
        parts += [f"at {self.provider}"] if self.provider else []
        return " ".join(parts) or "of any queue"


def wish(
    queue: str | None, ip: str | None, provider: str | None, *, log_data: bool, connections: int
) -> Wish:
    """The words of the command. Raises UsageError."""
    if queue is None and ip is None and provider is None:
        raise UsageError(
            "say whose conversation: domain/vmta, --ip or --provider; '*/*' is whichever comes next"
        )
    domain, vmta = _parts(queue) if queue is not None else (None, None)
    address = str(scope_of(ip, None).source_ip) if ip is not None else None
    return Wish(domain, vmta, address, provider, log_data, connections)


def _parts(queue: str) -> tuple[str | None, str | None]:
    domain, _, vmta = queue.rpartition("/")
    if not domain or not vmta:
        meant = f"{queue.strip('/')}/*"
        raise UsageError(f"{queue!r} is not a queue; write domain/vmta, or {meant} for all its VirtualMTAs")
    if any(_ANY in part and part != _ANY for part in (domain, vmta)):
        raise UsageError(f"{queue!r}: * stands for any domain or any VirtualMTA, not for a part of a name")
    return (None if domain == _ANY else domain), (None if vmta == _ANY else vmta)


def run(asked: Invocation, wanted: Wish) -> None:
    """Show the conversations. Ctrl-C is no failure once a whole one was seen."""
    sums, stopped = Sums(), False
    with asked.client() as client:
        wanted, outlook = look_up(client, wanted)
        try:
            for step in _steps(client, wanted):
                sums.take(step)
                _show(asked, step, outlook, numbered=wanted.connections > 1)
        except KeyboardInterrupt:
            stopped = True
    _conclude(asked, sums)
    if sums.ended and (stopped or sums.ended >= wanted.connections):
        return
    if stopped:
        raise KeyboardInterrupt
    raise EngineUnreachable(
        f"the engine ended the trace after {sums.ended} of {wanted.connections} connections"
    )


def look_up(client: EngineClient, wanted: Wish) -> tuple[Wish, str]:
    """The wish about what is really there, and what is to be expected. Raises NotFoundError."""
    if wanted.ip or wanted.provider:
        _refuse_strange_scope(client, wanted)
    if wanted.domain is None or wanted.vmta is None:
        if wanted.domain:
            _refuse_strange_domain(client, wanted.domain)
        return wanted, f"Waiting for the next connection {wanted}."
    try:
        queue = client.queue(wanted.domain, wanted.vmta)
    except NotFoundError as error:
        raise _no_queue(client, f"{wanted.domain}/{wanted.vmta}") from error
    # queue-to sends some domains' mail through another queue
    found = replace(wanted, domain=str(queue["domain"]), vmta=str(queue["vmta"]))
    return found, trace_view.outlook(str(found), queue, now_of(client), wanted.ip)


def _refuse_strange_scope(client: EngineClient, wanted: Wish) -> None:
    """What the engine would refuse too, with a guess at what was meant."""
    if wanted.ip:
        refuse_strangers(client, scope_of(wanted.ip, None))
    known = {str(one.get("provider")) for one in client.scopes().get("scopes", [])} - {EVERY}
    if wanted.provider and wanted.provider not in known:
        meant = did_you_mean(wanted.provider, known)
        if meant:
            raise NotFoundError(f"the engine knows no provider {wanted.provider!r}; {meant}")


def _refuse_strange_domain(client: EngineClient, domain: str) -> None:
    pattern = f"{domain}/{_ANY}"
    if not client.queues(pattern, limit=1).get("queues"):
        raise _no_queue(client, pattern)


def _no_queue(client: EngineClient, name: str) -> NotFoundError:
    known = [str(queue["name"]) for queue in client.queues(sort="rcpt", limit=_MOST).get("queues", [])]
    meant = did_you_mean(name, known) or "tidegate show queues lists them"
    return NotFoundError(f"there is no queue {printable(name)}; {meant}")


def _steps(client: EngineClient, wanted: Wish) -> Iterator[Mapping[str, Any]]:
    return client.trace(
        domain=wanted.domain,
        vmta=wanted.vmta,
        source_ip=wanted.ip,
        provider=wanted.provider,
        log_data=wanted.log_data or None,
        connections=wanted.connections,
    )


def _show(asked: Invocation, step: Mapping[str, Any], outlook: str, *, numbered: bool) -> None:
    if step["event"] == "waiting":
        note(f"{outlook} Ctrl-C ends.")
    if asked.as_json:
        _emit_line(step)
    else:
        for line in trace_view.lines(step, numbered=numbered):
            emit(line)
    sys.stdout.flush()


def _conclude(asked: Invocation, sums: Sums) -> None:
    if asked.as_json:
        _emit_line(sums.document())
    elif sums.begun:
        emit("\n" + trace_view.summary(sums))


def _emit_line(document: Mapping[str, Any]) -> None:
    """NDJSON; ASCII, for what strangers said may hold whatever a terminal obeys."""
    emit(json.dumps({"schema": SCHEMA, **document}))
