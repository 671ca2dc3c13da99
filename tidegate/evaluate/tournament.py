"""All trials of an evaluation, spread over processes, and put together again."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Final

import numpy as np

from lab.simulation.physics import Variation
from lab.simulation.scenarios import DAYS, Scenario
from tidegate.evaluate.score import Score
from tidegate.evaluate.trial import Contender, Glimpse, Outcome, Trial, run

VARIED: Final = (Scenario.BAD_LIST, Scenario.BAD_BURST)
"""The scenarios that are run under other laws, too: where a policy has something to lose."""
ODD: Final = (Scenario.FALSE_LISTING, Scenario.SNDS_OUTAGE, Scenario.CLOCK_JUMP)
"""Scenarios about the sources and the clock: a few worlds show what there is to see."""
_TOGETHER: Final = {Contender.OURS: 5}
"""Worlds in one piece of work. The production policy is by far the slowest."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one policy came to in one scenario under some laws, over all seeds."""

    scenario: Scenario
    variation: Variation
    contender: Contender
    score: Score
    film: tuple[Glimpse, ...] = ()


Key = tuple[Scenario, Variation, Contender]
Table = dict[Key, Cell]


def trials(seeds: int, few_seeds: int, days: int = DAYS) -> list[Trial]:
    """Every policy in every scenario, those of VARIED under other laws too; the odd ones with few seeds."""
    usual = [(s, Variation.USUAL, few_seeds if s in ODD else seeds) for s in Scenario]
    others = [(s, v, few_seeds) for v in Variation if v is not Variation.USUAL for s in VARIED]
    return [
        Trial(scenario, contender, tuple(range(1, count + 1)), variation, days)
        for (scenario, variation, count), contender in product([*usual, *others], Contender)
        if count
    ]


def run_all(wanted: Iterable[Trial], jobs: int, done: Callable[[Trial], None] = lambda _trial: None) -> Table:
    """Run trials in `jobs` processes. The result does not depend on how many there are."""
    pieces = [piece for trial in wanted for piece in split(trial)]
    # the long ones first, so that none is left over at the end
    pieces.sort(key=lambda piece: piece.contender is not Contender.OURS)
    outcomes = []
    if jobs <= 1:
        outcomes = [_told(run(piece), done) for piece in pieces]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            outcomes = [_told(outcome, done) for outcome in pool.map(run, pieces)]
    return put_together(outcomes)


def split(trial: Trial) -> list[Trial]:
    """A trial in pieces of a few seeds each."""
    size = _TOGETHER.get(trial.contender, len(trial.seeds))
    starts = range(0, len(trial.seeds), size)
    return [replace(trial, seeds=trial.seeds[start : start + size]) for start in starts]


def put_together(outcomes: Iterable[Outcome]) -> Table:
    """One cell for the pieces of each trial, worlds in the order of their seeds."""
    found: dict[Key, list[Outcome]] = {}
    for outcome in outcomes:
        trial = outcome.trial
        found.setdefault((trial.scenario, trial.variation, trial.contender), []).append(outcome)
    table = {}
    for key, pieces in found.items():
        ordered = sorted(pieces, key=lambda piece: piece.trial.seeds)
        table[key] = Cell(*key, _joined([piece.score for piece in ordered]), ordered[0].film)
    return table


def _joined(scores: Sequence[Score]) -> Score:
    names = [one.name for one in fields(Score)]
    return Score(**{name: np.concatenate([getattr(s, name) for s in scores]) for name in names})


def _told(outcome: Outcome, done: Callable[[Trial], None]) -> Outcome:
    done(outcome.trial)
    return outcome
