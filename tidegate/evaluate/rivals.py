"""The other policies, one rule each, after what their makers publish (control reference, 2.1).

Real set-ups have many rules; the comparison is about the shape: a fixed level and a return at once.
"""

from collections import deque
from typing import Final

import numpy as np

from lab.simulation.physics import (
    OPERATOR_LIMIT,
    PROVIDERS,
    SHARES,
    STEPS_PER_DAY,
    STEPS_PER_HOUR,
    VOLUME,
    Floats,
)
from lab.simulation.scenarios import MORNING
from lab.simulation.world import Rates, Seen, World, unlimited


class NoControl:
    """The operator's limit, whatever happens."""

    def __init__(self, worlds: int) -> None:
        self._rates = unlimited(worlds)

    def rates(self) -> Rates:
        return self._rates

    def watch(self, world: World, seen: Seen) -> None:
        """Nobody looks."""


class _Recent:
    """Attempts and replies about the IP in a sliding window."""

    def __init__(self, steps: int) -> None:
        self._steps: deque[tuple[Floats, Floats]] = deque(maxlen=steps)

    def add(self, seen: Seen) -> None:
        self._steps.append((seen.attempted, seen.reputation + seen.blocked))

    @property
    def attempts(self) -> Floats:
        total: Floats = np.sum([attempts for attempts, _ in self._steps], axis=0)
        return total

    @property
    def refused(self) -> Floats:
        total: Floats = np.sum([replies for _, replies in self._steps], axis=0)
        return total


class Reaction:
    """So many replies about the IP within an hour: a fixed rate for a fixed time, then back at once."""

    def __init__(self, worlds: int, replies: float, rate: float, hours: float) -> None:
        shape = (worlds, len(PROVIDERS))
        self._replies, self._rate = replies, rate
        self._length = round(hours * STEPS_PER_HOUR)
        self._left = np.zeros(shape)
        self._recent = deque[Floats](maxlen=STEPS_PER_HOUR)
        self._total = np.full(worlds, OPERATOR_LIMIT)

    def rates(self) -> Rates:
        return Rates(np.where(self._left > 0, self._rate, OPERATOR_LIMIT), self._total)

    def watch(self, world: World, seen: Seen) -> None:
        del world
        said = seen.reputation + seen.blocked
        calm = self._left == 0
        self._left = np.maximum(0.0, self._left - 1)
        # replies from before count once: the mode that they led to is over
        for earlier in self._recent:
            earlier[~calm] = 0.0
        self._recent.append(np.where(calm, said, 0.0))
        fires = calm & (np.sum(self._recent, axis=0) >= self._replies)
        self._left = np.where(fires, float(self._length), self._left)


def backoff(worlds: int) -> Reaction:
    """PowerMTA: one reply that matches a pattern is backoff mode, here 5 % of the rate for an hour."""
    return Reaction(worlds, replies=1, rate=0.05 * OPERATOR_LIMIT, hours=1)


def suspend(worlds: int) -> Reaction:
    """KumoMTA's traffic shaping automation: five replies in an hour suspend for two hours."""
    return Reaction(worlds, replies=5, rate=0.0, hours=2)


def set_config(worlds: int) -> Reaction:
    """KumoMTA's other action: `max_message_rate=1/minute` for 90 minutes."""
    return Reaction(worlds, replies=5, rate=60.0, hours=1.5)


_LOW, _HIGH, _LEAST = 0.03, 0.10, 200
_SUSPENSION: Final = 4


class Sweep:
    """Momentum's Adaptive Delivery: once an hour 3 % of refusals halve the rate, 10 % suspend for 4 hours.

    Without refusals the rate rises by a quarter an hour. Its documentation judges from 2,000 attempts an hour
    on; for a sender of this size, 200.
    """

    def __init__(self, worlds: int) -> None:
        shape = (worlds, len(PROVIDERS))
        self._rate = np.full(shape, OPERATOR_LIMIT)
        self._suspended = np.zeros(shape)
        self._hour = _Recent(STEPS_PER_HOUR)
        self._total = np.full(worlds, OPERATOR_LIMIT)

    def rates(self) -> Rates:
        return Rates(np.where(self._suspended > 0, 0.0, self._rate), self._total)

    def watch(self, world: World, seen: Seen) -> None:
        self._hour.add(seen)
        if world.step % STEPS_PER_HOUR:
            return
        attempts, refused = self._hour.attempts, self._hour.refused
        share = np.divide(refused, attempts, out=np.zeros_like(refused), where=attempts >= _LEAST)
        was_suspended = self._suspended > 0
        self._suspended = np.maximum(0.0, self._suspended - 1)
        judged = ~was_suspended
        self._suspended = np.where(judged & (share >= _HIGH), float(_SUSPENSION), self._suspended)
        lower = np.maximum(0.05 * OPERATOR_LIMIT, self._rate * 0.5)
        higher = np.minimum(OPERATOR_LIMIT, self._rate * 1.25)
        moved = np.where(share >= _LOW, lower, higher)
        self._rate = np.where(judged, moved, self._rate)


_SEEN_BY_PEOPLE, _DAYS = 0.10, 3
_QUARTER: Final = 0.25 * VOLUME * np.array(SHARES)
"""Of what the IP usually sends to each provider; a quarter of the limit would be no throttle at all."""


class Human:
    """At 09:00 somebody looks back a day: where a tenth was refused, a quarter of the volume for 3 days."""

    def __init__(self, worlds: int) -> None:
        self._left = np.zeros((worlds, len(PROVIDERS)))
        self._yesterday = _Recent(STEPS_PER_DAY)
        self._total = np.full(worlds, OPERATOR_LIMIT)

    def rates(self) -> Rates:
        return Rates(np.where(self._left > 0, _QUARTER, OPERATOR_LIMIT), self._total)

    def watch(self, world: World, seen: Seen) -> None:
        self._yesterday.add(seen)
        if world.step % STEPS_PER_DAY != MORNING * STEPS_PER_HOUR:
            return
        attempts = np.maximum(1.0, self._yesterday.attempts)
        trouble = self._yesterday.refused / attempts > _SEEN_BY_PEOPLE
        self._left = np.maximum(0.0, self._left - 1)
        self._left = np.where((self._left == 0) & trouble, float(_DAYS), self._left)


class Oracle:
    """Knows when the mail is bad and holds it all back, and never sends more than will be accepted."""

    def __init__(self, worlds: int) -> None:
        self._rates = unlimited(worlds)

    def rates(self) -> Rates:
        return self._rates

    def watch(self, world: World, seen: Seen) -> None:
        del seen
        script = world.script
        is_bad = (script.bad_from <= world.step) & (world.step < script.purged_at)
        # just below the limit: what is a hair above it is refused
        known = np.minimum(OPERATOR_LIMIT, 0.98 * world.limits())
        rates = np.where(is_bad[:, None], 0.0, known)
        self._rates = Rates(rates, np.full(len(script.seeds), OPERATOR_LIMIT))
