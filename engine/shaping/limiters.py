"""Every limiter of the engine by name, so that its state outlives rate changes, leases and restarts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.rate import Rate
from engine.shaping.limiter import Limiter


class Start(StrEnum):
    """What is known of the time before this process."""

    FRESH = "nothing was sent before"
    RESTORED = "the state was saved at a clean stop"
    CRASHED = "unknown: every window is taken to be full"


@dataclass(slots=True)
class Limiters:
    """Limiters by key. `started`: monotonic time of the start, in ns; `saved`: debts by key, in ns."""

    started: int
    start: Start = Start.FRESH
    saved: Mapping[str, int] = field(default_factory=dict)
    _known: dict[str, Limiter] = field(default_factory=dict)

    def take(self, key: str, rate: Rate, now: int, *, full: bool = False) -> Limiter:
        """The limiter of a bound, with that rate from now on. A new one may begin `full` (nothing free)."""
        limiter = self._known.get(key)
        if limiter is None:
            limiter = self._known[key] = self._new(key, rate, now, full=full)
        elif limiter.rate != rate:
            limiter.change(rate, now)
        return limiter

    def forget(self, key: str) -> None:
        self._known.pop(key, None)

    def debts(self, now: int) -> dict[str, int]:
        """What to save: the debt of every limiter that is not idle."""
        return {key: debt for key, limiter in self._known.items() if (debt := limiter.debt(now))}

    def _new(self, key: str, rate: Rate, now: int, *, full: bool) -> Limiter:
        if self.start is Start.CRASHED:
            # as if it had been full when the process began, and had earned back since
            limiter = Limiter(rate, self.started, full=True)
            return Limiter(rate, now, full=True) if full else limiter
        limiter = Limiter(rate, now, full=full)
        if not full and key in self.saved:
            limiter.restore(self.saved[key] - (now - self.started), now)
        return limiter


def available(limiters: Iterable[Limiter], now: int, most: int) -> int:
    """How many every limiter of a chain lets through at `now`, at most `most`."""
    for limiter in limiters:
        free = limiter.available(now)
        if free < most:
            if not free:
                return 0
            most = free
    return most


def ready_at(limiters: Iterable[Limiter], now: int) -> int:
    """When every limiter of a chain lets one through."""
    return max((limiter.ready_at(now) for limiter in limiters), default=now)


def reserve(limiters: Iterable[Limiter], count: int, now: int) -> None:
    """Take `count` from all; the caller has asked `available`, so none refuses."""
    for limiter in limiters:
        limiter.reserve(count, now)
