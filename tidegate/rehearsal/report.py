"""What rehearsals came to beside what the simulation says: for a terminal, a page, a program."""

from collections.abc import Iterable, Sequence
from typing import Final

from storage.leases import LeaseChange
from tidegate.rehearsal.comparison import Comparison
from tidegate.rehearsal.expected import Control

_MEASURES: Final = {
    "good mail delivered %": ("good", 100.0),
    "bad mail delivered %": ("bad", 100.0),
    "delay of good mail, hours": ("delay", 1.0),
    "hours to the first cut": ("throttled_after", 1.0),
    "cuts": ("cuts", 1.0),
    "cuts before the trouble": ("false_cuts", 1.0),
    "reversals": ("reversals", 1.0),
}
_SHOWN: Final = 12

_HEAD: Final = """# The real loop

Written by `tidegate rehearse`; the figures of the real loop differ a little each time. One source IP of a
sender with {volume:.0f} recipients an hour lives through a world of the [evaluation](evaluation.md), one
hour of it in {hour:.1f} seconds. Everything is real: `tidegate run` with its two processes, SMTP to four
mailbox providers on loopback, DNS for the lists and the Sender Score, HTTP for SNDS, complaints as ARF
reports, SQLite, the control API. The providers answer each recipient as the simulation answers a flow:
`lab/realtime/` calls the same `lab/simulation/`. A person deletes the unwanted mail at the next 09:00
through the control API. Without control Tidegate runs in mode observe. The simulation is told of the same
script, from the same hour on, for a sender of the same size, whose controller sees as few messages.
"""

_WORDS: Final = """
## What differs, and why

The laws are the same; what is not the same is everything between them. Mail comes in whole recipients, and
in messages: a provider counts what it takes by recipients, and lets what it did not use in a quarter of an
hour be used later, or else chance alone would look like a burst. So the first refusal, and with it the
first cut, comes some quarter of an hour later, and a little more of the unwanted mail gets in. The engine
tries a deferred recipient again after ten minutes sharp, sends what became ready first, and lets providers
take turns at the limit of the whole IP; the simulation tries after ten minutes on average, sends the oldest
first, and divides that limit by what waits. Without control a backlog stands at that limit for days: there
delays and the way back differ most. The watch process looks when the engine tells it of replies, at most
once a real second, which is {second:.0f} minutes of the world, and asks lists and SNDS by its own clock;
the simulation looks each quarter of an hour. A cut reaches the engine over HTTP and holds from the next
recipient on. Deferrals and blocks are real replies and pass through the shipped catalogue: a 4xx of a
blocking Gmail counts as a deferral here and as a block in the simulation. Providers never say 421, with
which Gmail and Yahoo often answer: the engine would let all mail to them wait for ten minutes without any
controller, and the two columns would not be about the same world.

What this does not show: the figures rest on the same assumptions about providers as the evaluation, so that
agreement here says that engine, monitor and controller do together what the simulation says they do, and
nothing about how your providers judge. One seed is one story: differences of a few percent between columns
are chance, and a machine that is busy with other things makes the real loop late. A small sender is cut a
little later than the large one of the evaluation, because few messages prove less.
"""


def page(comparisons: Sequence[Comparison]) -> str:
    """The whole page."""
    plan = comparisons[0].plan
    parts = [_HEAD.format(volume=plan.volume, hour=3_600 / plan.speed)]
    for one in comparisons:
        meaning = one.plan.scenario.meaning
        parts += [f"## {one.plan.title.capitalize()}\n\n{meaning[0].upper()}{meaning[1:]}.", table(one)]
        parts.append(f"The real controller's first decisions:\n\n```\n{story(one)}\n```")
    parts.append(_WORDS.format(second=plan.speed / 60))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def summary(comparisons: Iterable[Comparison]) -> str:
    """What the command prints."""
    return "\n\n".join(f"{table(one)}\n\n{story(one)}" for one in comparisons)


def document(comparisons: Iterable[Comparison]) -> dict[str, object]:
    """The same for programs."""
    return {
        "schema": "rehearsal/v1",
        "rehearsals": [
            {
                "scenario": str(one.plan.scenario),
                "seed": one.plan.seed,
                "hours": one.plan.hours,
                "columns": {
                    name: {field: _plain(float(getattr(score, field)[0])) for field, _ in _MEASURES.values()}
                    for name, score in one.columns.items()
                },
            }
            for one in comparisons
        ],
    }


def table(comparison: Comparison) -> str:
    """The measures, a column for each way the world was run."""
    columns = comparison.columns
    rows = [("", *columns)]
    for name, (field, factor) in _MEASURES.items():
        values = [float(getattr(score, field)[0]) for score in columns.values()]
        rows.append((name, *(_number(factor * value) for value in values)))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def story(comparison: Comparison) -> str:
    """The first changes that the real controller made, one a line."""
    changes = comparison.real[Control.TIDEGATE].changes
    shown = [_line(change) for change in changes[:_SHOWN]]
    left = len(changes) - len(shown)
    return "\n".join([*shown, *([f"… and {left} more"] if left > 0 else [])])


def _line(change: LeaseChange) -> str:
    before, after = (str(rate or "no lease") for rate in (change.before, change.after))
    return f"{change.at:%a %H:%M}  {change.scope.provider:<10} {before:>9} → {after:<9} {change.rule}"


def _number(value: float) -> str:
    """One decimal; `–` where there is nothing to measure."""
    return "–" if value != value else f"{value:.1f}"  # noqa: PLR0124 - NaN is what is not equal to itself


def _plain(value: float) -> float | None:
    return None if value != value else round(value, 4)  # noqa: PLR0124 - as above
