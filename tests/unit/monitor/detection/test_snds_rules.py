from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incident import Rule, Severity
from core.reading import Quality, Reading, Source, Status
from monitor.detection.detect import detect
from monitor.detection.finding import Finding, FindingState
from monitor.detection.samples import ordered
from monitor.detection.settings import DetectionSettings
from tests.unit.monitor.watching import IP, START, snds

RULES = DetectionSettings()
COLOURS = {"G": Status.GOOD, "Y": Status.WARN, "R": Status.BAD}
NAMES = {"G": "GREEN", "Y": "YELLOW", "R": "RED"}


def colours(days: str) -> list[Reading]:
    """One letter a day; a dot is a day without a row, a question mark one that could not be read."""
    made = []
    for day, letter in enumerate(days):
        if letter == "?":
            made.append(
                snds(day, "filter-result", status=Status.UNKNOWN).model_copy(
                    update={"quality": Quality.ERROR}
                )
            )
        elif letter != ".":
            made.append(snds(day, "filter-result", status=COLOURS[letter], detail=NAMES[letter]))
    return made


def of(rule: Rule, readings: list[Reading]) -> Finding | None:
    return next((f for f in detect(readings, RULES) if f.rule is rule), None)


def state_of(rule: Rule, readings: list[Reading]) -> FindingState | None:
    finding = of(rule, readings)
    return finding.state if finding else None


@pytest.mark.parametrize(
    ("days", "red", "non_green"),
    [
        ("GGG", "CLEAR", "CLEAR"),
        ("GGY", "CLEAR", None),
        ("Y", None, None),
        ("GGYY", "CLEAR", "ACTIVE"),
        ("GGYGY", "CLEAR", "ACTIVE"),
        ("GGYGGY", "CLEAR", None),
        ("GGY.....Y", "CLEAR", None),
        ("GGY..Y", "CLEAR", "ACTIVE"),
        ("GGY??Y", "CLEAR", "ACTIVE"),
        ("GGR", "ACTIVE", None),
        ("GGRG", "CLEARING", None),
        ("GGRGG", "CLEAR", "CLEAR"),
        ("GGR????", "ACTIVE", None),
        ("GGR....", "ACTIVE", None),
        ("GGRYY", "CLEAR", "ACTIVE"),
        ("GGYYG", "CLEAR", "CLEARING"),
        ("GGYYGG", "CLEAR", "CLEAR"),
        ("GGYYG?G", "CLEAR", "CLEAR"),
    ],
)
def test_days_of_filter_results_mean(days: str, red: str | None, non_green: str | None) -> None:
    readings = colours(days)
    named = [
        s.name if (s := state_of(rule, readings)) else None for rule in (Rule.SNDS_RED, Rule.SNDS_NON_GREEN)
    ]
    assert named == [red, non_green]


@pytest.mark.parametrize(
    ("hits", "severity"),
    [
        ([0, 0, 1], Severity.WARNING),
        ([0, 0, 5], Severity.CRITICAL),
        ([1, 0, 1], Severity.CRITICAL),
        ([0, 4], Severity.WARNING),
    ],
)
def test_trap_hits_weigh(hits: list[int], severity: Severity) -> None:
    readings = [snds(d, "trap-hits", status=Status.WARN, value=n) for d, n in enumerate(hits)]
    finding = of(Rule.SNDS_TRAP_HITS, readings)
    assert finding is not None
    assert (finding.state, finding.severity) == (FindingState.ACTIVE, severity)


@pytest.mark.parametrize(
    ("shares", "severity"),
    [([0.001, 0.003], Severity.WARNING), ([0.001, 0.01], Severity.CRITICAL), ([0.001, 0.0029], None)],
)
def test_complaint_rates_weigh(shares: list[float], severity: Severity | None) -> None:
    readings = [snds(d, "complaint-rate", status=Status.WARN, value=s) for d, s in enumerate(shares)]
    finding = of(Rule.SNDS_COMPLAINTS, readings)
    active = finding is not None and finding.state is FindingState.ACTIVE
    assert (finding.severity if finding and active else None) is severity


@pytest.mark.parametrize(
    ("text", "status", "rule"),
    [
        ("Blocked due to user complaints or other evidence of spamming", Status.BAD, Rule.SNDS_BLOCKED),
        ("Junked due to user complaints or other evidence of spamming", Status.WARN, Rule.SNDS_JUNKED),
        ("Junked due to user complaints or other evidence of spamming", Status.BAD, Rule.SNDS_JUNKED),
        ("neither blocked nor junked", Status.GOOD, None),
    ],
)
def test_the_text_of_the_status_decides(text: str, status: Status, rule: Rule | None) -> None:
    at = START
    readings = [
        Reading(
            ip=IP, source=Source.SNDS_STATUS, metric="ip-status", period_start=at, period_end=at,
            observed_at=at, status=status, detail=text,
        )
    ]  # fmt: skip
    active = [f.rule for f in detect(readings, RULES) if f.state is FindingState.ACTIVE]
    assert active == ([rule] if rule else [])


def test_snds_speaks_about_microsoft_alone() -> None:
    assert {f.provider for f in detect(colours("GGRYR"), RULES)} == {"microsoft"}


def test_a_revised_day_counts_as_it_was_revised() -> None:
    first, revised = colours("GGR"), colours("GGG")[2]
    revised = revised.model_copy(update={"observed_at": revised.observed_at + timedelta(hours=6)})
    assert state_of(Rule.SNDS_RED, [*first, revised]) is FindingState.CLEAR


@given(st.text("GYR?.", min_size=1, max_size=30), st.randoms())
def test_order_and_repetition_of_days_do_not_matter(days: str, random: object) -> None:
    readings = colours(days)
    mixed = readings * 3
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert detect(mixed, RULES) == detect(readings, RULES)


def _spanning(start: float, end: float, *, seen: float, status: Status) -> Reading:
    begin = START + timedelta(hours=start)
    told = snds(0, "filter-result", status=status, detail=status.name)
    return told.model_copy(
        update={
            "period_start": begin,
            "period_end": START + timedelta(hours=end),
            "observed_at": START + timedelta(hours=seen),
        }
    )


def test_a_report_that_comes_again_with_a_longer_period_is_one_report() -> None:
    first = _spanning(13, 19, seen=30, status=Status.WARN)
    again = _spanning(0, 24, seen=36, status=Status.BAD)
    tomorrow = _spanning(24, 48, seen=60, status=Status.GOOD)
    for order in ([first, again, tomorrow], [tomorrow, again, first]):
        assert ordered(order) == [again, tomorrow]


def test_days_that_only_touch_or_lap_a_little_are_two_days() -> None:
    by_its_own_words = _spanning(0, 24, seen=30, status=Status.WARN)
    by_its_report_date = _spanning(16, 40, seen=54, status=Status.WARN)
    assert len(ordered([by_its_own_words, by_its_report_date])) == 2


def test_a_later_refusal_does_not_take_back_a_verdict() -> None:
    said = _spanning(0, 24, seen=30, status=Status.BAD)
    refused = _spanning(0, 24, seen=36, status=Status.UNKNOWN)
    assert ordered([said, refused]) == [said]
