"""One rehearsal: the lab in the temper of a world, Tidegate's processes in it, and what it came to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
from lab.simulation.physics import HOURS
from storage import database, leases
from storage.leases import LeaseChange
from tidegate.child import Child
from tidegate.client import EngineClient
from tidegate.evaluate import calendar, score
from tidegate.evaluate.score import Score
from tidegate.rehearsal import configuration
from tidegate.rehearsal.course import Alive, Course, Tell
from tidegate.rehearsal.plan import Plan

Run = Callable[[Path, Path], AbstractAsyncContextManager[Alive]]
"""Runs Tidegate with a configuration for as long as the context is open; a file for its log."""

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


@asynccontextmanager
async def processes(config: Path, log: Path) -> AsyncIterator[Alive]:
    """Tidegate as it is run: a supervisor and two processes."""
    child = await Child.started(config, log)

    def alive() -> None:
        if child.exit_code is not None:
            raise PeerError(f"`tidegate run` ended with exit code {child.exit_code}; see {log}")

    try:
        yield alive
    finally:
        await child.stop()


async def rehearse(
    plan: Plan,
    mode: Mode,
    directory: Path,
    tell: Tell,
    *,
    run: Run = processes,
    start: float = _START,
) -> Outcome:
    """Run it, files in `directory`; the mail begins `start` real seconds from now at the earliest.

    Raises OperatorError for a plan that cannot be rehearsed, PeerError when Tidegate does not come up or
    ends.
    """
    plan.check()
    script = plan.script()
    opening = plan.opening(script)
    shown = calendar.moment(opening * HOURS) - timedelta(seconds=start * plan.speed)
    clock = ScaledClock.showing(shown, SystemClock().now(), plan.speed)
    async with WorldLab(script, plan.variation.physics, clock, calendar.BEGINNING, plan.worth) as lab:
        config = configuration.write(lab, directory, clock, plan.worth, mode)
        async with run(config, directory / "run.log") as alive:
            with EngineClient(f"http://127.0.0.1:{lab.api_port}", TOKEN) as client:
                await _ready(lab, alive, client)
                # on a machine that is slow to start, less of the time before the trouble is left
                first = max(opening, lab.step_now() + 1)
                moves = await Course(plan, lab, clock, client, tell).follow(first, alive)
        return Outcome(
            score=score.score(script, lab.books.ledger, moves),
            first=first,
            early=_early(lab, int(script.trouble_from[0])),
            changes=_changes(directory),
        )


async def _ready(lab: WorldLab, alive: Alive, client: EngineClient) -> None:
    """Wait until the engine answers and the monitor asks."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while not (await _answers(client) and lab.zones.queries(CSS)):
                alive()
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise PeerError(f"Tidegate is not up after {_PATIENCE:g} s") from None


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
