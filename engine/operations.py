"""What an operator or the controller may do to a running engine; the control API calls nothing else."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from core.errors import ConflictError, NotFoundError
from core.lease import Directive, Lease, Scope
from core.limit import LimitChain
from core.provider import EVERY
from core.rate import Rate
from engine import persistence
from engine.engine import Engine
from engine.events import EventKind, of_scope
from engine.queue.modes import ModeEvent
from engine.queue.queue import Queue
from engine.shaping.leases import LeaseState, Stored, standing

DIRECTIVES = (Directive.SOURCE_IP_MAX_MSG_RATE, Directive.SOURCE_IP_MAX_CONNECT_RATE)


class LeaseWish(StrEnum):
    """What a PUT insists on."""

    ANY = "whatever is there"
    NEW = "nothing is there"


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One source IP at one provider: what the operator allows, what holds, what waits."""

    scope: Scope
    operator_limit: Rate
    operator_connect_limit: Rate
    effective: Rate
    queued: int


async def put_lease(engine: Engine, lease: Lease, wish: LeaseWish = LeaseWish.ANY) -> Stored:
    """Keep a lease; it holds at once, and is on disk when this returns. Raises ConflictError.

    So does a lease for a source IP that takes none.
    """
    if lease.scope.source_ip in engine.settings.lease_free:
        raise ConflictError(f"{lease.scope.source_ip} takes no leases (takes-leases: false)")
    if wish is LeaseWish.NEW and engine.leases.get(lease.key):
        raise ConflictError(f"there is a lease {lease.key} already")
    before = engine.leases.get(lease.key)
    stored = engine.leases.put(lease)
    if stored is not Stored.UNCHANGED:
        parents = engine.shaping.parents(lease.scope)
        if before is not None and before.scope != lease.scope:
            parents += engine.shaping.parents(before.scope)
        engine.reshape(parents)
        await asyncio.to_thread(persistence.save_lease, engine.state, engine.leases, lease.key)
        kind = EventKind.LEASE_CREATED if stored is Stored.CREATED else EventKind.LEASE_CHANGED
        engine.events.add(kind, **_lease_fields(lease))
    return stored


async def delete_lease(engine: Engine, key: str, epoch: int | None = None) -> Lease | None:
    """Drop a lease; None if there is none. Raises ConflictError for a controller that is behind."""
    lease = engine.leases.delete(key, epoch=epoch)
    if lease is not None:
        engine.limiters.forget(f"lease|{key}")
        engine.reshape(engine.shaping.parents(lease.scope))
        await asyncio.to_thread(persistence.save_lease, engine.state, engine.leases, key)
        engine.events.add(EventKind.LEASE_DELETED, **_lease_fields(lease))
    return lease


def _lease_fields(lease: Lease) -> dict[str, object]:
    return {
        "lease": lease.key,
        **of_scope(lease.scope),
        "directive": lease.directive,
        "value": str(lease.value),
        "set_by": lease.set_by,
        "reason": lease.reason,
        "until": lease.expires_at,
    }


def leases(engine: Engine) -> list[Lease]:
    """Every lease that still bears on anything."""
    return [x for x in engine.leases.all() if lease_state(engine, x) is not LeaseState.ENDED]


def lease_state(engine: Engine, lease: Lease) -> LeaseState:
    return standing(lease, engine.clock.now()).state


def explain(engine: Engine, scope: Scope) -> list[LimitChain]:
    """Why a scope is as fast as it is: the chain of each directive."""
    return [engine.shaping.scope_chain(scope, d, engine.clock.now()) for d in DIRECTIVES]


def lane_chains(engine: Engine, queue: Queue) -> list[LimitChain]:
    """The chains of a queue, one for each of its source IPs."""
    wall = engine.clock.now()
    return [engine.shaping.lane_chain(lane, d, wall) for lane in queue.lanes for d in DIRECTIVES]


def scopes(engine: Engine) -> list[ScopeView]:
    """Every configured source IP at every provider that it has met or that the configuration limits.

    Without those that take no leases: there is nothing to control.
    """
    met = {(p.source.address, p.provider) for p in engine.shaping.parents()}
    limited = [
        name for name, p in engine.settings.providers.items()
        if p.source_ip_max_msg_rate or p.source_ip_max_connect_rate
    ]  # fmt: skip
    for source in engine.sources():
        met.update((source.address, name) for name in [*limited, EVERY])
    free = engine.settings.lease_free
    met = {(ip, provider) for ip, provider in met if ip not in free}
    waiting = _waiting(engine)
    views = [_view(engine, Scope(source_ip=ip, provider=provider), waiting) for ip, provider in met]
    return sorted(views, key=lambda view: (str(view.scope.source_ip), view.scope.provider))


def _view(engine: Engine, scope: Scope, waiting: dict[tuple[str, str], int]) -> ScopeView:
    messages, connects = DIRECTIVES
    chain = engine.shaping.scope_chain(scope, messages, engine.clock.now())
    return ScopeView(
        scope,
        engine.shaping.operator_limit(scope, messages),
        engine.shaping.operator_limit(scope, connects),
        chain.effective,
        waiting.get((str(scope.source_ip), scope.provider), 0),
    )


def _waiting(engine: Engine) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for queue in engine.queues:
        for lane in queue.lanes:
            for provider in (lane.parent.provider, EVERY):
                key = (lane.parent.address, provider)
                counts[key] = counts.get(key, 0) + queue.recipients
    return counts


def set_mode(engine: Engine, queue: Queue, event: ModeEvent, actor: str, reason: str) -> None:
    """Put a queue into a mode by hand."""
    cause = None
    if event is ModeEvent.SET_BACKOFF:
        cause = engine.conduct.cause(queue, f"by {actor}", reason)
    engine.conduct.set_mode(queue, event, cause)


def pause(engine: Engine, queue: Queue) -> None:
    """Send nothing from a queue until it is resumed; mail goes on being accepted."""
    queue.paused = True
    engine.touch(queue)


def resume(engine: Engine, queue: Queue) -> None:
    queue.paused = False
    engine.touch(queue)


def retry_now(engine: Engine, queue: Queue) -> None:
    """Forget every wait of a queue's lanes and try again; recipients keep their own waits."""
    queue.retry_at = 0
    for lane in queue.lanes:
        lane.retry_at = 0
    engine.touch(queue)


def disable_source(
    engine: Engine, queue: Queue, address: str, actor: str, reason: str, lasts: timedelta | None = None
) -> None:
    """Take a source IP out of a queue by hand. Raises NotFoundError if the queue does not use it."""
    if address not in {lane.parent.address for lane in queue.lanes}:
        raise NotFoundError(f"{queue.name} has no source IP {address}")
    engine.conduct.disable_source(queue, address, f"by {actor}", reason, lasts)


def enable_source(engine: Engine, queue: Queue, address: str) -> None:
    """Let a source IP back into a queue. Raises NotFoundError if it is not disabled there."""
    if address not in queue.disabled:
        raise NotFoundError(f"{address} is not disabled for {queue.name}")
    engine.conduct.enable_source(queue, address)
