"""What is decided about a rehearsal: its plan, the rates that leases stand for, its page and its command."""

import asyncio
import json
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.settings import Mode
from core.errors import OperatorError, PeerError
from core.lease import Directive, Lease, Origin, Scope
from core.provider import EVERY
from core.rate import Rate
from lab.realtime.world import SOURCE
from lab.simulation.physics import OPERATOR_LIMIT, STEPS_PER_HOUR
from lab.simulation.scenarios import Scenario
from storage.leases import LeaseChange
from tidegate import cli
from tidegate.evaluate import calendar
from tidegate.evaluate.score import Score
from tidegate.evaluate.watching import IP
from tidegate.rehearsal import comparison, report
from tidegate.rehearsal.comparison import MODES, Comparison
from tidegate.rehearsal.course import Tell, rates_of
from tidegate.rehearsal.expected import Control, simulated
from tidegate.rehearsal.plan import Plan
from tidegate.rehearsal.rehearse import Outcome

NOW = calendar.moment(60)
MESSAGES = Directive.SOURCE_IP_MAX_MSG_RATE


def lease(provider: str, per_hour: int, hours: float = 6.0) -> Lease:
    scope = Scope(source_ip=IP, provider=provider)
    return Lease(
        key=f"auto:{provider}",
        scope=scope,
        directive=MESSAGES,
        value=Rate(per_hour, 3_600),
        origin=Origin.CONTROLLER,
        reason="test",
        set_by="controller",
        set_at=NOW,
        expires_at=NOW + timedelta(hours=hours),
        base=Rate(400, 3_600),
    )


def test_the_simulation_and_the_real_loop_are_about_one_ip() -> None:
    assert SOURCE.address == IP


def test_leases_stand_for_rates_of_the_world_and_where_there_is_none_the_operators_limit_holds() -> None:
    rates = rates_of([lease("google", 20), lease(EVERY, 100)], NOW, 25.0)
    assert rates.provider.tolist() == [[OPERATOR_LIMIT, 500.0, OPERATOR_LIMIT, OPERATOR_LIMIT]]
    assert rates.total.tolist() == [2_500.0]


def test_a_lease_whose_controller_is_gone_ramps() -> None:
    rates = rates_of([lease("google", 20, hours=-3)], NOW, 10.0)
    assert rates.provider[0, 1] == pytest.approx(20 * 1.5**2 * 10)


@pytest.mark.parametrize("scenario", [s for s in Scenario if s is not Scenario.CLOCK_JUMP])
def test_a_rehearsal_opens_at_a_whole_hour_before_the_trouble_and_fits_the_script(scenario: Scenario) -> None:
    plan = Plan(scenario, seed=3, hours=240, lead=6)
    plan.check()
    script = plan.script()
    opening, trouble = plan.opening(script), int(script.trouble_from[0])
    assert opening % STEPS_PER_HOUR == 0
    assert 6 <= (trouble - opening) / STEPS_PER_HOUR < 7
    assert opening + plan.steps <= script.steps


def test_what_cannot_be_rehearsed_is_refused_with_a_reason() -> None:
    with pytest.raises(OperatorError, match="clock"):
        Plan(Scenario.CLOCK_JUMP).check()
    with pytest.raises(OperatorError, match="10 days"):
        Plan(hours=241).check()
    with pytest.raises(OperatorError, match='"bad burst"'):
        comparison.scenario_of("bad bust")


def test_a_small_sender_is_cut_as_soon_and_left_alone_as_much_as_a_large_one() -> None:
    burst, quiet = Plan(Scenario.BAD_BURST, hours=24), Plan(Scenario.QUIET, hours=24)
    controlled = simulated(burst, Control.TIDEGATE, burst.opening(burst.script()))
    assert controlled.throttled_after[0] < 1
    assert controlled.false_cuts[0] == 0
    assert np.isnan(simulated(burst, Control.NONE, burst.opening(burst.script())).throttled_after[0])
    calm = simulated(quiet, Control.TIDEGATE, quiet.opening(quiet.script()))
    assert calm.cuts[0] == 0
    assert calm.good[0] > 0.99


