"""Judges recipients one at a time, by the laws that the simulation applies to a flow. Decides only."""

from typing import Final

import numpy as np

from lab.judge import Verdict
from lab.simulation.outside import Outside
from lab.simulation.physics import HOURS, PROVIDERS, STEPS_PER_HOUR

CARRIED_STEPS: Final = 3
"""So many steps' unused room may be used later: real mail comes less evenly than a flow."""


class Postmaster:
    """All providers of one world.

    A recipient stands for `worth` recipients of the world. `step` is the one that goes on; whoever keeps
    the time ends it.
    """

    def __init__(self, outside: Outside, worth: float, draws: np.random.Generator) -> None:
        self.step = 0
        self._outside = outside
        self._worth = worth
        self._draws = draws
        self._spare = np.zeros((1, len(PROVIDERS)))
        self._forget()

    def judge(self, provider: int) -> Verdict:
        """One attempted recipient."""
        self._tried[0, provider] += self._worth
        answers = self._outside.answer(self._tried, self.step)
        if answers.blocked[0, provider] > 0:
            self._refused[0, provider] += self._worth
            is_final = self._draws.uniform() < answers.gone[0, provider]
            return Verdict.BLOCKED if is_final else Verdict.BARRED
        room = (self._tried * answers.accepted + self._spare)[0, provider]
        if self._taken[0, provider] + self._worth <= room + 1e-6:
            self._taken[0, provider] += self._worth
            return Verdict.ACCEPT
        self._refused[0, provider] += self._worth
        is_about_volume = self._outside.providers.is_about_volume()[0, provider]
        return Verdict.VOLUME if is_about_volume else Verdict.DISGRACE

    def reach(self, provider: int, kind: int, *, is_mailbox: bool = True) -> None:
        """An accepted recipient of a kind of mail; `is_mailbox` False: there is no such mailbox."""
        self._reached[0, provider, kind] += self._worth
        if is_mailbox:
            self._delivered[0, provider, kind] += self._worth

    def end_step(self) -> None:
        """The step is over: providers learn, and with a full hour the sources do."""
        room = self._outside.limits(self.step) * HOURS
        most = np.where(room > 0, np.maximum(self._worth, CARRIED_STEPS * room), 0.0)
        self._spare = np.clip(self._spare + room - self._taken, 0.0, most)
        self._outside.take(self._reached, self._delivered, self._refused)
        self._forget()
        self.step += 1
        if self.step % STEPS_PER_HOUR == 0:
            self._outside.close_hour(self.step // STEPS_PER_HOUR - 1)

    def _forget(self) -> None:
        shape = (1, len(PROVIDERS))
        self._tried, self._taken, self._refused = (np.zeros(shape) for _ in range(3))
        self._reached, self._delivered = (np.zeros((*shape, 2)) for _ in range(2))
