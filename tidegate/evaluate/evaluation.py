"""Runs an evaluation and writes its page and picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.simulation.scenarios import DAYS
from tidegate.evaluate import ablation, broken_zone, plot, report, tournament
from tidegate.evaluate.results import Results
from tidegate.evaluate.trial import Trial


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is run: the page states it."""

    seeds: int = 40
    few_seeds: int = 8
    days: int = DAYS
    fleet: int = broken_zone.FLEET
    jobs: int = 1


def run(extent: Extent, done: Callable[[Trial], None] = lambda _trial: None) -> Results:
    """Everything. Takes minutes."""
    few = min(extent.few_seeds, extent.seeds)
    wanted = tournament.trials(extent.seeds, few, extent.days)
    return Results(
        table=tournament.run_all(wanted, extent.jobs, done),
        zones={
            str(failure): {
                defence.name: broken_zone.wrong_hours(failure, defence, extent.fleet)
                for defence in broken_zone.DEFENCES
            }
            for failure in broken_zone.Failure
        },
        ablation=ablation.run(few, extent.jobs, extent.days, done),
        seeds=extent.seeds,
        few_seeds=few,
        days=extent.days,
        fleet=extent.fleet,
    )


def write(results: Results, page: Path) -> None:
    """The page, and the picture beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report.markdown(results), encoding="utf-8")
    page.with_suffix(".svg").write_text(plot.svg(results), encoding="utf-8")
