from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incident import Severity
from core.reading import Reading
from monitor.detection.detect import detect
from monitor.detection.finding import Finding, FindingState
from monitor.detection.settings import DetectionSettings
from tests.unit.monitor.watching import START, clean, listed, unknown

RULES = DetectionSettings()
MAKE = {"L": listed, "-": clean, "?": unknown}


def history(answers: str, minutes: float = 60) -> list[Reading]:
    return [MAKE[a](START + n * timedelta(minutes=minutes)) for n, a in enumerate(answers)]


def found(readings: list[Reading]) -> Finding | None:
    return next(iter(detect(readings, RULES)), None)


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ("-", None),
        ("???", None),
        ("---", None),
        ("-------", FindingState.CLEAR),
        ("-L", FindingState.SUSPECT),
        ("-L?", FindingState.SUSPECT),
        ("-L??????", FindingState.SUSPECT),
        ("-LL", FindingState.ACTIVE),
        ("-L-L", FindingState.ACTIVE),
        ("-L?L", FindingState.ACTIVE),
        ("-L--", None),
        ("-LL?????????", FindingState.ACTIVE),
        ("-LL-", FindingState.CLEARING),
        ("-LL--????????", FindingState.CLEARING),
        ("-LL------", FindingState.CLEARING),
        ("-LL-------", FindingState.CLEAR),
        ("-LL---L---", FindingState.CLEARING),
        ("-LL-------L", FindingState.SUSPECT),
        ("-LL-------LL", FindingState.ACTIVE),
        ("-LL-?-?-", FindingState.CLEARING),
        ("-LL-?-?--", FindingState.CLEARING),
        ("-LL-?-?---", FindingState.CLEAR),
    ],
)
def test_hourly_answers_add_up_to(answers: str, state: FindingState | None) -> None:
    finding = found(history(answers))
    assert (finding.state if finding else None) is state


def test_three_clean_answers_in_an_hour_are_not_long_enough() -> None:
    finding = found(history("-LL") + [clean(START + timedelta(hours=3, minutes=10 * n)) for n in range(3)])
    assert finding is not None
    assert finding.state is FindingState.CLEARING


@pytest.mark.parametrize(
    ("answers", "after"), [("-L", timedelta(seconds=30)), ("-L?", timedelta(minutes=5)), ("-L??", None)]
)
def test_the_list_is_looked_at_again_after_30_seconds_and_5_minutes(
    answers: str, after: timedelta | None
) -> None:
    readings = history(answers, minutes=0.1)
    finding = found(readings)
    assert finding is not None
    expected = None if after is None else readings[1].period_end + after
    assert finding.look_again_at == expected


@pytest.mark.parametrize(
    ("tier", "severity"), [(1, Severity.CRITICAL), (2, Severity.WARNING), (3, Severity.INFO)]
)
def test_the_tier_of_the_list_is_the_severity(tier: int, severity: Severity) -> None:
    readings = [clean(START)] + [listed(START + timedelta(hours=n), tier=tier) for n in (1, 2)]
    finding = found(readings)
    assert finding is not None
    assert (finding.tier, finding.severity) == (tier, severity)


def test_what_was_listed_from_the_first_answer_is_baseline() -> None:
    news, old = found(history("-LL")), found(history("LL"))
    assert news is not None
    assert old is not None
    assert (news.baseline, old.baseline) == (False, True)


def test_the_evidence_ends_with_the_last_hit() -> None:
    readings = history("-LL--")
    finding = found(readings)
    assert finding is not None
    assert finding.evidence_end == readings[2].period_end


def test_a_long_listing_says_the_same_however_far_history_reaches() -> None:
    short, long = found(history("-" + "L" * 10)), found(history("-" + "L" * 200))
    assert short is not None
    assert long is not None
    assert short.summary == long.summary


@given(st.text("L-?", min_size=1, max_size=40), st.randoms())
def test_order_and_duplicates_do_not_matter(answers: str, random: object) -> None:
    readings = history(answers)
    mixed = readings * 2
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert detect(mixed, RULES) == detect(readings, RULES)


@given(st.text("?", min_size=1, max_size=60))
def test_unknown_alone_never_says_anything(answers: str) -> None:
    assert detect(history(answers), RULES) == []


@given(st.text("L-?", min_size=1, max_size=40), st.integers(1, 30))
def test_unknown_answers_at_the_end_start_and_clear_nothing(answers: str, silence: int) -> None:
    before, after = found(history(answers)), found(history(answers + "?" * silence))
    assert (before.state if before else None) is (after.state if after else None)
