"""How long rules run until they alarm: the estimates against plain simulation, textbooks and the folds."""

import runpy
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from core.cusum import Shift
from core.incident import Rule, Severity
from core.reading import Reading
from monitor.detection import counts, false_alarms, run_lengths, sender_score, snds, worlds
from monitor.detection.counts import Cohort, Count, Levels
from monitor.detection.detect import detect
from monitor.detection.dnsbl import listing
from monitor.detection.false_alarms import Fleet
from monitor.detection.finding import FindingState
from monitor.detection.run_lengths import Alarm, Rate
from monitor.detection.samples import Judge
from monitor.detection.settings import DetectionSettings, DnsblRules
from tests.unit.monitor.watching import START, clean, listed

RULES = DetectionSettings()
COMPLAINTS, DEFERRALS = Shift(0.0005, 0.003), Shift(0.005, 0.1)


@pytest.mark.parametrize(("level", "published"), [(4, 168), (5, 465)])
def test_the_textbooks_run_lengths(level: float, published: float) -> None:
    assert run_lengths.gaussian_run(level, 0.5, Random(1), 2_000) == pytest.approx(published, rel=0.08)


@pytest.mark.parametrize("alarm", [Alarm(4.6), Alarm(7), Alarm(4.6, least_events=5)])
@pytest.mark.parametrize("shift", [COMPLAINTS, DEFERRALS])
def test_the_weighed_estimate_agrees_with_plain_simulation(shift: Shift, alarm: Alarm) -> None:
    plain = run_lengths.trials_to_alarm(shift, alarm, shift.good, Random(1), 400)
    weighed = run_lengths.trials_to_false_alarm(shift, alarm, Random(2), 8_000)
    assert weighed == pytest.approx(plain, rel=0.2)


@pytest.mark.parametrize(
    ("shift", "level", "share", "published"),
    [  # control.md 1.3
        (COMPLAINTS, 4.6, 0.003, 1465), (COMPLAINTS, 9, 0.003, 3039), (COMPLAINTS, 9, 0.01, 617),
        (Shift(0.02, 0.08), 9, 0.08, 166), (DEFERRALS, 9, 0.1, 45), (DEFERRALS, 7, 0.5, 6),
    ],
)  # fmt: skip
def test_delays_are_those_that_the_design_rests_on(
    shift: Shift, level: float, share: float, published: float
) -> None:
    ours = run_lengths.trials_to_alarm(shift, Alarm(level), share, Random(1), 1_500)
    assert ours == pytest.approx(published, rel=0.08)


def test_a_fleet_of_n_has_the_false_alarms_of_one_ip() -> None:
    one, many = (counts.levels(Count.COMPLAINTS, RULES.counts, fleet).warn for fleet in (1, 100))
    alone = run_lengths.trials_to_false_alarm(COMPLAINTS, Alarm(one), Random(1), 8_000)
    among = run_lengths.trials_to_false_alarm(COMPLAINTS, Alarm(many), Random(1), 8_000)
    assert among / alone == pytest.approx(100, rel=0.25)


def test_the_fold_over_hours_alarms_no_sooner_than_message_by_message() -> None:
    dice, at, sent = Random(3), Levels(warn=4.6, bad=50.0), 10

    def hours_to_alarm() -> int:
        walk, hours = counts.Walk(pessimist=at.bad), 0
        while walk.severity is None:
            events = sum(dice.random() < 0.005 for _ in range(sent))
            hours += 1
            walk = counts.step(
                walk, Cohort(START + hours * timedelta(hours=1), events, sent), DEFERRALS, at, 1
            )
        return hours

    hourly = sent * fmean(hours_to_alarm() for _ in range(100))
    single = run_lengths.trials_to_false_alarm(DEFERRALS, Alarm(4.6), Random(1), 8_000)
    assert hourly > 0.8 * single


