"""What would have fired: history told again, under the present settings or others."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from core.incident import Rule
from core.lease import Scope
from core.reading import Reading, Status
from monitor.detection.replay import Turn, replay
from monitor.detection.settings import DetectionSettings
from storage.scopes import ScopeHour
from tests.unit.monitor.watching import IP, START, clean, listed, score, snds, unknown

RULES = DetectionSettings()
HOUR = timedelta(hours=1)


def hour(n: int, delivered: int, complaints: int) -> ScopeHour:
    scope = Scope(source_ip=IP, provider="yahoo")
    return ScopeHour(
        scope=scope, hour=START + n * HOUR, attempted=delivered, delivered=delivered, complaints=complaints
    )


def told(
    readings: list[Reading], hours: tuple[ScopeHour, ...] = (), rules: DetectionSettings = RULES
) -> list[tuple[str, str]]:
    return [(f"{f.turn}", str(f.finding.rule)) for f in replay(readings, hours, rules)]


def test_a_listing_fires_at_its_second_hit_and_is_over_after_six_clean_hours() -> None:
    story = [clean(START), listed(START + HOUR), listed(START + HOUR + timedelta(seconds=30))]
    story += [clean(START + n * HOUR) for n in range(2, 10)]
    found = replay(story, (), RULES)
    assert [(f.turn, f.at - START) for f in found] == [
        (Turn.FIRED, HOUR + timedelta(seconds=30)),
        (Turn.CLEARED, 8 * HOUR),
    ]


def test_counts_fire_warn_first_and_then_worsen() -> None:
    hours = [hour(n, 1000, 3) for n in range(6)] + [hour(n, 1000, 0) for n in range(6, 12)]
    assert told([], tuple(hours)) == [
        ("fired", "complaints"),
        ("got worse", "complaints"),
        ("was over", "complaints"),
    ]


def test_other_settings_give_another_history() -> None:
    story = [score(day, 95 if day < 10 else 91) for day in range(14)]
    assert told(story) == [("fired", Rule.DECREASE)]
    strict = RULES.model_copy(update={"sender_score": RULES.sender_score.model_copy(update={"drop": 4})})
    assert ("fired", Rule.SENDER_SCORE_DROP) in told(story, rules=strict)


@st.composite
def histories(draw: st.DrawFn) -> list[Reading]:
    answers = draw(st.lists(st.sampled_from([clean, listed, unknown]), max_size=25))
    scores = draw(st.lists(st.integers(55, 99), max_size=25))
    days = draw(st.lists(st.sampled_from([Status.GOOD, Status.WARN, Status.BAD]), max_size=25))
    return [
        *(make(START + n * HOUR) for n, make in enumerate(answers)),
        *(score(n, value) for n, value in enumerate(scores)),
        *(snds(n, "filter-result", status=status) for n, status in enumerate(days)),
    ]


@given(
    histories(),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 9)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition_do_not_matter_to_any_fold(
    readings: list[Reading], counted: list[tuple[int, int]], chance: Random
) -> None:
    hours = [hour(n, max(sent, complained), complained) for n, (sent, complained) in enumerate(counted)]
    shuffled, again = readings * 2, hours * 2
    chance.shuffle(shuffled)
    chance.shuffle(again)
    assert replay(shuffled, again, RULES) == replay(readings, hours, RULES)


@given(histories())
def test_what_fired_is_over_only_once_and_never_without_having_fired(readings: list[Reading]) -> None:
    open_now: set[str] = set()
    for firing in replay(readings, (), RULES):
        name = firing.finding.fingerprint
        assert (name in open_now) is (firing.turn is not Turn.FIRED)
        open_now.discard(name) if firing.turn is Turn.CLEARED else open_now.add(name)
