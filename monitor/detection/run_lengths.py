"""How long a rule runs until it alarms: falsely while all is well, rightly after a change.

The rules are the ones that detection uses; the worlds are in monitor.detection.worlds. Dice come from the
caller, so that the same seed gives the same figures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, exp, log
from random import Random
from statistics import fmean

from core.cusum import Shift, rise
from core.reading import Reading
from monitor.detection import decrease
from monitor.detection.samples import Judge
from monitor.detection.settings import DecreaseRules

_SEEN = 20
"""More samples than any judge looks at: a baseline of 14, and three to judge."""

World = Callable[[], Iterator[Reading | None]]
"""Makes a fresh endless series, a sample or None for each period."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A CUSUM's alarm: the level, and how many events it takes at least."""

    level: float
    least_events: int = 1


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a judge fired in how many periods; it starts afresh after each alarm."""

    alarms: float
    periods: int

    @property
    def upper(self) -> float:
        """Alarms in a period; with none seen, what is sure at 95 %: three in as many (the rule of three)."""
        return max(self.alarms, 3.0 if self.alarms < 1 else 0.0) / self.periods

    @property
    def is_bound(self) -> bool:
        return self.alarms < 1


def false_alarms(world: World, judge: Judge, periods: int) -> Rate:
    """How often the judge fires in a world where all is well, over `periods` in all."""
    alarms = spent = 0
    while spent < periods:
        run = _first(world(), judge, periods - spent)
        spent += run or periods - spent
        alarms += run is not None
    return Rate(alarms, periods)


def delays(world: World, judge: Judge, runs: int, history: int = 0, longest: int = 60) -> list[int | None]:
    """Periods from the change, which comes after `history`, to the alarm: None where none came in `longest`.

    Worlds in which the judge fired before the change are left out.
    """
    found = [_first(world(), judge, history + longest) for _ in range(runs)]
    return [None if n is None else n - history for n in found if n is None or n > history]


def openings(world: World, rules: DecreaseRules, periods: int) -> Rate:
    """How many falls begin in so many periods of one world."""
    fall, previous, count = None, None, 0
    for _, sample in zip(range(periods), world(), strict=False):
        if sample is None:
            continue
        if previous is not None:
            step = decrease.step_of(sample, rules)
            later = decrease.follow(fall, previous, sample, step, rules.settles_after)
            began = later is not None and (fall is None or later.before is not fall.before)
            fall, count = later, count + began
        previous = sample
    return Rate(count, periods)


def trials_to_false_alarm(shift: Shift, alarm: Alarm, dice: Random, cycles: int) -> float:
    """The mean number of trials until a CUSUM alarms although the share is the good one.

    It starts afresh whenever it is back at zero, so the mean run is the mean length of such a cycle over the
    odds that a cycle ends in an alarm. Those are tiny, hence sampled where they are not, at the bad share,
    each alarm weighed with its likelihood ratio e^-S (Siegmund 1976, Annals of Statistics 4:673).
    """
    lengths = fmean(_excursion(shift, alarm, shift.good, dice).trials for _ in range(cycles))
    tilted = (_excursion(shift, alarm, shift.bad, dice) for _ in range(cycles))
    odds = fmean(exp(shift.event - e.level) if e.alarmed else 0.0 for e in tilted)
    return (1 / shift.good + lengths) / odds


def trials_to_alarm(shift: Shift, alarm: Alarm, share: float, dice: Random, runs: int) -> float:
    """The mean number of trials from zero until the CUSUM alarms while the share is `share`."""
    return fmean(_run(shift, alarm, share, dice) for _ in range(runs))


def gaussian_run(level: float, reference: float, dice: Random, runs: int) -> float:
    """The mean run of the textbook's two-sided CUSUM of standard normal values, in control.

    With reference value 1/2 each side is the log-likelihood ratio of a mean that moves by one.
    """
    return fmean(_two_sided(level, reference, dice) for _ in range(runs))


@dataclass(frozen=True, slots=True)
class _Excursion:
    trials: int
    level: float
    alarmed: bool


def _excursion(shift: Shift, alarm: Alarm, share: float, dice: Random) -> _Excursion:
    """From the event that lifts the level from zero until it is back there, or at the alarm."""
    level, trials, events = shift.event, 0, 1
    while level < alarm.level or events < alarm.least_events:
        gap = _gap(share, dice)
        sunk = level + (gap - 1) * shift.silence
        if sunk <= 0:
            return _Excursion(trials + ceil(level / -shift.silence), 0.0, alarmed=False)
        level, trials, events = sunk + shift.event, trials + gap, events + 1
    return _Excursion(trials, level, alarmed=True)


def _run(shift: Shift, alarm: Alarm, share: float, dice: Random) -> int:
    level, trials, events = 0.0, 0, 0
    while level < alarm.level or events < alarm.least_events:
        gap = _gap(share, dice)
        sunk = rise(level, (gap - 1) * shift.silence)
        events = events + 1 if sunk > 0 else 1
        level, trials = sunk + shift.event, trials + gap
    return trials


def _gap(share: float, dice: Random) -> int:
    """Trials up to and with the next event."""
    return int(log(1.0 - dice.random()) / log(1.0 - share)) + 1


def _two_sided(level: float, reference: float, dice: Random) -> int:
    high = low = 0.0
    steps = 0
    while high < level and low < level:
        value = dice.gauss(0.0, 1.0)
        high, low, steps = rise(high, value - reference), rise(low, -value - reference), steps + 1
    return steps


def _first(series: Iterator[Reading | None], judge: Judge, longest: int) -> int | None:
    seen: list[Reading] = []
    for period, sample in zip(range(1, longest + 1), series, strict=False):
        if sample is None:
            continue
        seen = [*seen[-_SEEN:], sample]
        if judge(seen) is not None:
            return period
    return None
