"""The fold over history."""

from datetime import timedelta

from controller_world import HOUR, NOON, SETTINGS, incident, minute, report, scope

from controller import fleet, replay
from controller.fleet import World
from controller.replay import Frame, Replay
from core.incident import Incident, Rule
from core.lease import Scope
from core.rate import Rate
from storage.scopes import ScopeHour

REPORTS = [report(p) for p in ("microsoft", "google", "*")]


def frames(
    hours: int,
    *,
    listed: range = range(0),
    volume: int = 300,
    rule: Rule = Rule.SNDS_RED,
    provider: str = "microsoft",
) -> list[Frame]:
    """An hour a frame; an incident stands during `listed`, and so much goes out all the time."""
    made = []
    for n in range(hours):
        now = NOON + n * HOUR
        standing: list[Incident] = [incident(rule, at=NOON + listed.start * HOUR)] if n in listed else []
        minutes = [minute(now - HOUR, provider=provider, delivered=volume)]
        sent = [ScopeHour(scope=scope(provider), hour=now - HOUR, delivered=volume)]
        made.append(Frame(now, World(REPORTS, standing, minutes, sent), {scope(provider): volume}))
    return made


def run(made: list[Frame], begin: timedelta = timedelta(0)) -> Replay:
    return replay.replay(made, NOON + begin, SETTINGS)


def test_a_quiet_history_comes_to_nothing() -> None:
    done = run(frames(48))
    assert (done.scopes, done.volume, done.held, done.looks) == ((), 48 * 300, 0, 48)


def test_an_incident_cuts_holds_and_lets_go_step_by_step() -> None:
    (one,) = run(frames(60, listed=range(2, 12))).scopes
    first, *rest = one.steps
    assert (first.at, first.before, str(first.after), first.rule) == (
        NOON + 2 * HOUR, None, "200/h", "snds-red",
    )  # fmt: skip
    assert [str(step.after) for step in rest][:2] == ["300/h", "450/h"]
    assert rest[-1].after is None
    assert (len(one.cuts), str(one.lowest)) == (1, "200/h")
    # 300 an hour went out, 200 an hour would have: from the cut until the first step up
    held_for = (rest[0].at - first.at) // HOUR
    assert one.held == 100 * held_for


def test_what_came_before_the_beginning_prepares_and_is_not_counted() -> None:
    whole, part = run(frames(40, listed=range(2, 30))), run(frames(40, listed=range(2, 30)), 10 * HOUR)
    assert part.begin == NOON + 10 * HOUR
    (one,) = part.scopes
    assert [step.rule for step in one.steps if step.is_cut] == []
    assert 0 < one.held < whole.held


def test_a_recipient_that_two_limits_hold_waits_once() -> None:
    made = frames(20, listed=range(20), volume=1000)
    for frame in made:
        frame.world.incidents.append(  # type: ignore[attr-defined] - a list here
            incident(Rule.SENDER_SCORE_LOW, number=2, at=NOON)
        )
        frame.volume[scope("*")] = 1000
    done = run(made)
    assert {one.scope.provider for one in done.scopes} == {"microsoft", "*"}
    assert done.held == max(one.held for one in done.scopes)


def test_the_same_decisions_come_out_as_from_the_controller_itself() -> None:
    states: dict[Scope, object] = {}
    expected = []
    made = frames(50, listed=range(3, 20))
    for frame in made:
        verdict = fleet.judge(frame.world, states, frame.now, SETTINGS)  # type: ignore[arg-type]
        states = {where: d.state for where, d in verdict.decisions.items()}
        want = verdict.decisions[scope()].want
        if not expected or expected[-1] != want:
            expected.append(want)
    (one,) = run(made).scopes
    assert [step.after for step in one.steps] == expected[1:]


def test_a_step_that_lets_more_through_is_no_cut() -> None:
    low, high = Rate.parse("100/h"), Rate.parse("150/h")
    moves = [(None, low, True), (high, low, True), (low, high, False), (low, None, False)]
    for before, after, cuts in moves:
        assert replay.Step(NOON, before, after, "", "").is_cut is cuts
