"""What happens to the sender in fourteen days, seeded: which mail comes, and what breaks."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from lab.simulation.physics import (
    BAD,
    GOOD,
    HOURS,
    MICROSOFT,
    PROVIDERS,
    SHARES,
    STEPS_PER_DAY,
    STEPS_PER_HOUR,
    VOLUME,
    Bools,
    Floats,
    Whole,
)

DAYS: Final = 14
MORNING: Final = 9
"""The hour at which people look at their mail system, UTC."""
NEVER: Final = 1 << 40
GOOD_DEAD: Final = 0.01
"""For each ordinary recipient so many mailboxes that do not exist are tried, too; under detection's 2 %."""
GOOD_MARKS: Final = 0.004
"""Of ordinary mail is called spam by people or filters: the best band of the Return Path table."""
GOOD_COMPLAINTS: Final = 0.0004
"""Of ordinary mail comes back in feedback loops; an assumption, under Gmail's 0.1 %."""


class Scenario(StrEnum):
    """What goes wrong."""

    BAD_LIST = "bad list"
    BAD_BURST = "bad burst"
    SPIKE = "clean spike"
    OUTAGE = "provider outage"
    FALSE_LISTING = "false listing"
    SNDS_OUTAGE = "SNDS outage"
    CLOCK_JUMP = "clock jump"
    QUIET = "quiet"

    @property
    def meaning(self) -> str:
        return {
            Scenario.BAD_LIST: "an old list is mailed at about ordinary volume: dead mailboxes, traps, marks",
            Scenario.BAD_BURST: "a stolen account sends four to eight times the ordinary volume of spam",
            Scenario.SPIKE: "four times the ordinary, wanted mail for six hours",
            Scenario.OUTAGE: "one provider cannot be reached for six to twelve hours",
            Scenario.FALSE_LISTING: "a tier 1 list names the IP for six hours in error; nobody heeds it",
            Scenario.SNDS_OUTAGE: "the bad list, while SNDS gives no data for five days",
            Scenario.CLOCK_JUMP: "the bad burst, and six hours into it the clock is a day ahead for one hour",
            Scenario.QUIET: "nothing",
        }[self]

    @property
    def campaign(self) -> "Campaign | None":
        if self in {Scenario.BAD_LIST, Scenario.SNDS_OUTAGE}:
            return OLD_LIST
        return SPAM_BURST if self in {Scenario.BAD_BURST, Scenario.CLOCK_JUMP} else None


@dataclass(frozen=True, slots=True)
class Campaign:
    """Unwanted mail. `volume`: range in multiples of the ordinary mail. The rest are shares of it.

    All are assumptions: the marks are several times those of the table's worst band, the complaints five
    times Gmail's published limit of 0.3 %.
    """

    volume: tuple[float, float]
    dead: float
    marks: float
    complaints: float
    traps: float


OLD_LIST: Final = Campaign(volume=(0.8, 1.6), dead=0.12, marks=0.12, complaints=0.015, traps=3e-4)
SPAM_BURST: Final = Campaign(volume=(4.0, 8.0), dead=0.05, marks=0.15, complaints=0.015, traps=1e-4)


@dataclass(frozen=True, slots=True)
class Script:
    """All that is fixed before any policy acts. First axis: worlds; moments are steps.

    `arrivals`: worlds × steps × providers × kinds, recipients. `down`: worlds × steps × providers.
    `trouble_from`: when what the scenario is about begins; in a quiet one, when it would.
    `bad_from`, `purged_at`: when the unwanted mail begins, and when a person stops it the next morning.
    `false_from`: when a list errs. `blind_from`: when SNDS begins to give nothing. `jump_from`: when the
    clock jumps. NEVER where it does not happen.
    """

    seeds: tuple[int, ...]
    steps: int
    campaign: Campaign | None
    arrivals: Floats
    down: Bools
    trouble_from: Whole
    bad_from: Whole
    purged_at: Whole
    false_from: Whole
    blind_from: Whole
    jump_from: Whole

    def errs(self, world: int, step: int) -> bool:
        """Whether the list that errs does so at this step."""
        return bool(self.false_from[world] <= step < self.false_from[world] + FALSE_STEPS)

    def is_blind(self, world: int, step: int) -> bool:
        """Whether SNDS gives nothing at this step."""
        return bool(self.blind_from[world] <= step < self.blind_from[world] + BLIND_STEPS)


