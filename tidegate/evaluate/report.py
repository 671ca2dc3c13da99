"""The page about an evaluation, written from its results: only the caveats are typed in."""

from collections.abc import Iterable, Sequence

from lab.simulation.physics import Variation
from lab.simulation.scenarios import Scenario
from tidegate.evaluate.results import Results, mean, promises
from tidegate.evaluate.tournament import VARIED, Table
from tidegate.evaluate.trial import Contender
from tidegate.evaluate.words import ASSUMPTIONS, CAVEATS, MEASURES, RIVALS

_HEAD = """# Evaluation

Written by `make evaluate` ({seeds} seeds, {days} days; {few} seeds for odd scenarios, other laws and single
parts); the same seeds give the same page. One IP sends about 3,000 messages an hour to four mailbox
providers, and its operator allows 10,000. The policy that runs as Tidegate is the production code:
`controller.fleet`, `controller.policy`, `controller.reconcile` and the monitor's detection and incidents,
fed from the toy world of `lab/simulation/`. The same worlds with the real engine and the real processes in
them: [the real loop](real-loop.md).

![Good mail delivered by each policy, and how its rates moved](evaluation.svg)
"""


def markdown(results: Results) -> str:
    """The whole page."""
    head = _HEAD.format(seeds=results.seeds, days=results.days, few=results.few_seeds)
    sections = [
        head,
        "## What was to be shown\n\n" + _promises(results),
        "## The policies, where something goes wrong\n\n" + _main(results) + "\n\n" + MEASURES,
        "## How soon, how much harm, how often without cause\n\n" + _harm(results),
        "## The other scenarios\n\n" + _others(results),
        "## The same in other worlds\n\n" + _variations(results),
        "## One list that names the whole fleet\n\n" + _zones(results),
        "## What single parts are worth\n\n" + _ablation(results),
        ASSUMPTIONS,
        RIVALS,
        CAVEATS,
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def summary(results: Results) -> str:
    """What the command prints: figures by name, then the main table."""
    lines = [f"{one.name}: {_number(one.measured)}" for one in promises(results)]
    worst = max(mean(results.score(s, Contender.OURS).reversals) for s in VARIED)
    lines.append(f"reversals_of_all_scopes: {_number(worst)}")
    return "\n".join(lines) + "\n\n" + _main(results)


def document(results: Results) -> dict[str, object]:
    """The same for programs: means of every cell."""
    cells = [
        {
            "scenario": str(key[0]),
            "laws": str(key[1]),
            "policy": str(key[2]),
            **{name: mean(getattr(cell.score, name)) for name in _NAMES},
        }
        for key, cell in results.table.items()
    ]
    kept = [
        {"name": p.name, "measured": p.measured, "bound": p.bound, "kept": p.is_kept}
        for p in promises(results)
    ]
    return {"schema": "evaluation/v1", "promises": kept, "cells": cells, "broken_zone": results.zones}


_NAMES = ("good", "bad", "delay", "reversals", "cuts", "false_cuts", "throttled_after")


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(headers)} |", "|" + "---|" * len(headers), *body])


def _number(value: float) -> str:
    """One decimal; `–` where there is nothing to measure."""
    return "–" if value != value else f"{value:.1f}"  # noqa: PLR0124 - NaN is what is not equal to itself


def _bold(contender: Contender) -> str:
    return f"**{contender}**" if contender is Contender.OURS else str(contender)


def _promises(results: Results) -> str:
    rows = [
        (
            one.text,
            f"{_number(one.measured)} {one.unit}".strip(),
            f"{'at most' if one.at_most else 'at least'} {one.bound:g} {one.unit}".strip(),
            "yes" if one.is_kept else "**no**",
        )
        for one in promises(results)
    ]
    return _table(("figure", "measured", "promised", "kept"), rows)


