"""A stop at any moment and a new start give the same engine: queues, modes, reasons, leases, statistics, limits."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from answering import answering
from engine_lab import Rig, offer, rig

from core.clock import NANOSECONDS, SystemClock
from core.lease import Lease
from engine import operations
from engine.engine import Engine
from engine.queue.modes import ModeEvent
from lab.traffic import Stream
from lab.world import Lab

KEY = "auto:203.0.113.7:other:source-ip-max-msg-rate"


def portrait(engine: Engine) -> dict[str, Any]:
    """Everything that a person could see of it, but for what moves with the clock."""
    return {
        "queues": {
            q.name: (q.recipients, q.size, q.mode, q.paused, q.backoff, q.disabled, q.insight)
            for q in engine.queues
        },
        "leases": sorted(lease.model_dump_json() for lease in engine.leases.all()),
        "epoch": engine.leases.epoch,
        "statistics": engine.statistics.since(datetime(2026, 1, 1, tzinfo=UTC)),
    }


async def busy(engine: Rig, events: int) -> None:
    """A little of everything, up to a moment in the middle."""
    now = datetime.now(UTC)
    lease = Lease.model_validate(
        {
            "key": KEY,
            "scope": {"source_ip": "203.0.113.7", "provider": "other"},
            "directive": "source-ip-max-msg-rate",
            "value": "10/h",
            "origin": "controller",
            "reason": "a drill",
            "set_by": "controller",
            "set_at": now,
            "expires_at": now + timedelta(hours=6),
            "epoch": events,
        }
    )
    it = engine.run.engine
    await offer(engine.lab, Stream("d.test", "marketing"), events)
    if events > 3:
        await operations.put_lease(it, lease)
    queue = next(iter(it.queues))
    if events > 5:
        operations.set_mode(it, queue, ModeEvent.SET_BACKOFF, "anna", "a drill")
    if events > 8:
        operations.pause(it, queue)
    if events > 12 and queue.lanes:
        address = str(queue.lanes[0].parent.source.address)
        operations.disable_source(it, queue, address, "anna", "a drill", timedelta(hours=1))


@pytest.mark.parametrize("events", [1, 4, 6, 9, 13, 40])
async def test_a_stop_and_a_start_change_nothing(tmp_path: Path, events: int) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "451 4.3.2 busy") as peer:
        more = {
            "routes": {"d.test": {"hosts": [f"127.0.0.1:{peer.port}"]}},
            "domains": {"*": {"source-ip-max-msg-rate": "3/h", "retry-recipients-after": "2h"}},
        }
        async with rig(lab, tmp_path, more) as engine:
            await busy(engine, events)
            first = engine.run.engine
        before, spent = portrait(first), first.limiters.debts(SystemClock().monotonic_ns())
        async with rig(lab, tmp_path, more) as engine:
            second = engine.run.engine
            assert portrait(second) == before
            now = SystemClock().monotonic_ns()
            for queue in second.queues:
                second.make_lanes(queue, "other")
            again = second.limiters.debts(now)
            assert {key: again[key] for key in spent} == pytest.approx(spent, abs=5 * NANOSECONDS)
