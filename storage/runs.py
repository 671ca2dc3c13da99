"""Where a reading belongs among the runs of its series. Decides only; storage.readings reads and writes.

A run remembers its newest KEPT periods exactly and only counts the ones before. A period leaves the exact
ones when KEPT newer ones are known, and periods never go away, so the newest KEPT periods of a series are
always exact: history of up to KEPT readings is the same in whatever order, and how often, they arrived.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from core.reading import Quality, Reading, Status

KEPT = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PACKED = struct.Struct(">qqq")


class Recorded(StrEnum):
    """What became of a reading."""

    NEW_RUN = "starts a new run: the answer changed"
    EXTENDED = "a new period of a run that goes on"
    REPEATED = "the same answer for a known period"
    REVISED = "another answer for a known period, which it replaces"
    SUPERSEDED = "older than what is known about its period: ignored"
    TOO_LATE = "about a period so old that only its count is kept: ignored"


class Period(NamedTuple):
    """One period of a run; ordered by when its activity ended. `observed` is when it was last confirmed."""

    end: datetime
    start: datetime
    observed: datetime

    @property
    def key(self) -> tuple[datetime, datetime]:
        return (self.end, self.start)


class Answer(NamedTuple):
    """What a source said: equal answers make a run."""

    status: Status
    quality: Quality
    value: float | None
    detail: str

    @property
    def is_known(self) -> bool:
        """What a source said about a period is not forgotten because it later refuses to say it again."""
        return self.status is not Status.UNKNOWN

    @property
    def weight(self) -> tuple[int, str, float, str]:
        """Settles which of two answers for one period, observed at one moment, stays: the worse one."""
        value = float("-inf") if self.value is None else self.value
        return (list(Status).index(self.status), self.quality, value, self.detail)


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one answer: `earlier` periods that are only counted (from `first` on), then exact ones."""

    answer: Answer
    periods: tuple[Period, ...]
    first: datetime
    earlier: int = 0
    polls: int = 1
    evidence: dict[str, Any] = field(default_factory=dict)
    row: int | None = None

    @property
    def last(self) -> datetime:
        return self.periods[-1].end

    @property
    def count(self) -> int:
        return self.earlier + len(self.periods)

    def hides(self, period: Period) -> bool:
        """Whether the period falls where this run only counts."""
        return self.earlier > 0 and self.first <= period.end and period.key < self.periods[0].key


def answer_of(reading: Reading) -> Answer:
    return Answer(reading.status, reading.quality, reading.value, reading.detail)


def insert(runs: Sequence[Run], reading: Reading) -> tuple[Recorded, list[Run]]:
    """Put a reading to its place among neighbouring runs (sorted by period); what became of it, and the runs.

    The neighbours needed are two that begin at or before the reading's period and two that begin after it.
    """
    said = answer_of(reading)
    period = Period(reading.period_end, reading.period_start, reading.observed_at)
    hiding = next((run for run in runs if run.hides(period)), None)
    if hiding is not None:
        return (Recorded.REPEATED if hiding.answer == said else Recorded.TOO_LATE), list(runs)
    holder = next((run for run in runs if any(p.key == period.key for p in run.periods)), None)
    fresh = Run(said, (period,), period.end, evidence=reading.evidence)
    if holder is None:
        return _add(runs, fresh)
    known = next(p for p in holder.periods if p.key == period.key)
    if holder.answer == said:
        again = _confirm(holder, known, period.observed, reading.evidence)
        return Recorded.REPEATED, [again if run is holder else run for run in runs]
    was = holder.answer
    if (said.is_known, period.observed, said.weight) < (was.is_known, known.observed, was.weight):
        return Recorded.SUPERSEDED, list(runs)
    rest = [piece for run in runs for piece in (_without(run, known) if run is holder else (run,))]
    return Recorded.REVISED, _joined(_placed(rest, fresh))


