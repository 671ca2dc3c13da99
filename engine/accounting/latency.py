"""How long messages took to be delivered, in buckets; counted where records are written, off the hot path."""

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)


@dataclass(slots=True)
class Latency:
    """`counts` per bucket, the last for what took longer than every bound; `total` in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
