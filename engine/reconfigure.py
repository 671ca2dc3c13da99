"""Gives a running engine other settings. `prepare` may refuse, `apply` may not: all is taken or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.address import IpAddress, SourceIp
from engine.delivery.routing import Router
from engine.engine import Engine, sources_of
from engine.patterns import PatternList, pattern_lists
from engine.providers import ProviderMap
from engine.queue.book import QueueBook, VirtualMtaChoice
from engine.queue.queue import NEVER, Lane, Queue
from engine.settings import EngineSettings, ProviderSettings
from engine.validation import check


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a reload replaces, built and found good."""

    settings: EngineSettings
    queues: QueueBook
    choice: VirtualMtaChoice
    patterns: dict[str, PatternList]
    providers: Mapping[str, ProviderSettings]
    sources: dict[str, list[SourceIp]]


def prepare(settings: EngineSettings, binds: Mapping[IpAddress, IpAddress]) -> Plan:
    """Build the new parts. Raises OperatorError for what does not fit together."""
    check(settings)
    return Plan(
        settings,
        QueueBook(settings),
        VirtualMtaChoice(settings),
        pattern_lists(settings.smtp_pattern_lists),
        settings.provider_map(),
        sources_of(settings, binds),
    )


def apply(engine: Engine, plan: Plan) -> None:
    """Swap. Mail in queues stays where it is; limiters keep what they have counted."""
    before = engine.settings
    rerouted = any(
        getattr(before, name) != getattr(plan.settings, name) for name in ("routes", "resolver", "smtp_port")
    )
    rerouted = rerouted or _mx_of(before.provider_map()) != _mx_of(plan.providers)
    engine.settings = plan.settings
    engine.leases.free(plan.settings.lease_free)
    engine.queues.take_directives(plan.queues)
    engine.results.reactions.lists = plan.patterns
    engine.reception.settings = plan.settings
    engine.reception.choice = plan.choice
    engine.shaping.take_limits(plan.providers, plan.settings.warm_up)
    changed = engine.take_sources(plan.sources)
    if rerouted:
        engine.deliverer.dialler.router = _router(engine, plan)
    for queue in engine.queues:
        _refresh(engine, queue, rerouted=rerouted, moved=queue.vmta in changed)
    engine.reshape(engine.shaping.parents())


def _router(engine: Engine, plan: Plan) -> Router:
    return Router(
        plan.settings.routes,
        ProviderMap(_mx_of(plan.providers)),
        plan.settings.resolver,
        plan.settings.smtp_port,
        engine.clock,
    )


def _mx_of(providers: Mapping[str, ProviderSettings]) -> dict[str, tuple[str, ...]]:
    return {name: provider.mx for name, provider in providers.items()}


def _refresh(engine: Engine, queue: Queue, *, rerouted: bool, moved: bool) -> None:
    """Limits anew; lanes anew where the route or the source IPs have changed."""
    now = engine.clock.monotonic_ns()
    if rerouted and queue.lanes:
        for lane in queue.lanes:
            _retire(lane)
        queue.lanes = []
    elif moved and queue.lanes and queue.provider is not None:
        _replace_lanes(engine, queue, queue.provider)
    engine.shaping.reshape_queue(queue, now)
    engine.touch(queue)


def _replace_lanes(engine: Engine, queue: Queue, provider: str) -> None:
    """A lane that stays keeps its connections and its waits."""
    old = {lane.parent.source: lane for lane in queue.lanes}
    queue.lanes = [old.pop(lane.parent.source, lane) for lane in engine.make_lanes(queue, provider)]
    queue.next_lane = 0
    for lane in old.values():
        _retire(lane)


def _retire(lane: Lane) -> None:
    """Nothing new goes out through it; its idle connections close when their time is over."""
    lane.retry_at = NEVER
    if lane.in_ring:
        lane.parent.ring.remove(lane)
        lane.in_ring = False
