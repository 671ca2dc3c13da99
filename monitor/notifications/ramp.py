"""How a rate rises again, step by step, as far ahead as nothing goes wrong. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.rate import Rate

_MOST: Final = 200
_WHOLE: Final = 1 - 1e-9
_SHOWN_SHARES: Final = (0.25, 0.5, 0.75, 1.0)
_FIRST: Final = 3


@dataclass(frozen=True, slots=True)
class Ramp:
    """The controller's way back (`controller.recovery`): what the timetable is reckoned by.

    The first step comes `cool_down` (or `step`, if that is longer) after the last trouble; each cut that came
    after a step up multiplied that by `relapse_factor`, up to `longest_cool_down`. A step multiplies by
    `factor` while that stays within `threshold`, a share of the base; above, it adds `increment` of it, or
    multiplies by `slow_factor` where that is less.
    """

    cool_down: timedelta = timedelta(hours=2)
    relapse_factor: float = 2.0
    longest_cool_down: timedelta = timedelta(hours=24)
    step: timedelta = timedelta(hours=2)
    factor: float = 1.5
    threshold: float = 0.7
    increment: float = 0.04
    slow_factor: float = 1.1

    def first(self, relapses: int = 0) -> timedelta:
        """The wait before the first step, after so many cuts that each came after a step up."""
        most = max(self.longest_cool_down, self.cool_down)
        # in seconds, for no span may overflow; the cap binds long before
        patience = self.cool_down.total_seconds() * self.relapse_factor ** min(relapses, 30)
        return max(self.step, timedelta(seconds=min(most.total_seconds(), patience)))


STANDARD: Final = Ramp()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a timetable."""

    at: datetime
    rate: Rate


def climb(start: Rate, base: Rate, ramp: Ramp, threshold: float | None = None) -> list[Rate]:
    """Every step from a limit to what flowed before. `threshold`, as the controller remembers it, a share.

    Empty where there is no base to climb to.
    """
    if base.is_unlimited or start.is_unlimited:
        return []
    bound = ramp.threshold if threshold is None else threshold
    level, steps = start.per_hour / base.per_hour, list[Rate]()
    while level < _WHOLE and len(steps) < _MOST:
        quick = level * ramp.factor
        slow = min(level + ramp.increment, level * ramp.slow_factor)
        level = quick if quick <= bound else slow
        # neither the base nor a round number may fall short by a rounding error
        steps.append(base if level >= _WHOLE else Rate.from_per_hour(level * base.per_hour + 1e-6))
    return steps


def timetable(
    start: Rate, base: Rate, now: datetime, ramp: Ramp, threshold: float | None = None, relapses: int = 0
) -> list[Step]:
    """The steps worth a line: the first three, then those that pass a quarter, a half, three, all."""
    steps = climb(start, base, ramp, threshold)
    shown = set(range(_FIRST))
    for share in _SHOWN_SHARES:
        shown.add(next((n for n, rate in enumerate(steps) if rate.per_hour >= share * base.per_hour), 0))
    begin = now + ramp.first(relapses)
    return [Step(begin + ramp.step * n, rate) for n, rate in enumerate(steps) if n in shown]
