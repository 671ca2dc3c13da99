"""All numbers of one evaluation, and whether they are what was promised."""

from dataclasses import dataclass, field

import numpy as np

from lab.simulation.physics import PROVIDERS, Floats, Variation
from lab.simulation.scenarios import Scenario
from tidegate.evaluate.score import Score
from tidegate.evaluate.tournament import Table
from tidegate.evaluate.trial import Contender

SCOPES = len(PROVIDERS)
"""Scopes that an IP's reversals are spread over: its providers."""


@dataclass(frozen=True, slots=True)
class Results:
    """`zones`: wrongly throttled IP-hours by failure and defence. `ablation`: tables by what was changed."""

    table: Table
    zones: dict[str, dict[str, int]]
    ablation: dict[str, Table]
    seeds: int
    few_seeds: int
    days: int
    fleet: int

    def score(
        self, scenario: Scenario, contender: Contender, variation: Variation = Variation.USUAL
    ) -> Score:
        """One cell's values, one a world."""
        return self.table[scenario, variation, contender].score


def mean(values: Floats) -> float:
    """The mean of the worlds that have a value; NaN where none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure, and the bound that it was to keep."""

    name: str
    text: str
    measured: float
    bound: float
    unit: str
    at_most: bool = field(default=False)

    @property
    def is_kept(self) -> bool:
        # as it is printed: a figure that reads like the bound keeps it
        shown = round(self.measured, 1)
        return shown <= self.bound if self.at_most else shown >= self.bound


def promises(results: Results) -> list[Promise]:
    """What the product is held to, over the usual laws."""

    def good(scenario: Scenario) -> float:
        return 100 * mean(results.score(scenario, Contender.OURS).good)

    def reversals() -> float:
        return max(mean(results.score(s, Contender.OURS).reversals) for s in _BAD) / SCOPES

    throttled = mean(results.score(Scenario.BAD_BURST, Contender.OURS).throttled_after)
    zones = max(
        (hours[_SHIPPED] for hours in results.zones.values() if _SHIPPED in hours), default=float("nan")
    )
    return [
        Promise("badlist_good", "good mail delivered, bad list", good(Scenario.BAD_LIST), 97, "%"),
        Promise("badburst_good", "good mail delivered, bad burst", good(Scenario.BAD_BURST), 94, "%"),
        Promise(
            "reversals", "reversals of a scope in 14 days, the worse of the two", reversals(), 2, "", True
        ),
        Promise("spike_good", "good mail delivered, clean spike", good(Scenario.SPIKE), 100, "%"),
        Promise("quiet_good", "good mail delivered, quiet", good(Scenario.QUIET), 100, "%"),
        Promise("badburst_hours_to_throttle", "mean time to throttle, bad burst", throttled, 1.2, "h", True),
        Promise("broken_zone_ip_hours", "a list that names all IPs: wrong IP-hours", zones, 80, "h", True),
    ]


_BAD = (Scenario.BAD_LIST, Scenario.BAD_BURST)
_SHIPPED = "all, as shipped"
