"""One rehearsal: the lab in the temper of a world, Tidegate's processes in it, and what it came to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from controller.settings import Mode
from core.clock import ScaledClock, SystemClock
from core.errors import EngineUnreachable, PeerError
from lab import ledger
from lab.configuration import TOKEN
from lab.realtime.sources import CSS
from lab.realtime.world import WorldLab
from lab.simulation.physics import HOURS, STEPS_PER_HOUR
from storage import database, leases
from storage.leases import LeaseChange
from tidegate.child import Child
from tidegate.client import EngineClient
from tidegate.evaluate import calendar, score
from tidegate.evaluate.score import Score
from tidegate.rehearsal import configuration
from tidegate.rehearsal.course import Course, Tell
from tidegate.rehearsal.plan import Plan

_START: Final = 12.0
"""Real seconds in which the processes come up before the mail is due."""
_PATIENCE: Final = 60.0
_POLL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rehearsal came to.

    `first`: the step it began with. `early`: the share of attempts that providers accepted before the
    trouble, None where there was none. `changes`: what the controller decided, oldest first.
    """

    score: Score
    first: int
    early: float | None
    changes: tuple[LeaseChange, ...]


async def rehearse(plan: Plan, mode: Mode, directory: Path, tell: Tell, start: float = _START) -> Outcome:
    """Run it, files in `directory`; the mail begins `start` real seconds from now at the earliest.

    Raises OperatorError for a plan that cannot be rehearsed, PeerError when a process does not come up or
    ends.
    """
    plan.check()
    script = plan.script()
    opening = plan.opening(script)
    shown = calendar.moment(opening * HOURS) - timedelta(seconds=start * plan.speed)
    clock = ScaledClock.showing(shown, SystemClock().now(), plan.speed)
    async with WorldLab(script, plan.variation.physics, clock, calendar.BEGINNING, plan.worth) as lab:
        config = configuration.write(lab, directory, clock, plan.worth, mode)
        async with _tidegate(config, directory / "run.log") as child:
            with EngineClient(f"http://127.0.0.1:{lab.api_port}", TOKEN) as client:
                await _ready(lab, child, client)
                first = max(opening, (lab.step_now() // STEPS_PER_HOUR + 1) * STEPS_PER_HOUR)
                course = Course(plan, lab, clock, client, tell)
                moves = await course.follow(first, child)
        return Outcome(
            score=score.score(script, lab.books.ledger, moves),
            first=first,
            early=_early(lab, int(script.trouble_from[0])),
            changes=_changes(directory),
        )


@asynccontextmanager
async def _tidegate(config: Path, log: Path) -> AsyncIterator[Child]:
    child = await Child.started(config, log)
    try:
        yield child
    finally:
        await child.stop()


async def _ready(lab: WorldLab, child: Child, client: EngineClient) -> None:
    """Wait until the engine answers and the monitor asks."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while not (await _answers(client) and lab.zones.queries(CSS)):
                if child.exit_code is not None:
                    raise PeerError(f"`tidegate run` ended with exit code {child.exit_code}; see run.log")
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise PeerError(f"`tidegate run` is not up after {_PATIENCE:g} s; see run.log") from None


async def _answers(client: EngineClient) -> bool:
    try:
        await asyncio.to_thread(client.status)
    except EngineUnreachable:
        return False
    return True


def _early(lab: WorldLab, trouble: int) -> float | None:
    until = lab.moment(trouble)
    return ledger.acceptance(entry for entry in lab.ledger.entries if entry.at < until)


def _changes(directory: Path) -> tuple[LeaseChange, ...]:
    records = database.open_database(f"sqlite:///{directory / 'tidegate.db'}")
    try:
        with database.reading(records) as session:
            return tuple(leases.lease_history(session, calendar.BEGINNING))
    finally:
        records.dispose()
