"""The mail that waits at a sender, by age: oldest first, tried again after a deferral, given up at last.

Amounts are recipients, as real numbers: a flow rather than messages. Nothing appears and nothing is lost
without being counted.
"""

from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np

from lab.simulation.physics import BAD, HOURS, STEPS_PER_HOUR, Floats

RETRY_AFTER: Final = 10 / 60
"""Hours until a deferred recipient is tried again: the engine's and PowerMTA's default."""
AGE_HOURS: Final = 6
GIVE_UP: Final = 108
"""Hours after which a recipient is given up: `bounce-after` 4d12h, the engine's and PowerMTA's default."""

_AGES = GIVE_UP // AGE_HOURS
_STEPS_PER_AGE = AGE_HOURS * STEPS_PER_HOUR
_CRUMB = 1e-6
_RETURNS = 1 - exp(-HOURS / RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class Batch:
    """Recipients that are tried now: worlds × providers × kinds × ages."""

    parts: Floats

    @property
    def amounts(self) -> Floats:
        """Worlds × providers × kinds."""
        amounts: Floats = self.parts.sum(axis=3)
        return amounts


class Queue:
    """One queue per world and provider."""

    def __init__(self, worlds: int, providers: int) -> None:
        self._due = np.zeros((worlds, providers, 2, _AGES))
        self._later = np.zeros_like(self._due)
        self._age = 0

    def add(self, arrivals: Floats) -> None:
        """Worlds × providers × kinds."""
        self._due[..., 0] += arrivals

    def waiting(self) -> Floats:
        """Recipients that wait: worlds × providers × kinds."""
        amounts: Floats = (self._due + self._later).sum(axis=3)
        return amounts

    def due(self) -> Floats:
        """Recipients that could be tried now: worlds × providers."""
        amounts: Floats = self._due.sum(axis=(2, 3))
        return amounts

    def take(self, most: Floats) -> Batch:
        """The oldest due recipients, at most `most` (worlds × providers); they leave the queue."""
        by_age = self._due.sum(axis=2)
        older = np.cumsum(by_age[..., ::-1], axis=2)[..., ::-1] - by_age
        wanted = np.clip(most[..., None] - older, 0.0, by_age)
        share = np.divide(wanted, by_age, out=np.zeros_like(by_age), where=by_age > 0)
        parts = self._due * share[:, :, None, :]
        self._due -= parts
        return Batch(parts)

    def put_back(self, batch: Batch, share: Floats) -> None:
        """Deferred: this share of a batch (worlds × providers × kinds) is tried again later."""
        self._later += batch.parts * share[..., None]

    def purge_bad(self, worlds: Floats) -> Floats:
        """Somebody deletes the unwanted mail of these worlds (1 or 0 each). Returns how much."""
        gone = np.zeros(self._due.shape[:3])
        for part in (self._due, self._later):
            cut = part[:, :, BAD, :] * worlds[:, None, None]
            gone[:, :, BAD] += cut.sum(axis=2)
            part[:, :, BAD, :] -= cut
        return gone

    def age(self) -> Floats:
        """One step passes. Returns what is given up: worlds × providers × kinds."""
        # crumbs come back whole: numbers too small for the processor would cost it time
        back = np.where(self._later < _CRUMB, self._later, self._later * _RETURNS)
        self._due += back
        self._later -= back
        self._age += 1
        gone = np.zeros(self._due.shape[:3])
        if self._age % _STEPS_PER_AGE:
            return gone
        for part in (self._due, self._later):
            gone += part[..., -1]
            part[..., 1:] = part[..., :-1].copy()
            part[..., 0] = 0.0
        return gone
