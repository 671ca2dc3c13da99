"""A stolen account begins to send through the real engine: providers that judge as in the simulation turn on
the IP, and the real controller has lowered its rates within the hour. `tidegate rehearse` tells it at length.
"""

from pathlib import Path

import pytest

from controller.settings import Mode
from lab.simulation.scenarios import Scenario
from tidegate.rehearsal.plan import Plan
from tidegate.rehearsal.rehearse import rehearse

PLAN = Plan(Scenario.BAD_BURST, hours=3, lead=1, worth=50)


@pytest.mark.slow
async def test_good_mail_flows_and_a_burst_of_bad_mail_is_cut_within_an_hour(tmp_path: Path) -> None:
    told: list[str] = []
    outcome = await rehearse(PLAN, Mode.ENFORCE, tmp_path, told.append, start=5)
    assert outcome.early is not None
    assert outcome.early > 0.95, "while only wanted mail flowed, providers took it"
    assert outcome.score.false_cuts[0] == 0
    assert outcome.score.throttled_after[0] <= 1, "hours from the first unwanted mail to the first cut"
    assert {change.rule for change in outcome.changes} <= {"replies-deferred", "replies-blocked", "coupling"}
    assert 0 < outcome.score.good[0] <= 1
