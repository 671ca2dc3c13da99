"""What is rehearsed: a world, a sender in it, how long and how fast. Decides only."""

from dataclasses import dataclass

from core.errors import OperatorError
from lab.simulation import scenarios
from lab.simulation.physics import STEPS_PER_DAY, STEPS_PER_HOUR, VOLUME, Variation
from lab.simulation.scenarios import DAYS, Scenario, Script

LONGEST = 10
"""Days: the evaluation's worlds last fourteen, and their trouble begins on the third."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One world of the evaluation, cut short.

    `hours` from `lead` hours before the trouble on. A recipient stands for `worth` recipients of the
    evaluation's sender. `speed`: hours in a real hour.
    """

    scenario: Scenario = Scenario.BAD_BURST
    seed: int = 1
    hours: int = 7 * 24
    speed: float = 1_080.0
    worth: float = 25.0
    lead: int = 6
    variation: Variation = Variation.USUAL

    def check(self) -> None:
        """Raises OperatorError for what cannot be rehearsed."""
        if self.scenario is Scenario.CLOCK_JUMP:
            raise OperatorError(
                "the clock jump is not rehearsed: no process of this machine can set another's clock"
            )
        if not 1 <= self.hours <= LONGEST * 24:
            raise OperatorError(f"a rehearsal lasts from one hour to {LONGEST} days")

    def script(self) -> Script:
        """The very script that the evaluation follows for this seed."""
        return scenarios.write(self.scenario, (self.seed,), DAYS)

    def opening(self, script: Script) -> int:
        """The step at which mail begins to flow, a whole hour."""
        trouble_hour = int(script.trouble_from[0]) // STEPS_PER_HOUR
        return (trouble_hour - self.lead) * STEPS_PER_HOUR

    @property
    def steps(self) -> int:
        return self.hours * STEPS_PER_HOUR

    @property
    def title(self) -> str:
        """`bad burst, seed 1, 7 days`."""
        days, rest = divmod(self.steps, STEPS_PER_DAY)
        span = f"{days} days" if not rest else f"{self.hours} hours"
        return f"{self.scenario}, seed {self.seed}, {span}"

    @property
    def volume(self) -> float:
        """Recipients of ordinary mail an hour."""
        return VOLUME / self.worth
