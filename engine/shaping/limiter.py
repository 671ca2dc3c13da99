"""One exact limiter: never more than N in any window of length T, state kept when the rate changes.

GCRA (ITU-T I.371) in integer nanoseconds. With burst B and spacing I = ceil((T + G) / N'), N' = N - B + 1,
any half-open window T holds at most B + ceil(T / I) - 1 <= N. The usual choice B = N would allow 2N - 1.
B = clamp(N / 100, 1, 50) keeps the long-run use at or above 99 % of N. The guard G spends half of what is
left of that one per cent on the jitter between our reservation and the peer's clock.
"""

from dataclasses import dataclass

from core.clock import NANOSECONDS
from core.rate import Rate

_MAX_BURST = 50
_MAX_GUARD_NS = NANOSECONDS // 4


@dataclass(frozen=True, slots=True)
class Spacing:
    """A rate as GCRA needs it: `interval` between events in ns, `burst` events at once after idleness."""

    interval: int
    burst: int

    @classmethod
    def of(cls, rate: Rate, burst: int | None = None) -> "Spacing":
        """The spacing for a limited rate; `burst` between 1 and N overrides the default."""
        if rate.count is None:
            raise ValueError("an unlimited rate has no spacing")
        count, period = rate.count, rate.seconds * NANOSECONDS
        size = min(count, burst or max(1, min(count // 100, _MAX_BURST)))
        slack = max(0, period * (count - 100 * (size - 1)) // (count * 200))
        guard = min(slack, _MAX_GUARD_NS)
        return cls(interval=-(-(period + guard) // (count - size + 1)), burst=size)


class Limiter:
    """Counts attempted recipients (or connections) of one bound. Times are monotonic nanoseconds."""

    __slots__ = ("_burst", "_interval", "_room", "_tat", "rate")

    def __init__(self, rate: Rate, now: int, *, burst: int | None = None, full: bool = False) -> None:
        """Start idle (a whole burst free), or `full`: nothing free, as after a crash."""
        self._take(rate, Spacing.of(rate, burst))
        self._tat = now + self._room if full else now

    def available(self, now: int) -> int:
        """How many may be reserved at `now`."""
        lead = self._tat - now
        if lead <= 0:
            return self._burst
        free = self._room - lead
        return free // self._interval if free > 0 else 0

    def ready_at(self, now: int) -> int:
        """The earliest time at which one more may be reserved; `now` if at once."""
        return max(now, self._tat - self._room + self._interval)

    def reserve(self, count: int, now: int) -> None:
        """Take `count`, which must be available. Raises ValueError otherwise: a limit is never overdrawn."""
        tat = (self._tat if self._tat > now else now) + count * self._interval  # noqa: FURB136 - no call here
        if tat - now > self._room:
            raise ValueError(f"{count} asked of a limiter that has {self.available(now)}")
        self._tat = tat

    def refund(self, count: int) -> None:
        """Give back what was reserved for a connection that never opened."""
        self._tat -= count * self._interval

    def change(self, rate: Rate, now: int, *, burst: int | None = None) -> None:
        """Take a new rate and keep the free credit, counted in events and never more than the new burst.

        So a tighter rate holds at once and a looser one grants no fresh burst.
        """
        spacing = Spacing.of(rate, burst)
        free = self._room - max(0, self._tat - now)
        kept = min(free * spacing.interval // self._interval, spacing.interval * spacing.burst)
        self._take(rate, spacing)
        self._tat = now + self._room - kept

    def debt(self, now: int) -> int:
        """What is spent and not yet earned back, in ns: the state to save. 0 when idle."""
        return max(0, self._tat - now)

    def restore(self, debt: int, now: int) -> None:
        """Take back a saved debt, never beyond a full limiter."""
        self._tat = now + min(max(0, debt), self._room)

    def _take(self, rate: Rate, spacing: Spacing) -> None:
        self.rate = rate
        self._interval, self._burst = spacing.interval, spacing.burst
        self._room = spacing.interval * spacing.burst
