"""A stolen account begins to send through the real engine: providers that judge as in the simulation turn on
the IP, and the real controller has lowered its rates within the hour. `tidegate rehearse` tells it at length.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controller.settings import Mode
from engine import service
from lab.simulation.scenarios import Scenario
from tidegate.config.load import load
from tidegate.rehearsal.course import Alive
from tidegate.rehearsal.plan import Plan
from tidegate.rehearsal.rehearse import rehearse
from tidegate.watch import Watch

# an hour of ordinary mail, an hour of the burst; slowly, for machines with other things to do
PLAN = Plan(Scenario.BAD_BURST, seed=39, hours=2, lead=1, speed=540, worth=50)


@asynccontextmanager
async def in_this_process(config: Path, _log: Path) -> AsyncIterator[Alive]:
    """Both programs in the test's own event loop: they need not be started."""
    loaded = load(config).config
    clock, stop = loaded.clock.clock(), asyncio.Event()
    async with service.running(loaded.engine, clock, {s.address: s.bind for s in loaded.source_ips}):
        watching = asyncio.create_task(Watch(loaded, clock).run(stop))
        try:
            yield lambda: None
        finally:
            stop.set()
            await watching


@pytest.mark.slow
async def test_good_mail_flows_and_a_burst_of_bad_mail_is_cut_within_an_hour(tmp_path: Path) -> None:
    told: list[str] = []
    outcome = await rehearse(PLAN, Mode.ENFORCE, tmp_path, told.append, run=in_this_process, start=3)
    assert outcome.early is not None
    assert outcome.early > 0.95, "while only wanted mail flowed, providers took it"
    assert outcome.score.false_cuts[0] == 0
    assert outcome.score.throttled_after[0] <= 1, "hours from the first unwanted mail to the first cut"
    assert {change.rule for change in outcome.changes} <= {"replies-deferred", "replies-blocked", "coupling"}
    assert outcome.score.good[0] > 0.5
