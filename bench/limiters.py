"""Decisions per second over 100,000 keys: ours beside limits, pyrate-limiter and aiolimiter, in one run.

    python -m bench.limiters

A decision looks the key's limiter up, reads the clock, asks whether one more may pass, and takes it if so.
All get the same keys in the same shuffled order at the same rate, 1000/h. Seconds are those of the deciding
thread's CPU, so that a busy machine does not decide. What each of them promises:

ours            never more than N in any window, with 10 at once (GCRA with N' = N - B + 1); paced, integer
                nanoseconds, constant memory, knows when the next may pass
limits          moving window: exact, N in any window, all N at once; a list entry an event
pyrate-limiter  sliding-window log: exact, as above; or GCRA: constant memory, up to N + burst in a window.
                Both are run, the faster one counts
aiolimiter      leaky bucket: up to 2N in a window (N at once, then the rate); constant memory; awaited

Peers keep locks for threads (limits, pyrate-limiter); our engine decides in one thread and needs none.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import limits
import pyrate_limiter
from aiolimiter import AsyncLimiter
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from bench.options import Form, Options
from core.rate import Rate
from engine.shaping.limiter import Limiter

COUNT, PERIOD = 1000, 3600


@dataclass(frozen=True, slots=True)
class Load:
    """How many keys, how many decisions a round, how many rounds (the median counts)."""

    keys: int = 100_000
    decisions: int = 200_000
    rounds: int = 3


SHORT = Load(keys=1_000, decisions=5_000, rounds=1)


def run(options: Options) -> Iterable[tuple[str, float | str]]:
    """Our rate, and how many times as fast as each peer it is."""
    return measure(SHORT if options.form is Form.SHORT else Load())


def measure(load: Load) -> Iterable[tuple[str, float | str]]:
    asked = requests(load)
    makers = {"ours": ours, "limits": moving_window, "pyrate": pyrate, "aiolimiter": leaky_bucket}
    taken: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(load.rounds):
        for name, make in makers.items():
            taken[name].append(make(asked))
    rates = {name: statistics.median(of) for name, of in taken.items()}
    yield "limiter_decisions", round(rates["ours"])
    for name in list(makers)[1:]:
        yield f"limiter_decisions_{name}", round(rates[name])
        yield f"limiter_ratio_{name}", round(rates["ours"] / rates[name], 1)


def requests(load: Load) -> list[str]:
    """Keys as the engine's are, in an order that no cache likes."""
    keys = [f"source-ip-max-msg-rate|127.0.3.1|q{n}.example.test/vmta1" for n in range(load.keys)]
    times = -(-load.decisions // load.keys)
    asked = (keys * times)[: load.decisions]
    random.Random(1).shuffle(asked)
    return asked


def rate_of(decide: Callable[[str], object], asked: list[str]) -> float:
    """Decisions a second. Each key is met once beforehand, so that none is made within the time."""
    for key in dict.fromkeys(asked):
        decide(key)
    begun = time.thread_time()
    passed = sum(map(bool, map(decide, asked)))
    taken = time.thread_time() - begun
    if not passed:
        raise SystemExit("the limiters let nothing through")
    return len(asked) / taken


def ours(asked: list[str]) -> float:
    rate, started = Rate(COUNT, PERIOD), time.monotonic_ns()
    known = {key: Limiter(rate, started) for key in asked}
    clock = time.monotonic_ns

    def decide(key: str) -> bool:
        limiter, now = known[key], clock()
        if not limiter.available(now):
            return False
        limiter.reserve(1, now)
        return True

    return rate_of(decide, asked)


def moving_window(asked: list[str]) -> float:
    storage = MemoryStorage()
    limiter, item = MovingWindowRateLimiter(storage), limits.parse(f"{COUNT}/{PERIOD} seconds")
    try:
        return rate_of(lambda key: limiter.hit(item, key), asked)
    finally:
        storage.timer.cancel()


class Buckets(pyrate_limiter.BucketFactory):
    """A bucket for each key, which is how the library wants many keys served."""

    def __init__(self, make: Callable[[], pyrate_limiter.AbstractBucket], asked: list[str]) -> None:
        self._known = {key: make() for key in asked}
        self._clock = pyrate_limiter.MonotonicClock()

    def wrap_item(self, name: str, weight: int = 1) -> pyrate_limiter.RateItem:
        return pyrate_limiter.RateItem(name, self._clock.now(), weight=weight)

    def get(self, item: pyrate_limiter.RateItem) -> pyrate_limiter.AbstractBucket:
        return self._known[item.name]


def pyrate(asked: list[str]) -> float:
    rates = [pyrate_limiter.Rate(COUNT, PERIOD * 1000)]
    clock = pyrate_limiter.MonotonicClock()
    makers: list[Callable[[], pyrate_limiter.AbstractBucket]] = [
        lambda: pyrate_limiter.InMemoryBucket(rates),
        lambda: pyrate_limiter.StateBucket(rates, pyrate_limiter.GCRA(), clock=clock),
    ]
    found = []
    for make in makers:
        with pyrate_limiter.Limiter(Buckets(make, asked)) as limiter:
            found.append(rate_of(partial(limiter.try_acquire, blocking=False), asked))
    return max(found)


def leaky_bucket(asked: list[str]) -> float:
    async def decide_all() -> float:
        known = {key: AsyncLimiter(COUNT, PERIOD) for key in asked}
        for limiter in known.values():
            await limiter.acquire()
        begun = time.thread_time()
        for key in asked:
            limiter = known[key]
            if limiter.has_capacity():
                await limiter.acquire()
        return len(asked) / (time.thread_time() - begun)

    return asyncio.run(decide_all())


if __name__ == "__main__":
    for figure, value in measure(Load()):
        print(f"{figure}: {value}", flush=True)
