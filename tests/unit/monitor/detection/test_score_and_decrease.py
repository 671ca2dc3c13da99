import pytest

from core.incident import Rule, Severity
from core.reading import Status
from monitor.detection.detect import detect
from monitor.detection.finding import Finding, FindingState
from monitor.detection.settings import DecreaseRules, DetectionSettings
from tests.unit.monitor.watching import score, snds

RULES = DetectionSettings()


def of(rule: Rule, scores: list[int]) -> Finding | None:
    readings = [score(day, value) for day, value in enumerate(scores)]
    return next((f for f in detect(readings, RULES) if f.rule is rule), None)


@pytest.mark.parametrize(
    ("scores", "state"),
    [
        ([95] * 10, FindingState.CLEAR),
        ([95] * 10 + [90], None),
        ([95] * 10 + [90, 90], FindingState.ACTIVE),
        ([95] * 10 + [90, 95, 90], FindingState.ACTIVE),
        ([95] * 10 + [91, 91, 91], FindingState.CLEAR),
        ([95] * 10 + [90, 90, 95], FindingState.CLEARING),
        ([95] * 10 + [90, 90, 95, 94], FindingState.CLEAR),
        ([95] * 3 + [60, 60], None),
    ],
)
def test_a_drop_against_the_median_needs_two_of_three(scores: list[int], state: FindingState | None) -> None:
    finding = of(Rule.SENDER_SCORE_DROP, scores)
    assert (finding.state if finding else None) is state


@pytest.mark.parametrize(
    ("scores", "severity"),
    [
        ([95, 79, 79], Severity.WARNING),
        ([95, 69, 69], Severity.CRITICAL),
        ([95, 69, 75], Severity.WARNING),
        ([95, 95, 79], None),
        ([95, 79, 80], None),
    ],
)
def test_low_scores_count_from_the_second_in_a_row(scores: list[int], severity: Severity | None) -> None:
    finding = of(Rule.SENDER_SCORE_LOW, scores)
    active = finding is not None and finding.state is FindingState.ACTIVE
    assert (finding.severity if finding and active else None) is severity


@pytest.mark.parametrize(
    ("scores", "state", "words"),
    [
        ([95], None, ""),
        ([95, 95, 96], None, ""),
        ([95, 94], FindingState.ACTIVE, "from 95 to 94"),
        ([95, 94, 92], FindingState.ACTIVE, "from 95 to 92"),
        ([95, 92, 94], FindingState.ACTIVE, "from 95 to 92"),
        ([95, 92, 95], FindingState.CLEARING, "from 95 to 92"),
        ([95, 92, 95, 96], FindingState.CLEAR, "back at 96"),
        ([95] + [92] * 8, FindingState.CLEAR, "from 95 to 92, and level since: the new normal"),
        ([95] + [92] * 8 + [91], FindingState.ACTIVE, "from 92 to 91"),
    ],
)
def test_any_decrease_is_told_until_it_is_over(
    scores: list[int], state: FindingState | None, words: str
) -> None:
    finding = of(Rule.DECREASE, scores)
    assert (finding.state if finding else None) is state
    assert (finding.summary if finding else "") == words


def test_a_single_yellow_day_is_a_decrease_though_no_rule_is_sure_yet() -> None:
    readings = [
        snds(0, "filter-result", status=Status.GOOD, detail="GREEN"),
        snds(1, "filter-result", status=Status.WARN, detail="YELLOW"),
    ]
    [finding] = [f for f in detect(readings, RULES) if f.state is FindingState.ACTIVE]
    assert (finding.rule, finding.severity) == (Rule.DECREASE, Severity.WARNING)
    assert finding.summary == "from GREEN to YELLOW"


def test_a_rise_of_the_complaint_rate_is_a_decrease() -> None:
    readings = [
        snds(0, "complaint-rate", status=Status.GOOD, value=0.001),
        snds(1, "complaint-rate", status=Status.GOOD, value=0.002),
    ]
    assert Rule.DECREASE in {f.rule for f in detect(readings, RULES)}


def test_where_a_rule_is_sure_the_early_warning_is_not_repeated() -> None:
    readings = [snds(day, "trap-hits", status=Status.GOOD, value=float(day)) for day in (0, 1)]
    assert {f.rule for f in detect(readings, RULES)} == {Rule.SNDS_TRAP_HITS}


def test_decreases_can_be_switched_off() -> None:
    quiet = DetectionSettings(decrease=DecreaseRules(enabled=False))
    assert [f for f in detect([score(0, 95), score(1, 60)], quiet) if f.rule is Rule.DECREASE] == []