@pytest.mark.parametrize(
    ("judge", "rule", "world"),
    [
        (snds.red, Rule.SNDS_RED, worlds.snds(worlds.WARN_DAYS, Random(5))),
        (snds.non_green(RULES.snds), Rule.SNDS_NON_GREEN, worlds.snds((0.7, 0.2, 0.1), Random(5))),
        (sender_score.drop(RULES.sender_score), Rule.SENDER_SCORE_DROP, worlds.scores(Random(5), worlds.Ramp(15, 5))),
        (sender_score.low(RULES.sender_score), Rule.SENDER_SCORE_LOW, worlds.scores(Random(5), worlds.Ramp(20, 5))),
    ],
)  # fmt: skip
def test_what_is_measured_is_what_detection_does(judge: Judge, rule: Rule, world: run_lengths.World) -> None:
    metric = "" if rule.value.startswith("sender") else "filter-result"
    for _ in range(10):
        series = [s.model_copy(update={"metric": metric}) for s in islice(world(), 45) if s is not None]
        measured = next((n for n in range(1, len(series) + 1) if judge(series[max(0, n - 20) : n])), None)
        detected = next((n for n in range(1, len(series) + 1) if _is_active(series[:n], rule)), None)
        assert measured == detected


def _is_active(series: list[Reading], rule: Rule) -> bool:
    return any(f.rule is rule and f.state is FindingState.ACTIVE for f in detect(series, RULES))


def test_spurious_listings_are_as_rare_as_computed() -> None:
    odds, dice, rules = 0.2, Random(7), DnsblRules()
    polls = began = 0
    for _ in range(4_000):
        polls += 1
        if dice.random() >= odds:
            continue
        looks = [dice.random() < odds for _ in rules.second_looks]
        at = [START + timedelta(minutes=n) for n in range(3)]
        samples = [
            listed(at[0]),
            *(listed(t) if hit else clean(t) for t, hit in zip(at[1:], looks, strict=True)),
        ]
        began += any(
            (found := listing(samples[: n + 1], rules)) is not None and found.state is FindingState.ACTIVE
            for n in range(3)
        )
    assert began / polls == pytest.approx(false_alarms.spurious_listing(odds, 2), rel=0.15)


def test_without_an_alarm_the_bound_is_three_in_as_many_periods() -> None:
    assert Rate(0, 30_000).upper == pytest.approx(1e-4)
    assert Rate(0, 30_000).is_bound
    assert Rate(6, 30_000).upper == pytest.approx(2e-4)


def test_higher_levels_mean_fewer_false_alarms_and_more_mail_more() -> None:
    def of(rules: DetectionSettings, fleet: Fleet) -> dict[tuple[Rule, Severity], float]:
        return {(e.rule, e.severity): e.per_month for e in false_alarms.of_counts(rules, fleet, Random(1))}

    complaint = (Rule.COMPLAINTS, Severity.WARNING)
    higher = RULES.counts.complaints.model_copy(update={"warn_level": 6.6})
    strict = RULES.model_copy(update={"counts": RULES.counts.model_copy(update={"complaints": higher})})
    fleet, busy = Fleet(10, 20_000, 20), Fleet(10, 200_000, 20)
    assert of(strict, fleet)[complaint] < of(RULES, fleet)[complaint] / 5
    assert of(RULES, busy)[complaint] == pytest.approx(10 * of(RULES, fleet)[complaint])


@pytest.mark.parametrize(
    ("value", "text"),
    [(4_321, "4,300"), (99.4, "99"), (12.3, "12"), (0.4213, "0.42"), (0.00012, "< 0.001")],
)
def test_a_figure_has_two_digits(value: float, text: str) -> None:
    assert false_alarms.two_digits(value) == text


def test_the_page_tells_the_present_settings() -> None:
    root = Path(__file__).parents[4]
    bench = runpy.run_path(str(root / "bench" / "detection.py"))
    rows = bench["table"](("rule", "severity", "a month", "how"), bench["fleet_rows"]())
    assert rows in (root / "docs" / "detection.md").read_text(encoding="utf-8"), "run make detection"
