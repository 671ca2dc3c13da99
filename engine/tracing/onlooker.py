"""Who looks on while a connection lives: nobody, as a rule."""

from collections.abc import Callable, Sequence
from typing import Final

from engine.delivery.routing import Host
from engine.smtp.client import ClientSession, TlsPolicy
from engine.smtp.outcome import RecipientOutcome, TransactionResult
from engine.tls import Secured
from engine.tracing import script
from engine.tracing.steps import Step, StepKind
from engine.tracing.trace import Trace
from engine.tracing.wanted import Subject
from engine.tracing.wire import wired
from engine.wire import Timeouts, Wire, plain

NOTHING_SAID: Final = "it was cut before anything was said"
_NS_PER_MS: Final = 1_000_000


class Onlooker:
    """Is told of a connection's opening and end, never of its lines. This one does not listen."""

    def wired(self, hostname: str, policy: TlsPolicy, timeouts: Timeouts) -> tuple[ClientSession, Wire]:
        """A session and its wire."""
        return plain(hostname, policy, timeouts)

    def resolved(self, provider: str, candidates: Sequence[tuple[Host, str]]) -> None:
        """The hosts that will be tried, in order, each with an address."""

    def connecting(self, host: Host, address: str, policy: TlsPolicy) -> None:
        """A socket is to be opened."""

    def failed(self, why: str) -> None:
        """That came to nothing."""

    def ends(self, why: str) -> None:
        """Nothing more will be said, and this is why."""

    def closed(self) -> None:
        """It is over."""


NOBODY: Final = Onlooker()


class Audience(Onlooker):
    """The traces that want one connection. `stopwatch` tells nanoseconds."""

    def __init__(self, members: Sequence[tuple[Trace, int]], stopwatch: Callable[[], int]) -> None:
        self._members = members
        self._stopwatch = stopwatch
        self._began = stopwatch()
        self._why = NOTHING_SAID

    def begun(self, subject: Subject, at: str) -> None:
        self._tell(
            StepKind.BEGUN,
            at=at,
            queue=subject.queue,
            provider=subject.provider,
            source_ip=str(subject.source_ip) if subject.source_ip else None,
            bind=subject.bind,
        )

    def wired(self, hostname: str, policy: TlsPolicy, timeouts: Timeouts) -> tuple[ClientSession, Wire]:
        return wired(self, hostname, policy, timeouts)

    def resolved(self, provider: str, candidates: Sequence[tuple[Host, str]]) -> None:
        hosts = [f"{host} ({address})" for host, address in candidates]
        self._tell(StepKind.RESOLVED, provider=provider, hosts=hosts)

    def connecting(self, host: Host, address: str, policy: TlsPolicy) -> None:
        self._tell(StepKind.CONNECTING, host=host.name, address=address, port=host.port, tls=str(policy))

    def connected(self, local: str) -> None:
        self._tell(StepKind.CONNECTED, local=local)

    def failed(self, why: str) -> None:
        self._tell(StepKind.FAILED, why=why)

    def said(self, command: bytes) -> None:
        for line in script.commands(command):
            self._tell(StepKind.SAID, line=line)

    def content(self, content: bytes) -> None:
        lines, cut = script.beginning(content)
        self._tell(StepKind.CONTENT, {"lines": lines, "cut": cut}, octets=len(content))

    def written(self) -> None:
        self._tell(StepKind.WRITTEN)

    def heard(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._tell(StepKind.HEARD, line=line)

    def secured(self, by: Secured) -> None:
        self._tell(StepKind.SECURED, protocol=by.protocol, cipher=by.cipher)

    def results(self, result: TransactionResult) -> None:
        for outcome in result.outcomes:
            self._tell(
                StepKind.RESULT,
                recipient=outcome.recipient,
                result=_fate(outcome),
                reply=outcome.reply.text,
                by=str(outcome.reply.speaker),
                stage=str(outcome.stage),
            )

    def ends(self, why: str) -> None:
        self._why = why

    def closed(self) -> None:
        self._tell(StepKind.CLOSED, why=self._why)

    def _tell(self, kind: StepKind, content: dict[str, object] | None = None, **fields: object) -> None:
        ms = round((self._stopwatch() - self._began) / _NS_PER_MS, 1)
        for trace, number in self._members:
            trace.tell(Step(number, ms, kind, fields, content or {}))


def _fate(outcome: RecipientOutcome) -> str:
    if outcome.reply.is_positive:
        return "delivered"
    return "refused" if outcome.reply.is_permanent else "deferred"
