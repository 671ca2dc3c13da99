"""One measured run: so many messages offered at once, timed until the sink has counted the last."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.relay import machine
from bench.relay.contender import Relay
from bench.relay.errors import BenchError
from bench.relay.load import Load, Sink, offer
from bench.relay.processes import Cpu, process_cpu

_POLL_SECONDS = 0.005
_EARLY_SECONDS = 0.5
_SETTLE_SECONDS = 0.7
"""What is done after the last delivery costs CPU too, and a surplus message has time to show."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Messages a second from the first offered to the last delivered; CPU in ms a message; memory in MB.

    `memory_mb` is the whole server's during injection; `others` is the share of the machine that
    went to other work; `syncs` is None where the server does not count them.
    """

    load: Load
    rate: float
    accept_rate: float
    user_ms: float = 0.0
    system_ms: float = 0.0
    memory_mb: float = 0.0
    peak_mb: float = 0.0
    others: float = 0.0
    syncs: float | None = None

    @property
    def cpu_ms(self) -> float:
        return self.user_ms + self.system_ms


async def measure(relay: Relay, load: Load, sink: Sink, patience: float = 120) -> Measured:
    """Raises BenchError when a message is missing after `patience` seconds, or one came twice."""
    counted, before = sink.count(), await _audit(relay)
    used, tools, busy = _cpu(relay), _tools(sink), machine.busy()
    begun = time.perf_counter()
    accepted, memory = await _offered(relay, load, patience)
    await _all_counted(sink, counted + load.messages, begun + patience)
    finished = time.perf_counter()
    await asyncio.sleep(_SETTLE_SECONDS)
    cpu, ours = _cpu(relay) - used, _tools(sink) - tools
    others = machine.others_share(busy, machine.busy(), cpu.total + ours, os.cpu_count() or 1)
    if surplus := sink.count() - counted - load.messages:
        raise BenchError(f"{surplus} messages more than were offered")
    return Measured(
        load,
        rate=load.messages / (finished - begun),
        accept_rate=load.messages / (accepted - begun),
        user_ms=cpu.user / load.messages * 1000,
        system_ms=cpu.system / load.messages * 1000,
        memory_mb=memory,
        peak_mb=relay.group.peak_mb() if relay.group else 0.0,
        others=others,
        syncs=verified(before, await _audit(relay), load.messages),
    )


async def _all_counted(sink: Sink, wanted: int, deadline: float) -> None:
    while (count := sink.count()) < wanted:
        if time.perf_counter() > deadline:
            raise BenchError(f"{wanted - count} messages had not been delivered in time")
        await asyncio.sleep(_POLL_SECONDS)


async def _offered(relay: Relay, load: Load, patience: float) -> tuple[float, float]:
    """When all was accepted, and the memory that took."""
    early = asyncio.create_task(_early_memory(relay))
    try:
        async with asyncio.timeout(patience):
            await offer(load, relay.port)
        accepted = time.perf_counter()
        return accepted, max(_memory(relay), early.result() if early.done() else 0.0)
    finally:
        early.cancel()


async def _early_memory(relay: Relay) -> float:
    """While the processes that live for one message are there."""
    await asyncio.sleep(_EARLY_SECONDS)
    return _memory(relay)


def _memory(relay: Relay) -> float:
    return relay.group.memory_mb() if relay.group else 0.0


def _cpu(relay: Relay) -> Cpu:
    return relay.group.cpu() if relay.group else Cpu(0.0, 0.0)


def _tools(sink: Sink) -> float:
    """CPU seconds of smtp-sink, of this program, and of what it has waited for (smtp-source)."""
    times = os.times()
    return (
        process_cpu(sink.pid).total + times.user + times.system + times.children_user + times.children_system
    )


async def _audit(relay: Relay) -> Mapping[str, float]:
    return await relay.audit() if relay.audit else {}


def verified(before: Mapping[str, float], after: Mapping[str, float], messages: int) -> float | None:
    """The number of syncs, where the server counts. Raises BenchError where its own books do not balance."""
    if not after:
        return None
    for name in ("synced_messages", "delivered"):
        if after[name] - before[name] != messages:
            raise BenchError(f"{name}: {after[name] - before[name]:.0f} of {messages}")
    if after["queued"] or after["syncs"] == before["syncs"]:
        raise BenchError(f"{after['queued']:.0f} recipients still queued, or nothing was synced")
    return after["syncs"] - before["syncs"]
