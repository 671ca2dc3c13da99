"""How many alarms a month a healthy fleet would raise under the settings in force, rule by rule.

A healthy fleet in the sense of monitor.detection.worlds. Rules that repeat what a provider
said in so many words (blocked, junked, trap hits, alerts) have no false alarms of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, exp, lgamma, log, log10
from random import Random

from core.incident import Rule, Severity
from monitor.detection import counts, run_lengths, sender_score, snds, worlds
from monitor.detection.counts import Count
from monitor.detection.run_lengths import Alarm, Rate
from monitor.detection.settings import DetectionSettings

MONTH = timedelta(days=30)
SPURIOUS = 1e-4
"""The odds that an answer of a DNS list is wrong: 48 false listings a day without a rule (control.md 1.3)."""

PERIODS = 40_000
CYCLES = 4_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who is watched. `messages` leave each IP in a day, `at_microsoft` of them to consumer Outlook."""

    ips: int
    messages: float
    lists: int
    poll: timedelta = timedelta(hours=1)
    at_microsoft: float = 0.2


@dataclass(frozen=True, slots=True)
class Expectation:
    """Alarms a month in the whole fleet; `at_most`: none came up in the simulation, this is the bound."""

    rule: Rule
    severity: Severity
    per_month: float
    how: str
    at_most: bool = False


def expected(rules: DetectionSettings, fleet: Fleet, dice: Random) -> list[Expectation]:
    """For every rule that can be wrong, in the order of the settings."""
    return [
        _listing(rules, fleet),
        *_snds(rules, fleet, dice),
        *_scores(rules, fleet, dice),
        *of_counts(rules, fleet, dice),
    ]


def spurious_listing(spurious: float, looks: int) -> float:
    """The odds that one poll begins a listing that is none: a wrong hit, and one more in the second looks."""
    return spurious * (1 - (1 - spurious) ** looks)


def _listing(rules: DetectionSettings, fleet: Fleet) -> Expectation:
    polls = fleet.ips * fleet.lists * (MONTH / fleet.poll)
    odds = spurious_listing(SPURIOUS, len(rules.dnsbl.second_looks))
    how = f"{fleet.lists} lists, one answer in {1 / SPURIOUS:,.0f} wrong"
    return Expectation(Rule.DNSBL_LISTED, Severity.CRITICAL, polls * odds, how)


def _snds(rules: DetectionSettings, fleet: Fleet, dice: Random) -> list[Expectation]:
    def rate(judge: Callable[..., Severity | None]) -> Rate:
        return run_lengths.false_alarms(worlds.snds(worlds.GOOD_DAYS, dice), judge, PERIODS)

    how = "simulated days, 98.5 % GREEN"
    daily = fleet.messages * fleet.at_microsoft
    odds = poisson_tail(daily * 0.0005, ceil(daily * rules.snds.complaints_warn))
    said = f"{daily:,.0f} messages a day to Microsoft, 0.05 % complain"
    return [
        _daily(Rule.SNDS_RED, Severity.CRITICAL, rate(snds.red), fleet, how),
        _daily(Rule.SNDS_NON_GREEN, Severity.WARNING, rate(snds.non_green(rules.snds)), fleet, how),
        Expectation(Rule.SNDS_COMPLAINTS, Severity.WARNING, fleet.ips * MONTH.days * odds, said),
    ]


def _scores(rules: DetectionSettings, fleet: Fleet, dice: Random) -> list[Expectation]:
    def rate(judge: Callable[..., Severity | None]) -> Rate:
        return run_lengths.false_alarms(worlds.scores(dice), judge, PERIODS)

    how = "simulated scores, 95 with deviation 1.5"
    found = [
        _daily(
            Rule.SENDER_SCORE_DROP, Severity.WARNING, rate(sender_score.drop(rules.sender_score)), fleet, how
        ),
        _daily(
            Rule.SENDER_SCORE_LOW, Severity.WARNING, rate(sender_score.low(rules.sender_score)), fleet, how
        ),
    ]
    if rules.decrease.enabled:
        falls = run_lengths.openings(worlds.scores(dice), rules.decrease, PERIODS)
        step = f"{how}; a fall of {rules.decrease.score_step:g} or more"
        found.append(_daily(Rule.DECREASE, Severity.INFO, falls, fleet, step))
    return found


def of_counts(rules: DetectionSettings, fleet: Fleet, dice: Random) -> list[Expectation]:
    """Warnings and alarms of the four counts."""
    sent = fleet.ips * fleet.messages * MONTH.days
    found = []
    for count in (Count.COMPLAINTS, Count.BOUNCES, Count.DEFERRALS, Count.BLOCKS):
        rule, at = counts.rule_of(count, rules.counts), counts.levels(count, rules.counts, fleet.ips)
        for severity, level in ((Severity.WARNING, at.warn), (Severity.CRITICAL, at.bad)):
            alarm = Alarm(level, rules.counts.least_events)
            run = run_lengths.trials_to_false_alarm(rule.shift, alarm, dice, CYCLES)
            how = f"CUSUM at {level:.1f}, {two_digits(run)} messages apart"
            found.append(Expectation(Rule(count), severity, sent / run, how))
    return found


def _daily(rule: Rule, severity: Severity, rate: Rate, fleet: Fleet, how: str) -> Expectation:
    return Expectation(rule, severity, fleet.ips * MONTH.days * rate.upper, how, at_most=rate.is_bound)


def poisson_tail(mean: float, least: int) -> float:
    """The odds of `least` events or more."""
    if least <= 0 or mean <= 0:
        return 1.0 if least <= 0 else 0.0
    return max(0.0, 1.0 - sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(least)))


def two_digits(value: float) -> str:
    """`4,300`, `12`, `0.42`: a simulation knows no more."""
    if value >= 100:
        return f"{round(value, 1 - int(log10(value))):,.0f}"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.001 else "< 0.001"
