"""Everything beyond the sender: the providers that judge its mail, and the sources that tell of it later.

Whoever brings the mail, a flow in steps or a real engine one recipient at a time, it is judged here.
"""

from typing import Final

import numpy as np

from lab.simulation.physics import (
    BAD,
    GOOD,
    MICROSOFT,
    OTHER,
    PROVIDERS,
    SHARES,
    VOLUME,
    YAHOO,
    Bools,
    Floats,
    Physics,
)
from lab.simulation.providers import Answers, Providers
from lab.simulation.scenarios import GOOD_MARKS, Script, generator
from lab.simulation.signals import Hour, Signals

_BUSY: Final = 1.6
"""A busy hour over a mean one, as `scenarios.ordinary` draws it."""


class Outside:
    """Worlds × providers, under a script and some physics."""

    def __init__(self, script: Script, physics: Physics) -> None:
        worlds = len(script.seeds)
        usual = VOLUME * np.array(SHARES)
        self.providers = Providers(physics, usual, usual * _BUSY)
        self.providers.reset(worlds)
        self.signals = [Signals(physics, script.campaign, generator(s, 1)) for s in script.seeds]
        self._script = script
        self._hour = np.zeros((2, worlds, len(PROVIDERS)))
        self._listed = np.zeros(worlds, dtype=np.bool_)

    def limits(self, step: int) -> Floats:
        """What the providers would accept now, recipients an hour."""
        return np.where(self._refusing() | self._down(step), 0.0, self.providers.limits())

    def answer(self, attempts: Floats, step: int) -> Answers:
        """To so many recipients tried in this step."""
        return self.providers.answer(attempts, self._refusing(), self._down(step))

    def take(self, reached: Floats, delivered: Floats, refused: Floats) -> None:
        """A step's mail, in recipients.

        `reached`: accepted, worlds × providers × kinds; `delivered`: those of them that met a mailbox.
        `refused`: attempts turned away, worlds × providers.
        """
        good, bad = reached[..., GOOD], reached[..., BAD]
        marks = self._script.campaign.marks if self._script.campaign else 0.0
        listed = np.zeros_like(good)
        listed[:, [MICROSOFT, YAHOO]] = self._listed[:, None]
        self.providers.learn(good + bad, good * GOOD_MARKS + bad * marks, refused, listed)
        self._hour[GOOD] += delivered[..., GOOD]
        self._hour[BAD] += delivered[..., BAD]

    def close_hour(self, hour: int) -> None:
        """An hour is over: the sources begin to know of it, and a list may name the IP from now on."""
        for world, signals in enumerate(self.signals):
            sent = Hour(self._hour[GOOD, world], self._hour[BAD, world], self.providers.score[world])
            signals.tell(hour, sent)
            self._listed[world] = signals.lists.css.at(hour + 1.0)
        self._hour[:] = 0.0

    def _down(self, step: int) -> Bools:
        down: Bools = self._script.down[:, min(step, self._script.steps - 1)]
        return down

    def _refusing(self) -> Bools:
        refusing: Bools = np.zeros((len(self._script.seeds), len(PROVIDERS)), dtype=np.bool_)
        refusing[:, OTHER] = self._listed
        return refusing
