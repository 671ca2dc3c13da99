"""One policy in one scenario under one set of laws, for some seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.settings import ControllerSettings
from lab.simulation import scenarios
from lab.simulation.physics import GOOGLE, STEPS_PER_HOUR, Variation
from lab.simulation.scenarios import DAYS, Scenario, Script
from lab.simulation.world import Rates, World
from tidegate.evaluate import rivals, score
from tidegate.evaluate.ours import SETTINGS, Ours
from tidegate.evaluate.policies import Policy
from tidegate.evaluate.score import Moves, Score

FILMED: Final = GOOGLE
_GLIMPSE_STEPS: Final = STEPS_PER_HOUR // 2


class Contender(StrEnum):
    """The policies that are compared."""

    NONE = "no control"
    HUMAN = "a human at 09:00 (25 %, 3 days)"
    BACKOFF = "PowerMTA-like backoff (5 %, 1 h)"
    SUSPEND = "KumoMTA-like suspend (2 h)"
    SET_CONFIG = "KumoMTA-like set-config (1/min, 90 min)"
    SWEEP = "Momentum-like sweep"
    OURS = "Tidegate"
    ORACLE = "oracle"

    def policy(self, script: Script, settings: ControllerSettings) -> Policy:
        """This policy, one for each world of the script. `settings` are those of Tidegate."""
        if self is Contender.OURS:
            return Ours(script, settings)
        return _RIVALS[self](len(script.seeds))


_RIVALS: dict[Contender, Callable[[int], Policy]] = {
    Contender.NONE: rivals.NoControl,
    Contender.HUMAN: rivals.Human,
    Contender.BACKOFF: rivals.backoff,
    Contender.SUSPEND: rivals.suspend,
    Contender.SET_CONFIG: rivals.set_config,
    Contender.SWEEP: rivals.Sweep,
    Contender.ORACLE: rivals.Oracle,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What is run. Equal trials come to equal results."""

    scenario: Scenario
    contender: Contender
    seeds: tuple[int, ...]
    variation: Variation = Variation.USUAL
    days: int = DAYS
    settings: ControllerSettings = SETTINGS

    @property
    def title(self) -> str:
        """`bad list, as described: Tidegate, seeds 1–5`."""
        return f"{self.scenario}, {self.variation}: {self.contender}, seeds {self.seeds[0]}–{self.seeds[-1]}"


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The first world of a trial at one moment, at one provider: hours, recipients an hour, and the score."""

    hour: float
    rate: float
    limit: float
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial came to. `film` shows the first of its worlds at FILMED, one glimpse every half hour."""

    trial: Trial
    score: Score
    film: tuple[Glimpse, ...]


def run(trial: Trial) -> Outcome:
    """Run a trial from its seeds: the same every time, whatever other seeds run beside them."""
    script = scenarios.write(trial.scenario, trial.seeds, trial.days)
    world = World(script, trial.variation.physics)
    film = []

    def look(rates: Rates) -> None:
        if world.step % _GLIMPSE_STEPS == 0:
            film.append(_glimpse(world, rates))

    moves = play(world, trial.contender.policy(script, trial.settings), script.steps, look)
    return Outcome(trial, score.score(script, world.ledger, moves), tuple(film))


def play(world: World, policy: Policy, until: int, look: Callable[[Rates], None] | None = None) -> Moves:
    """Let a policy control the worlds until a step. `look` is shown each step's rates before they hold."""
    moves = Moves(world.script)
    while world.step < until:
        rates = policy.rates()
        moves.follow(rates, world.step)
        if look is not None:
            look(rates)
        policy.watch(world, world.advance(rates))
    return moves


def _glimpse(world: World, rates: Rates) -> Glimpse:
    return Glimpse(
        hour=world.hour,
        rate=float(min(rates.provider[0, FILMED], rates.total[0])),
        limit=float(world.limits()[0, FILMED]),
        score=float(world.providers.score[0, FILMED]),
    )