def score(value: float) -> Score:
    return Score(**{one.name: np.array([value]) for one in fields(Score)})


def made_up() -> Comparison:
    change = LeaseChange(
        lease_key="auto:google",
        scope=Scope(source_ip=IP, provider="google"),
        directive=MESSAGES,
        before=None,
        after=Rate(80, 3_600),
        rule="replies-deferred",
        reason="test",
        actor="controller",
        at=NOW,
        mode="enforce",
    )
    real = {
        Control.TIDEGATE: Outcome(score(0.5), 600, 0.99, (change,) * 15),
        Control.NONE: Outcome(score(float("nan")), 600, 0.99, ()),
    }
    return Comparison(Plan(), real, {Control.TIDEGATE: score(0.25), Control.NONE: score(0.125)})


def test_the_page_holds_the_real_loop_and_the_simulation_side_by_side_and_the_first_decisions() -> None:
    page = report.page([made_up()])
    assert "| real loop, with Tidegate | real loop, without control | simulation, with Tidegate |" in page
    assert "| good mail delivered % | 50.0 | – | 25.0 | 12.5 |" in page
    assert "Wed 12:00  google      no lease → 80/h      replies-deferred" in page
    assert "… and 3 more" in page
    assert "nan" not in page
    assert "one\nhour of it in 3.3 seconds" in page


def test_without_control_the_real_controller_only_observes() -> None:
    assert MODES == {Control.TIDEGATE: Mode.ENFORCE, Control.NONE: Mode.OBSERVE}


def test_the_command_prints_the_table_writes_the_page_and_speaks_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[Plan] = []
    monkeypatch.setattr(comparison, "compare", lambda plan, _keep, _tell: asked.append(plan) or made_up())
    page = tmp_path / "real-loop.md"
    assert (
        cli.run(["rehearse", "--scenario", "bad list", "--days", "2", "--seed", "4", "--output", str(page)])
        == 0
    )
    assert "| good mail delivered % | 50.0 |" in capsys.readouterr().out
    assert asked == [Plan(Scenario.BAD_LIST, seed=4, hours=48)]
    assert page.read_text().startswith("# The real loop")
    assert cli.run(["rehearse", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["rehearsals"]
    assert told["columns"]["real loop, without control"]["good"] is None
    assert told["columns"]["real loop, with Tidegate"]["good"] == 0.5


def test_where_one_loop_fails_the_other_is_given_up_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given_up: list[Mode] = []

    async def rehearse(_plan: Plan, mode: Mode, _directory: Path, _tell: Tell) -> Outcome:
        if mode is Mode.ENFORCE:
            raise PeerError("it ended")
        try:
            await asyncio.sleep(60)
        finally:
            given_up.append(mode)
        raise AssertionError

    monkeypatch.setattr(comparison, "rehearse", rehearse)
    monkeypatch.setattr(comparison.tempfile, "mkdtemp", lambda prefix: str(tmp_path / prefix))
    with pytest.raises(PeerError, match="it ended"):
        comparison.compare(Plan(), None, lambda _text: None)
    assert given_up == [Mode.OBSERVE]
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_refused_before_twenty_minutes_have_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(comparison, "compare", lambda *_asked: pytest.fail("it started"))
    assert cli.run(["rehearse", "--output", str(tmp_path / "no" / "page.md")]) != 0
    assert "no directory" in capsys.readouterr().err


def test_the_command_refuses_an_unknown_scenario_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "compare", lambda *_asked: pytest.fail("it started"))
    assert cli.run(["rehearse", "--scenario", "bad burst", "--scenario", "flood"]) != 0
    assert "flood" in capsys.readouterr().err
