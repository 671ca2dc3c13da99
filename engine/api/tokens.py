"""What each bearer token does: when it was last used, how often, and whether it asks too much."""

from dataclasses import dataclass
from datetime import datetime

from core.clock import NANOSECONDS, Clock
from engine.settings import Token
from engine.shaping.limiter import Limiter


@dataclass(slots=True)
class Usage:
    """One token's record since the start."""

    requests: int = 0
    refused: int = 0
    last_used_at: datetime | None = None
    limiter: Limiter | None = None


class TokenBook:
    """Usage by token name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._usage: dict[str, Usage] = {}

    def usage(self, name: str) -> Usage:
        return self._usage.setdefault(name, Usage())

    def use(self, token: Token) -> int:
        """Count a request; 0 if it may go on, else the seconds to wait."""
        usage, now = self.usage(token.name), self._clock.monotonic_ns()
        usage.last_used_at = self._clock.now()
        usage.requests += 1
        limiter = self._limiter(usage, token, now)
        if limiter is None:
            return 0
        if limiter.available(now):
            limiter.reserve(1, now)
            return 0
        usage.refused += 1
        return max(1, -(-(limiter.ready_at(now) - now) // NANOSECONDS))

    @staticmethod
    def _limiter(usage: Usage, token: Token, now: int) -> Limiter | None:
        if token.rate.count is None:
            usage.limiter = None
        elif usage.limiter is None or usage.limiter.rate != token.rate:
            # a client asks in bursts: half of the rate may come at once
            usage.limiter = Limiter(token.rate, now, burst=max(1, token.rate.count // 2))
        return usage.limiter
