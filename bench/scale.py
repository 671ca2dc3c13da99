"""Start-up and listing of a large configuration: 50 source IPs × 40 providers × 500 domains, 20,000 queues.

    python bench/scale.py

Prints `name: value` lines. No mail leaves: every queue is paced by a limiter that says "not yet".
"""

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from core.clock import SystemClock
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.service import Running, running
from engine.settings import EngineSettings

SOURCES, PROVIDERS, DOMAINS = 50, 40, 500


def configuration(folder: Path) -> dict[str, Any]:
    """Limits at every level, so that nothing is free."""
    sources = [f"127.0.3.{n}" for n in range(1, SOURCES + 1)]
    return {
        "listen": ["127.0.0.1:0"],
        "spool": str(folder / "spool"),
        "accounting-files": [],
        "control-api": {"listen": f"unix:{folder}/control.sock"},
        "virtual-mtas": {
            "default": {"source-ips": sources[:2]},
            **{f"vmta{n}": {"source-ips": [source]} for n, source in enumerate(sources)},
        },
        "providers": {
            f"provider{n}": {"mx": [f"*.mx{n}.test"], "source-ip-max-msg-rate": "100/h"}
            for n in range(PROVIDERS)
        },
        "domains": {
            f"[*.]d{n}.test": {"max-msg-rate": f"{n + 10}/h", "source-ip-max-msg-rate": "10/h"}
            for n in range(DOMAINS)
        },
    }


def fill(run: Running, queues: int, each: int) -> None:
    """Queues with mail that has to wait: their routes are given, their retry lies in the future."""
    engine, clock = run.engine, run.engine.clock
    later = clock.monotonic_ns() + 3_600 * 10**9
    for number in range(queues):
        queue = engine.queues.queue(f"q{number}.d{number % DOMAINS}.test", f"vmta{number % SOURCES}")
        queue.provider = f"provider{number % PROVIDERS}"
        queue.lanes = engine.make_lanes(queue, queue.provider)
        for place in range(each):
            address = f"r{place}@{queue.domain}"
            message = QueuedMessage(place, "s@x.test", (address,), 4096, queue.vmta, "", False, False, 0.0)
            queue.postpone(QueuedRecipient(message, 0), later + number)
        engine.scheduler.kick(queue, clock.monotonic_ns())


async def measure(queues: int, each: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        settings = EngineSettings.model_validate(configuration(folder))
        async with running(settings, SystemClock()) as run:
            print(f"start_seconds: {time.perf_counter() - begun:.2f}")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            fill(run, queues, each)
            used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(f"queues: {len(run.engine.queues)}")
            print(f"recipients: {sum(q.recipients for q in run.engine.queues)}")
            print(f"queue_memory_mb: {used:.0f}")
            await list_queues(run)
            await idle()


async def list_queues(run: Running) -> None:
    """`show topqueues`: the hundred deepest of all."""
    transport = httpx.AsyncHTTPTransport(uds=run.api.removeprefix("unix:"))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as api:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            answer = await api.get("/v1/queues", params={"limit": 100})
            times.append(time.perf_counter() - begun)
            answer.raise_for_status()
    print(f"topqueues_ms: {sorted(times)[2] * 1000:.0f}")


async def idle() -> None:
    """What waiting costs."""
    before, begun = time.process_time(), time.perf_counter()
    await asyncio.sleep(5)
    print(f"idle_cpu_percent: {(time.process_time() - before) / (time.perf_counter() - begun) * 100:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=2)
    chosen = parser.parse_args()
    asyncio.run(measure(chosen.queues, chosen.each))
