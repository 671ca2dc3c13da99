"""What is measured of a policy: how its rates moved, and what became of the mail."""

from dataclasses import dataclass

import numpy as np

from lab.simulation.physics import BAD, GOOD, HOURS, PROVIDERS, Floats
from lab.simulation.scenarios import NEVER, Script
from lab.simulation.world import Ledger, Rates

_MOVE = 0.01
"""A change of a rate by less than this share is none."""


@dataclass(frozen=True, slots=True)
class Score:
    """One policy in one scenario; one value a world.

    `good`, `bad`: delivered share, NaN where there was none. `delay`: hours that a good recipient waited,
    lost ones until they were lost. `reversals`: rates cut again after they had been raised. `cuts`: rates
    lowered. `false_cuts`: those of them without any unwanted mail before them. `throttled_after`: hours from
    the first unwanted mail to the first cut, NaN where there was none.
    """

    good: Floats
    bad: Floats
    delay: Floats
    reversals: Floats
    cuts: Floats
    false_cuts: Floats
    throttled_after: Floats


class Moves:
    """Follows the rates of worlds × (providers and the whole IP)."""

    def __init__(self, script: Script) -> None:
        shape = (len(script.seeds), len(PROVIDERS) + 1)
        self._script = script
        self._last: Floats | None = None
        self._was_raised = np.zeros(shape, dtype=np.bool_)
        self.reversals = np.zeros(shape[0])
        self.cuts = np.zeros(shape[0])
        self.false_cuts = np.zeros(shape[0])
        self.first_cut = np.full(shape[0], NEVER, dtype=np.int64)

    def follow(self, rates: Rates, step: int) -> None:
        """The rates for step `step`."""
        present = np.concatenate([rates.provider, rates.total[:, None]], axis=1)
        last = present if self._last is None else self._last
        lowered, raised = present < last * (1 - _MOVE), present > last * (1 + _MOVE)
        moved = lowered | raised
        cuts = lowered.sum(axis=1)
        begun = self._script.bad_from <= step
        self.reversals += (lowered & self._was_raised).sum(axis=1)
        self.cuts += cuts
        self.false_cuts += np.where(begun, 0, cuts)
        first = begun & (cuts > 0) & (self.first_cut == NEVER)
        self.first_cut = np.where(first, step, self.first_cut)
        self._was_raised = np.where(moved, raised, self._was_raised)
        # a creep of small changes is followed from where it began
        self._last = np.where(moved, present, last)


def score(script: Script, ledger: Ledger, moves: Moves) -> Score:
    """What worlds that are over came to."""
    arrived = ledger.arrived
    share = np.divide(ledger.delivered, arrived, out=np.full_like(arrived, np.nan), where=arrived > 0)
    after = (moves.first_cut - script.bad_from).astype(np.float64) * HOURS
    return Score(
        good=share[:, GOOD],
        bad=share[:, BAD],
        delay=ledger.waited[:, GOOD] / arrived[:, GOOD],
        reversals=moves.reversals,
        cuts=moves.cuts,
        false_cuts=moves.false_cuts,
        throttled_after=np.where(moves.first_cut == NEVER, np.nan, after),
    )
