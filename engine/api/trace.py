"""SMTP conversations over HTTP, as they happen."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from core.address import IpAddress
from core.errors import NotFoundError, OperatorError
from core.provider import OTHER
from engine.api import sse
from engine.api.access import Notes, Operator, TheEngine
from engine.engine import Engine
from engine.tracing.book import MOST_TRACES
from engine.tracing.steps import Step
from engine.tracing.wanted import Wanted

router = APIRouter(tags=["operations"])

Name = Annotated[str | None, Query(min_length=1, max_length=255)]


@router.get(
    "/v1/trace",
    response_class=StreamingResponse,
    responses={404: {"description": "There is no such VirtualMTA, source IP or provider."}},
)
async def trace(  # noqa: PLR0913 - FastAPI reads one parameter for each filter
    engine: TheEngine,
    _who: Operator,
    notes: Notes,
    *,
    domain: Name = None,
    vmta: Name = None,
    source_ip: IpAddress | None = None,
    provider: Name = None,
    log_data: bool = False,
    connections: Annotated[int, Query(ge=1, le=100)] = 1,
) -> StreamingResponse:
    """The next connections that are opened and fit, line by line, as server-sent events.

    It ends when so many connections have ended. Of a content only its size is told; with `log_data` its
    first 4,096 octets, and the audit tells who asked for that.
    """
    wanted = Wanted(domain and domain.lower(), vmta, source_ip, provider, log_data, connections)
    _refuse_strangers(engine, wanted)
    if engine.traces.is_full:
        raise OperatorError(f"{MOST_TRACES} traces run already")
    if log_data:
        await notes.note("trace.content", str(wanted), after={"connections": connections})
    return sse.streamed(": a trace\n\n", engine.traces.follow(wanted), lambda step: _event(step, wanted))


def _refuse_strangers(engine: Engine, wanted: Wanted) -> None:
    """A typing error must not wait for ever. Raises NotFoundError."""
    if wanted.vmta is not None and wanted.vmta not in engine.settings.virtual_mtas:
        there = ", ".join(sorted(engine.settings.virtual_mtas))
        raise NotFoundError(f"there is no VirtualMTA {wanted.vmta}; there are {there}")
    known = {source.address for source in engine.sources()}
    if wanted.source_ip is not None and wanted.source_ip not in known:
        raise NotFoundError(f"{wanted.source_ip} is no source IP of this engine")
    providers = {*engine.settings.provider_map(), OTHER, *(p.provider for p in engine.shaping.parents())}
    if wanted.provider is not None and wanted.provider not in providers:
        raise NotFoundError(
            f"there is no provider {wanted.provider}; there are {', '.join(sorted(providers))}"
        )


def _event(step: Step, wanted: Wanted) -> str:
    return sse.event(step.kind, step.document(with_content=wanted.log_data))
