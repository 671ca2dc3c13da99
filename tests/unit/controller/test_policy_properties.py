"""What must hold whatever happens (control.md 2.3)."""

from datetime import timedelta
from random import Random

from controller_world import BASE, HOUR, LIMIT, MINUTE, NOON, SETTINGS, decide
from hypothesis import given
from hypothesis import strategies as st

from controller.evidence import Effect, Signal
from controller.policy import Decision
from controller.state import REST, ScopeState
from core.rate import Rate

levels = st.sampled_from([0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.95])
ages = st.integers(0, 300).map(lambda minutes: minutes * MINUTE)
signals = st.builds(
    lambda value, effect, age, name: Signal(value, str(effect.name), name, effect, NOON - age, name, "x"),
    levels,
    st.sampled_from(Effect),
    ages,
    st.sampled_from(["INC-1", "INC-2", "INC-3", "r"]),
)
looks = st.lists(
    st.tuples(st.integers(1, 180), st.lists(signals, max_size=3), st.integers(0, 30), st.integers(0, 5)),
    max_size=40,
)
limits = st.sampled_from(["unlimited", "1000/h", "15/h", "5/h", "3/m"]).map(Rate.parse)


def walk(
    story: list, limit: Rate = LIMIT, state: ScopeState = REST, *, restart: bool = False
) -> list[Decision]:
    """Look after look; signal times move along with the story."""
    now, made = NOON, []
    for minutes, given_, delivered, queued in story:
        now += minutes * MINUTE
        fresh = [
            Signal(s.value, s.rule, s.id, s.effect, s.period_end + (now - NOON), s.text, s.source)
            for s in given_
        ]
        decision = decide(state, fresh, now, delivered=delivered, queued=queued, limit=limit)
        state = decision.state
        if restart:
            state = ScopeState.model_validate(state.document())
        made.append(decision)
    return made


@given(looks, limits)
def test_the_rate_stays_between_the_floor_and_the_operators_limit(story: list, limit: Rate) -> None:
    for decision in walk(story, limit):
        assert BASE.floor <= decision.state.level <= 1
        if decision.want is not None:
            assert decision.want.per_hour <= limit.per_hour
            floor = min(BASE.per_hour * BASE.floor, limit.per_hour)
            assert decision.want.per_hour >= Rate.from_per_hour(floor).per_hour


@given(looks, st.lists(signals, max_size=3), signals)
def test_one_more_bad_signal_never_raises_a_rate(story: list, given_: list[Signal], extra: Signal) -> None:
    state = walk(story)[-1].state if story else REST
    now = NOON + 200 * HOUR

    def fresh(s: Signal) -> Signal:
        return Signal(s.value, s.rule, s.id, s.effect, s.period_end + (now - NOON), s.text, s.source)

    without = decide(state, [fresh(s) for s in given_], now)
    with_it = decide(state, [fresh(s) for s in [*given_, extra]], now)
    assert with_it.state.level <= without.state.level


@given(looks, st.lists(signals, max_size=5), st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_simultaneous_signals_do_not_matter(
    story: list, given_: list[Signal], chance: Random
) -> None:
    state = walk(story)[-1].state if story else REST
    now = NOON + sum(look[0] for look in story) * MINUTE
    shuffled = given_ * 2
    chance.shuffle(shuffled)
    one = decide(state, given_, now + MINUTE)
    other = decide(state, list(set(shuffled)), now + MINUTE)
    assert one == other


@given(looks)
def test_a_restart_at_any_tick_changes_no_decision(story: list) -> None:
    assert walk(story) == walk(story, restart=True)


@given(looks)
def test_looking_twice_at_the_same_moment_changes_nothing(story: list) -> None:
    twice = [look for one in story for look in (one, (0, *one[1:]))]
    assert [d.state.level for d in walk(twice)][1::2] == [d.state.level for d in walk(story)]


@given(looks)
def test_reversals_are_bounded_by_the_cool_down(story: list) -> None:
    """From a cut to the next rise at least the cool-down passes, and longer the more often it was in vain."""
    now, state, last_cut, level, relapses = NOON, REST, None, 1.0, 0
    for look, decision in zip(story, walk(story), strict=True):
        now += look[0] * MINUTE
        before, state = state, decision.state
        if state.level < level:
            last_cut, relapses = now, relapses + before.raised
        elif state.level > level:
            assert last_cut is not None
            assert now - last_cut >= SETTINGS.recovery.patience(relapses)
        level = state.level


@given(looks)
def test_the_level_never_rises_by_more_than_one_step(story: list) -> None:
    level, risen_at, now = 1.0, NOON - timedelta(days=1), NOON
    for look, decision in zip(story, walk(story), strict=True):
        now += look[0] * MINUTE
        after = decision.state.level
        if after > level:
            assert after <= level * SETTINGS.recovery.factor + 1e-9
            assert now - risen_at >= SETTINGS.recovery.step
            risen_at = now
        level = after
