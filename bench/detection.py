"""docs/detection.md: false alarms and delays of every rule, by simulation, beside published figures.

    python bench/detection.py > docs/detection.md

One minute; the same seed gives the same page.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from random import Random
from statistics import fmean, median

from core.cusum import Shift
from core.incident import Severity
from monitor.detection import false_alarms, run_lengths, sender_score, snds, worlds
from monitor.detection.false_alarms import Fleet, two_digits
from monitor.detection.run_lengths import Alarm
from monitor.detection.samples import Judge, Samples
from monitor.detection.settings import DetectionSettings
from monitor.detection.worlds import Ramp

SEED = 1
RULES = DetectionSettings()
FLEET = Fleet(ips=1000, messages=20_000, lists=28)
PERIODS = 200_000

HEAD = """# How detection behaves

Made by `make detection` (`bench/detection.py`, seed {seed}) with the rules that run, at their default
settings. In brackets, or under “design”, are the figures that the design rests on, measured earlier with
separate code; where they differ from ours by more than the noise, the text says why. For your own settings,
fleet and volume: `tidegate false-alarms`.

ARL is the average run length: how long a rule runs until it alarms. Between false alarms it should be long,
after a change short.

## A healthy fleet: false alarms a month

{ips:,} source IPs, {messages:,} messages a day each, {lists} DNS lists asked every hour. Healthy means:
one DNS answer in 10,000 is wrong; SNDS days are 98.5 % GREEN, 1.3 % YELLOW, 0.2 % RED, a tenth missing;
Sender Score is 95 with standard deviation 1.5, autocorrelated by 0.7, with a one-day drop of 5 to 30
points on 0.5 % of days; complaints, bounces, deferrals and blocks come independently, exactly at their
good shares, all day and every day.

{fleet}

What a provider says in so many words (blocked, junked, trap hits) and what other monitors say is never
false here. `decrease` is the early warning that tells *any* fall and throttles nothing. By the size of the
fall that counts (`monitor.detection.decrease.score-step`), in a month of the same fleet:

{decrease}

## Counts: complaints, bounces, deferrals, blocks

A CUSUM of log-likelihood ratios, one message at a time, S = max(0, S + score), alarm at S ≥ h (Page 1954).
Lorden (1971) proves ARL ≥ e^h. False alarms are too rare to wait for, so they are sampled at the bad share
and weighed with their likelihood ratio (Siegmund 1976); the tests hold this against plain simulation. All
in messages; a fleet of n IPs adds ln n to both levels.

{false_counts}

For complaints ours lie a quarter above the design at small h; plain simulation agrees with ours (1.04e5 at
h = 4.6).

{delays}

## SNDS

In days of activity; Microsoft publishes one to two days later.

{snds}

Days without data count neither way, and three valid ones must lie within six days: fewer lone YELLOW days
add up.

## Sender Score

In days. A fall of 8, 20 and 40 points over 5, 5 and 2 days; the delay is from its first day, for those
found within 60 days; in brackets the share that was found.

{scores}

One odd day is never two low scores in a row, so `below 80` twice is quieter here than in the design, whose
odd days may last.

## DNS lists

Two answers must agree: a first hit is looked at again after 30 seconds and after 5 minutes. Independent
wrong answers, 1,000 IPs × 20 lists every hour, false listings a day:

{dnsbl}

Independence ends where a list itself breaks: self-tests and the share of the fleet that it lists guard
against that.

## The textbook

The same step, core.cusum.rise, on standard normal values, two-sided, reference value 1/2: the run lengths
that every table of CUSUM charts gives (Lucas and Crosier 1982; Montgomery, Introduction to Statistical
Quality Control).

