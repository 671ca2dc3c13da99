"""Pretend series to measure rules on: the assumptions of control.md 1.3, seeded by the caller's dice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from random import Random
from typing import Final

from core.reading import Reading, Source, Status

_IP: Final = ip_address("192.0.2.1")
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_COLOURS: Final = (Status.GOOD, Status.WARN, Status.BAD)

Days = tuple[float, float, float]
"""How likely a day of SNDS is GREEN, YELLOW, RED."""

GOOD_DAYS: Final[Days] = (0.985, 0.013, 0.002)
WARN_DAYS: Final[Days] = (0.25, 0.60, 0.15)
BAD_DAYS: Final[Days] = (0.05, 0.25, 0.70)
MISSING: Final = 0.10
"""SNDS shows nothing for a tenth of the days."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A healthy Sender Score: a mean, an AR(1) wobble, and now and then one odd day that is lower."""

    mean: float = 95.0
    deviation: float = 1.5
    memory: float = 0.7
    glitches: float = 0.005
    glitch: tuple[float, float] = (5.0, 30.0)


@dataclass(frozen=True, slots=True)
class Ramp:
    """From the first day on the score falls by `points` in `days`, and stays there."""

    points: float = 0.0
    days: int = 1

    def at(self, day: int) -> float:
        return self.points * min(1.0, day / self.days)


def snds(days: Days, dice: Random) -> Callable[[], Iterator[Reading | None]]:
    """Days of SNDS filter results."""

    def world() -> Iterator[Reading | None]:
        day = 0
        while True:
            colour = dice.choices(_COLOURS, days)[0]
            yield None if dice.random() < MISSING else _reading(Source.SNDS_DATA, day, colour)
            day += 1

    return world


def scores(
    dice: Random, ramp: Ramp | None = None, model: Scores | None = None
) -> Callable[[], Iterator[Reading | None]]:
    """Daily scores; before a ramp there have been `HISTORY` healthy ones."""
    healthy, fall = model or Scores(), ramp or Ramp()

    def world() -> Iterator[Reading | None]:
        wobble, day = 0.0, 0
        fresh = healthy.deviation * (1 - healthy.memory**2) ** 0.5
        while True:
            wobble = healthy.memory * wobble + dice.gauss(0.0, fresh)
            odd = dice.uniform(*healthy.glitch) if dice.random() < healthy.glitches else 0.0
            down = fall.at(day - HISTORY + 1) if day >= HISTORY else 0.0
            value = max(0, min(100, round(healthy.mean + wobble - odd - down)))
            yield _reading(Source.SENDER_SCORE, day, _status(value), float(value))
            day += 1

    return world


HISTORY: Final = 20
"""Healthy days before a ramp."""


def _status(score: int) -> Status:
    return Status.GOOD if score >= 80 else Status.WARN if score >= 70 else Status.BAD


def _reading(source: Source, day: int, status: Status, value: float | None = None) -> Reading:
    begin = _EPOCH + day * _DAY
    return Reading.model_construct(
        ip=_IP, source=source, metric="", period_start=begin, period_end=begin + _DAY,
        observed_at=begin + _DAY, status=status, value=value, detail="",
    )  # fmt: skip