def _trio(table: Table, scenario: Scenario, contender: Contender, laws: Variation = Variation.USUAL) -> str:
    """Good mail, delay, and reversals of all scopes."""
    score = table[scenario, laws, contender].score
    # the oracle follows the providers' limits: its rate is no decision
    reversals = "–" if contender is Contender.ORACLE else _number(mean(score.reversals))
    return f"{_number(100 * mean(score.good))} / {_number(mean(score.delay))} / {reversals}"


def _main(results: Results) -> str:
    shown = (Scenario.BAD_LIST, Scenario.BAD_BURST, Scenario.SPIKE, Scenario.OUTAGE)
    headers = ("policy", *(f"{s}: good % / delay h / reversals" for s in shown))
    return _table(headers, [(_bold(c), *(_trio(results.table, s, c) for s in shown)) for c in Contender])


def _harm(results: Results) -> str:
    headers = (
        "policy",
        "bad list: hours to the first cut", "bad burst: hours to the first cut",
        "bad list: bad mail delivered %", "bad burst: bad mail delivered %",
        "worst world, bad list: good %", "worst world, bad burst: good %",
        "cuts without cause: clean spike", "quiet",
    )  # fmt: skip
    rows = []
    for contender in Contender:
        bad = [results.score(s, contender) for s in VARIED]
        calm = [results.score(s, contender) for s in (Scenario.SPIKE, Scenario.QUIET)]
        is_oracle = contender is Contender.ORACLE
        rows.append(
            (
                _bold(contender),
                *(_number(mean(score.throttled_after)) for score in bad),
                *(_number(100 * mean(score.bad)) for score in bad),
                *(_number(100 * float(score.good.min())) for score in bad),
                *("–" if is_oracle else _number(mean(score.false_cuts)) for score in calm),
            )
        )
    return _table(headers, rows)


def _others(results: Results) -> str:
    shown = (Scenario.FALSE_LISTING, Scenario.SNDS_OUTAGE, Scenario.CLOCK_JUMP, Scenario.QUIET)
    explained = "\n".join(f"- {scenario}: {scenario.meaning}" for scenario in Scenario)
    headers = ("policy", *(f"{s}: good % / delay h / reversals" for s in shown))
    rows = [(_bold(c), *(_trio(results.table, s, c) for s in shown)) for c in Contender]
    return f"{explained}\n\n{_table(headers, rows)}\n\n{results.few_seeds} seeds; quiet: {results.seeds}."


def _variations(results: Results) -> str:
    laws = [v for v in Variation if any(key[1] is v for key in results.table)]
    headers = ("policy", *(f"{s}, {v}" for v in laws for s in VARIED))
    rows = [(_bold(c), *(_trio(results.table, s, c, v) for v in laws for s in VARIED)) for c in Contender]
    said = f"Good % / delay h / reversals; {results.few_seeds} seeds, as described {results.seeds}."
    return f"{said}\n\n{_table(headers, rows)}"


def _zones(results: Results) -> str:
    said = (
        f"IP-hours of throttling without cause, {results.fleet:,} IPs. The list is wrong for six hours; the\n"
        "way back is counted, too, because a throttle outlasts its cause."
    )
    failures = list(results.zones)
    defences = list(next(iter(results.zones.values()), {}))
    rows = [(d, *(f"{results.zones[f][d]:,}" for f in failures)) for d in defences]
    return f"{said}\n\n{_table(('what stands in the way', *(f'a list that {f}' for f in failures)), rows)}"


def _ablation(results: Results) -> str:
    headers = ("Tidegate", *(f"{s}: good % / delay h / reversals" for s in VARIED))
    rows = [
        (f"as shipped ({results.seeds} seeds)", *(_trio(results.table, s, Contender.OURS) for s in VARIED))
    ]
    rows += [
        (name, *(_trio(table, s, Contender.OURS) for s in VARIED)) for name, table in results.ablation.items()
    ]
    return f"{results.few_seeds} seeds each.\n\n{_table(headers, rows)}"