FALSE_STEPS: Final = 6 * STEPS_PER_HOUR
BLIND_STEPS: Final = 5 * STEPS_PER_DAY
JUMP_STEPS: Final = STEPS_PER_HOUR
JUMP_HOURS: Final = 24
_SPIKE, _SPIKE_HOURS = 4.0, 6


def generator(seed: int, stream: int) -> np.random.Generator:
    """Random numbers of one world, the same whatever other worlds stand beside it."""
    return np.random.default_rng([seed, stream])


def write(scenario: Scenario, seeds: tuple[int, ...], days: int = DAYS) -> Script:
    """Draw up the script of a scenario for each seed."""
    steps = days * STEPS_PER_DAY
    shape = (len(seeds), steps, len(PROVIDERS))
    script = Script(
        seeds=seeds,
        steps=steps,
        campaign=scenario.campaign,
        arrivals=np.zeros((*shape, 2)),
        down=np.zeros(shape, dtype=np.bool_),
        **{name: np.full(len(seeds), NEVER, dtype=np.int64) for name in _MOMENTS},
    )
    for world, seed in enumerate(seeds):
        _write_one(script, world, scenario, generator(seed, 0))
    return script


_MOMENTS = ("trouble_from", "bad_from", "purged_at", "false_from", "blind_from", "jump_from")


def ordinary(steps: int, draws: np.random.Generator) -> Floats:
    """Recipients per step and provider: a day's rise and fall, and ten per cent of noise an hour."""
    hour_of_day = (np.arange(steps) * HOURS) % 24
    shape = 1 + 0.6 * np.cos((hour_of_day - 14) * 2 * np.pi / 24)
    noise = np.exp(draws.normal(-0.005, 0.1, (-(-steps // STEPS_PER_HOUR), len(PROVIDERS))))
    flow: Floats = VOLUME * HOURS * shape[:, None] * np.array(SHARES)[None, :]
    noisy: Floats = flow * np.repeat(noise, STEPS_PER_HOUR, axis=0)[:steps]
    return noisy


def _write_one(script: Script, world: int, scenario: Scenario, draws: np.random.Generator) -> None:
    flow = ordinary(script.steps, draws)
    # drawn in every scenario, so that one seed has one moment and one strength
    begins = int((2 + draws.uniform(0.5, 1.0)) * STEPS_PER_DAY)
    strength, length = draws.uniform(), draws.uniform(6.0, 12.0)
    script.trouble_from[world] = begins
    if scenario is Scenario.SPIKE:
        start = script.trouble_from[world] = 2 * STEPS_PER_DAY + 10 * STEPS_PER_HOUR
        flow[start : start + _SPIKE_HOURS * STEPS_PER_HOUR] *= _SPIKE
    script.arrivals[world, :, :, GOOD] = flow
    if scenario is Scenario.OUTAGE:
        script.down[world, begins : begins + int(length * STEPS_PER_HOUR), MICROSOFT] = True
    if scenario is Scenario.FALSE_LISTING:
        script.false_from[world] = begins
    if script.campaign is not None:
        _add_campaign(script, world, begins, strength)
    if scenario is Scenario.SNDS_OUTAGE:
        script.blind_from[world] = begins
    if scenario is Scenario.CLOCK_JUMP:
        script.jump_from[world] = begins + 6 * STEPS_PER_HOUR


def _add_campaign(script: Script, world: int, begins: int, strength: float) -> None:
    campaign = script.campaign
    if campaign is None or begins >= script.steps:
        return
    ends = (begins // STEPS_PER_DAY) * STEPS_PER_DAY + MORNING * STEPS_PER_HOUR
    ends += STEPS_PER_DAY if ends <= begins else 0
    script.bad_from[world], script.purged_at[world] = begins, ends
    low, high = campaign.volume
    flow = VOLUME * HOURS * (low + strength * (high - low)) * np.array(SHARES)
    script.arrivals[world, begins:ends, :, BAD] = flow