def _add(runs: Sequence[Run], fresh: Run) -> tuple[Recorded, list[Run]]:
    period = fresh.periods[0]
    split = [piece for run in runs for piece in _cut(run, period, fresh.answer)]
    joined = _joined(_placed(split, fresh))
    alone = any(run.periods == fresh.periods for run in joined)
    return (Recorded.NEW_RUN if alone else Recorded.EXTENDED), joined


def _confirm(run: Run, known: Period, observed: datetime, evidence: dict[str, Any]) -> Run:
    if observed <= known.observed:
        return run  # the very same poll again, or an older one
    periods = tuple(p._replace(observed=observed) if p is known else p for p in run.periods)
    newest = known is run.periods[-1]
    return replace(run, periods=periods, polls=run.polls + 1, evidence=evidence if newest else run.evidence)


def _cut(run: Run, at: Period, said: Answer) -> tuple[Run, ...]:
    """The run in two where another answer falls into its middle."""
    if run.answer == said or not run.periods[0].key < at.key < run.periods[-1].key:
        return (run,)
    left = tuple(p for p in run.periods if p.key < at.key)
    right = tuple(p for p in run.periods if p.key > at.key)
    return (replace(run, periods=left, polls=max(1, run.polls - len(right))), _tail(run, right))


def _without(run: Run, gone: Period) -> tuple[Run, ...]:
    left = tuple(p for p in run.periods if p.key < gone.key)
    right = tuple(p for p in run.periods if p.key > gone.key)
    if not left and run.earlier:
        # only counted periods remain before it: the newest of them stands for itself
        return (_counted(run), _tail(run, right)) if right else (_counted(run),)
    pieces = []
    if left:
        pieces.append(replace(run, periods=left, first=run.first if run.earlier else left[0].end))
    if right:
        pieces.append(_tail(run, right, row=None if left else run.row))
    return tuple(pieces)


def _counted(run: Run) -> Run:
    mark = Period(run.first, run.first, run.first)
    return replace(run, periods=(mark,), earlier=run.earlier - 1)


def _tail(run: Run, periods: tuple[Period, ...], row: int | None = None) -> Run:
    return Run(run.answer, periods, periods[0].end, 0, len(periods), run.evidence, row)


def _placed(runs: list[Run], fresh: Run) -> list[Run]:
    return sorted([*runs, fresh], key=lambda run: (run.periods[0].key, run.first))


def _joined(runs: list[Run]) -> list[Run]:
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].answer == run.answer:
            joined[-1] = _join(joined[-1], run)
        else:
            joined.append(run)
    return joined


def _join(left: Run, right: Run) -> Run:
    # counted periods in the middle: all before them can only be counted, too
    exact = right.periods if right.earlier else tuple(sorted(left.periods + right.periods))
    kept = exact[-KEPT:]
    newest = left if left.periods[-1].key > right.periods[-1].key else right
    return Run(
        answer=left.answer,
        periods=kept,
        first=min(left.first, right.first),
        earlier=left.count + right.count - len(kept),
        polls=left.polls + right.polls,
        evidence=newest.evidence,
        row=left.row if left.row is not None else right.row,
    )


def expand(run: Run) -> list[Period]:
    """All periods of a run, oldest first; those that are only counted are spread evenly."""
    oldest = run.periods[0].end
    step = (oldest - run.first) / run.earlier if run.earlier else timedelta(0)
    guesses = [run.first + step * n for n in range(run.earlier)]
    return [Period(moment, moment, moment) for moment in guesses] + list(run.periods)


def pack(periods: Sequence[Period]) -> bytes:
    """Periods as bytes: end, start, observed in microseconds since 1970."""
    return b"".join(_PACKED.pack(*((moment - _EPOCH) // _MICROSECOND for moment in p)) for p in periods)


def unpack(packed: bytes) -> tuple[Period, ...]:
    return tuple(Period(*(_EPOCH + n * _MICROSECOND for n in row)) for row in _PACKED.iter_unpack(packed))


def in_order(runs: Sequence[Run]) -> bool:
    """Whether runs stand in order of time and no two neighbours belong together; holds after every insert."""
    return all(a.last <= b.first and a.answer != b.answer for a, b in pairwise(runs))
