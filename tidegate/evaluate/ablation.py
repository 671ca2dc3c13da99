"""What single parts of the production policy are worth: the same worlds, with one setting changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from controller.settings import CapSettings, ControllerSettings, RecoverySettings
from lab.simulation.physics import Variation
from lab.simulation.scenarios import DAYS
from tidegate.evaluate import tournament
from tidegate.evaluate.ours import SETTINGS
from tidegate.evaluate.tournament import VARIED, Table
from tidegate.evaluate.trial import Contender, Trial

_NO_CAPS = CapSettings.model_validate(
    {name: 1.0 for name, level in CapSettings() if isinstance(level, float)}, by_name=True
)


def _with(**changes: object) -> ControllerSettings:
    return SETTINGS.model_copy(update=changes)


CHANGES: Final[dict[str, ControllerSettings]] = {
    "above the threshold 4 % of the base, however low the rate": _with(
        recovery=RecoverySettings(slow_factor=1e9)
    ),
    "back at once after two quiet hours": _with(
        recovery=RecoverySettings(threshold=1e-4, increment=1.0, slow_factor=1e9)
    ),
    "replies and complaints alone (no lists, no SNDS, no score)": _with(caps=_NO_CAPS),
}


def run(
    seeds: int, jobs: int, days: int = DAYS, done: Callable[[Trial], None] = lambda _trial: None
) -> dict[str, Table]:
    """Each change in the scenarios with unwanted mail."""
    plain = [
        Trial(scenario, Contender.OURS, tuple(range(1, seeds + 1)), Variation.USUAL, days)
        for scenario in VARIED
    ]
    return {
        name: tournament.run_all([replace(one, settings=settings) for one in plain], jobs, done)
        for name, settings in CHANGES.items()
    }