{textbook}
"""


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown."""
    lines = [headers, ["---", *["---:"] * (len(headers) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def fleet_rows() -> list[tuple[str, str, str, str]]:
    """The table that `tidegate false-alarms` prints, for this fleet."""
    found = false_alarms.expected(RULES, FLEET, Random(SEED))
    return [
        (
            f"`{one.rule}`",
            str(one.severity),
            f"{'< ' if one.at_most else ''}{two_digits(one.per_month)}",
            one.how,
        )
        for one in found
    ]


def decrease_rows() -> Iterable[tuple[object, ...]]:
    for step in (1, 2, 3, 5):
        rules = RULES.decrease.model_copy(update={"score_step": float(step)})
        rate = run_lengths.openings(worlds.scores(Random(SEED)), rules, PERIODS)
        yield step, two_digits(FLEET.ips * 30 * rate.upper)


COMPLAINTS, BOUNCES, DEFERRALS = Shift(0.0005, 0.003), Shift(0.02, 0.08), Shift(0.005, 0.10)
PUBLISHED: list[tuple[str, Shift, float, str, dict[float, str]]] = [
    ("complaints 0.05 % → 0.3 %", COMPLAINTS, 4.6, "7.9e4", {0.002: "2,903", 0.003: "1,465", 0.01: "321"}),
    ("", COMPLAINTS, 7, "1.0e6", {0.002: "4,927", 0.003: "2,341", 0.01: "498"}),
    ("", COMPLAINTS, 9, "6.8e6", {0.002: "6,787", 0.003: "3,039", 0.01: "617"}),
    ("", COMPLAINTS, 11.5, "1.1e8", {0.002: "9,188", 0.003: "3,879", 0.01: "787"}),
    ("hard bounces 2 % → 8 %", BOUNCES, 7, "5.1e4", {0.05: "398", 0.08: "125", 0.2: "32"}),
    ("", BOUNCES, 9, "4.4e5", {0.05: "557", 0.08: "166", 0.2: "41"}),
    ("deferrals 0.5 % → 10 %", DEFERRALS, 7, "3.9e4", {0.05: "96", 0.1: "35", 0.5: "6"}),
    ("", DEFERRALS, 9, "2.0e5", {0.05: "132", 0.1: "45", 0.5: "8"}),
    ("blocks 0.1 % → 5 %", Shift(0.001, 0.05), 7, "", {0.02: "", 0.05: "", 0.5: ""}),
    ("", Shift(0.001, 0.05), 9, "", {0.02: "", 0.05: "", 0.5: ""}),
]


def count_rows() -> Iterable[tuple[object, ...]]:
    for name, shift, level, published, _ in PUBLISHED:
        run = run_lengths.trials_to_false_alarm(shift, Alarm(level), Random(SEED), 20_000)
        yield name, level, f"{run:.1e}".replace("e+0", "e"), published or "–", f"{2.718281828**level:,.0f}"


def delay_rows() -> Iterable[tuple[object, ...]]:
    for name, shift, level, _, published in PUBLISHED:
        cells = []
        for share, figure in published.items():
            ours = run_lengths.trials_to_alarm(shift, Alarm(level), share, Random(SEED), 2_000)
            cells.append(f"at {share:.2g}: **{ours:,.0f}** {f'({figure})' if figure else ''}".strip())
        yield name, level, "; ".join(cells)


def snds_rows() -> Iterable[tuple[object, ...]]:
    rules = RULES.snds

    def single(seen: Samples) -> Severity | None:
        return snds.non_green(rules.model_copy(update={"non_green": 1, "non_green_of": 1}))(seen)

    def both(seen: Samples) -> Severity | None:
        return snds.red(seen) or snds.non_green(rules)(seen)

    judges: list[tuple[str, Judge, str, str, str]] = [
        ("any day not green", single, "73", "1.5", "1.2"),
        ("RED once", snds.red, "543", "7.4", "1.6"),
        ("2 of 3 not green", snds.non_green(rules), "1,956", "3.1", "2.3"),
        ("**both, as used**", both, "515", "2.7", "1.5"),
    ]
    for name, judge, run, warned, bad in judges:
        rate = run_lengths.false_alarms(worlds.snds(worlds.GOOD_DAYS, Random(SEED)), judge, PERIODS)
        slow = run_lengths.delays(worlds.snds(worlds.WARN_DAYS, Random(SEED)), judge, 2_000)
        fast = run_lengths.delays(worlds.snds(worlds.BAD_DAYS, Random(SEED)), judge, 2_000)
        ours = (f"**{two_digits(1 / rate.upper)}** ({run})", f"**{_mean(slow)}** ({warned})")
        yield name, *ours, f"**{_mean(fast)}** ({bad})"


def score_rows() -> Iterable[tuple[object, ...]]:
    rules = RULES.sender_score
    once = rules.model_copy(update={"drops": 1, "drops_of": 1, "low_in_a_row": 1})
    judges: list[tuple[str, Judge, str, tuple[str, str, str]]] = [
        ("below 80 once", sender_score.low(once), "344", ("never", "4.3", "1.0")),
        ("**below 80 twice, as used**", sender_score.low(rules), "2,000", ("never", "5.3", "2.0")),
        ("5 below the median of 14, once", sender_score.drop(once), "160", ("4.0", "1.7", "1.0")),
        ("**5 below, 2 of 3, as used**", sender_score.drop(rules), "1,471", ("6.3", "2.6", "2.0")),
    ]
    for name, judge, run, published in judges:
        rate = run_lengths.false_alarms(worlds.scores(Random(SEED)), judge, PERIODS // 2)
        cells = [
            _ramp(Ramp(points, days), judge, figure)
            for (points, days), figure in zip(((8, 5), (20, 5), (40, 2)), published, strict=True)
        ]
        more = "> " if rate.is_bound else ""
        yield name, f"**{more}{two_digits(1 / rate.upper)}** ({run})", *cells


def _ramp(ramp: Ramp, judge: Judge, published: str) -> str:
    found = run_lengths.delays(worlds.scores(Random(SEED), ramp), judge, 1_000, worlds.HISTORY)
    hit = [n for n in found if n is not None]
    share = len(hit) / len(found)
    ours = f"{median(hit):.0f}, mean {fmean(hit):.1f}" if share > 0.05 else "never"
    return f"**{ours}** [{share:.0%}] ({published})"


def _mean(found: list[int | None]) -> str:
    hit = [n for n in found if n is not None]
    return f"{fmean(hit):.1f}"


def dnsbl_rows() -> Iterable[tuple[object, ...]]:
    polls = 1_000 * 20 * 24
    looks = len(RULES.dnsbl.second_looks)
    for spurious, once, twice in ((1e-4, "48", "0.005"), (1e-3, "480", "0.5")):
        ours = polls * false_alarms.spurious_listing(spurious, looks)
        yield (
            f"{spurious:g}",
            f"{polls * spurious:.0f} ({once})",
            f"**{two_digits(ours)}** ({twice} with one second look)",
        )


def textbook_rows() -> Iterable[tuple[object, ...]]:
    for level, published in ((4, 168), (5, 465)):
        runs = 40_000
        ours = run_lengths.gaussian_run(level, 0.5, Random(SEED), runs)
        yield level, f"**{ours:.0f}** ± {2 * ours / runs**0.5:.0f}", published


def page() -> str:
    """The whole page."""
    sections: dict[str, Callable[[], str]] = {
        "fleet": lambda: table(("rule", "severity", "a month", "how"), fleet_rows()),
        "decrease": lambda: table(("points", "a month"), decrease_rows()),
        "false_counts": lambda: table(("count", "h", "ARL, ours", "design", "bound e^h"), count_rows()),
        "delays": lambda: table(("count", "h", "messages until the alarm, **ours** (design)"), delay_rows()),
        "snds": lambda: table(("rule", "ARL", "delay, warn days", "delay, bad days"), snds_rows()),
        "scores": lambda: table(("rule", "ARL", "fall of 8", "fall of 20", "fall of 40"), score_rows()),
        "dnsbl": lambda: table(("wrong answers", "1 of 1", "as used"), dnsbl_rows()),
        "textbook": lambda: table(("h", "ours", "published"), textbook_rows()),
    }
    facts = {"seed": SEED, "ips": FLEET.ips, "messages": FLEET.messages, "lists": FLEET.lists}
    made = {name: section() for name, section in sections.items()}
    return HEAD.format(**facts, **made)


if __name__ == "__main__":
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(page(), end="")
