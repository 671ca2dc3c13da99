"""The real loop with and without control, at the same time, and what the simulation says of both."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.settings import Mode
from core.errors import OperatorError
from lab.simulation.scenarios import Scenario
from tidegate.evaluate.score import Score
from tidegate.rehearsal.course import Tell
from tidegate.rehearsal.expected import Control, simulated
from tidegate.rehearsal.plan import Plan
from tidegate.rehearsal.rehearse import Outcome, rehearse

MODES: Final = {Control.TIDEGATE: Mode.ENFORCE, Control.NONE: Mode.OBSERVE}
"""The real controller's mode for each: in observe it only records what it would do."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one plan came to. The simulation begins when the controlled real loop did."""

    plan: Plan
    real: Mapping[Control, Outcome]
    simulated: Mapping[Control, Score]

    @property
    def columns(self) -> dict[str, Score]:
        """Scores by heading: real first."""
        real = {f"real loop, {c}": outcome.score for c, outcome in self.real.items()}
        return real | {f"simulation, {c}": score for c, score in self.simulated.items()}


def scenario_of(name: str) -> Scenario:
    """The scenario of that name. Raises OperatorError."""
    try:
        return Scenario(name)
    except ValueError:
        known = ", ".join(f'"{one}"' for one in Scenario)
        raise OperatorError(f"there is no scenario {name!r}; there are {known}") from None


def compare(plan: Plan, keep: Path | None, tell: Tell) -> Comparison:
    """Run both real loops, files in `keep` or nowhere for long. Raises OperatorError and PeerError."""
    plan.check()
    directory = keep or Path(tempfile.mkdtemp(prefix="tidegate-rehearsal-"))
    try:
        real = asyncio.run(_both(plan, directory.resolve(), tell))
    finally:
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    first = real[Control.TIDEGATE].first
    return Comparison(plan, real, {control: simulated(plan, control, first) for control in Control})


async def _both(plan: Plan, directory: Path, tell: Tell) -> dict[Control, Outcome]:
    tasks = []
    for control, mode in MODES.items():
        files = directory / str(mode)
        files.mkdir(parents=True, exist_ok=True)
        tasks.append(asyncio.create_task(rehearse(plan, mode, files, _telling(tell, control))))
    try:
        return dict(zip(MODES, await asyncio.gather(*tasks), strict=True))
    finally:
        # where one fails the other is of no use
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _telling(tell: Tell, control: Control) -> Tell:
    return lambda text: tell(f"{control:<15}  {text}")
