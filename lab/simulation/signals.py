"""What the sender is told about one world, late: complaints, SNDS rows, lists, Sender Score."""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from lab.simulation.listings import Lists
from lab.simulation.physics import MICROSOFT, YAHOO, Floats, Physics, delivered_share
from lab.simulation.scenarios import GOOD_COMPLAINTS, Campaign

LOOPS: Final = (MICROSOFT, YAHOO)
"""Providers with a feedback loop."""
_SCORE_NOISE, _SCORE_TIE = 1.5, 0.7
_BEST = 95.5
_SPAN = 30 * 24


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints that arrive in one hour about mail sent in hour `sent` (hours since the start)."""

    provider: int
    sent: int
    count: int


def thinned(complaints: list[Complaints], worth: float, draws: np.random.Generator) -> list[Complaints]:
    """What is left of them for a sender of whose recipients each stands for `worth` of the world's."""
    if worth == 1.0:
        return complaints
    fewer = [replace(one, count=int(draws.binomial(one.count, 1 / worth))) for one in complaints]
    return [one for one in fewer if one.count]


@dataclass(frozen=True, slots=True)
class SndsDay:
    """One day at microsoft as SNDS will tell it. `spam`: share of messages judged spam."""

    day: int
    messages: int
    spam: float
    complaints: float
    traps: int


@dataclass(frozen=True, slots=True)
class Hour:
    """What an hour of sending came to: providers each. `scores`: reputation at its end."""

    good: Floats
    bad: Floats
    scores: Floats


@dataclass(slots=True)
class Signals:
    """The sources of one world. Told each hour, asked each hour."""

    physics: Physics
    campaign: Campaign | None
    draws: np.random.Generator
    lists: Lists = field(default_factory=Lists)
    _coming: dict[int, list[Complaints]] = field(default_factory=dict)
    _rows: list[tuple[float, SndsDay]] = field(default_factory=list)
    _today: list[float] = field(default_factory=lambda: [0.0] * 4)
    _past: deque[float] = field(default_factory=lambda: deque([96.0] * _SPAN, maxlen=_SPAN))
    _wander: float = 0.0

    def tell(self, hour: int, sent: Hour) -> None:
        """An hour is over: what it did comes to light from now on."""
        self._complain(hour, sent)
        traps = self.campaign.traps if self.campaign else 0.0
        delay = self.draws.uniform(*self.physics.listing_delay)
        self.lists.hit(hour + 1.0, int(self.draws.poisson(traps * float(sent.bad.sum()))), delay)
        self._note_snds(hour, sent, traps)
        weights = sent.good + sent.bad + 1.0
        self._past.append(float((sent.scores * weights).sum() / weights.sum()))

    def complaints(self, hour: int) -> list[Complaints]:
        """What the feedback loops bring at the end of this hour."""
        return self._coming.pop(hour, [])

    def snds(self, hour: float) -> list[SndsDay]:
        """The days that are published by now and were not before."""
        ready = [row for at, row in self._rows if at <= hour]
        self._rows = [(at, row) for at, row in self._rows if at > hour]
        return ready

    def sender_score(self) -> int:
        """Today's score: a mean of thirty days, with the noise of a network of observers."""
        spread = _SCORE_NOISE * (1 - _SCORE_TIE**2) ** 0.5
        self._wander = _SCORE_TIE * self._wander + float(self.draws.normal(0.0, spread))
        return round(min(100.0, max(0.0, sum(self._past) / len(self._past) + self._wander)))

    def _complain(self, hour: int, sent: Hour) -> None:
        share = self.campaign.complaints if self.campaign else 0.0
        for provider in LOOPS:
            mean = GOOD_COMPLAINTS * sent.good[provider] + share * sent.bad[provider]
            delays = self.draws.exponential(self.physics.complaint_time, int(self.draws.poisson(float(mean))))
            for at, count in Counter((hour + delays).astype(int).tolist()).items():
                self._coming.setdefault(at, []).append(Complaints(provider, hour, count))

    def _note_snds(self, hour: int, sent: Hour, traps: float) -> None:
        good, bad = float(sent.good[MICROSOFT]), float(sent.bad[MICROSOFT])
        score = float(sent.scores[MICROSOFT])
        # mail of a worse sender is judged worse: in step with the published table, 1 % at its best band
        spam = bad * 0.9 + good * max(0.01, 1.0 - delivered_share(score) / delivered_share(_BEST))
        manual = good * GOOD_COMPLAINTS + bad * (self.campaign.complaints if self.campaign else 0.0)
        hits = float(self.draws.poisson(traps * bad))
        self._today = [a + b for a, b in zip(self._today, (good + bad, spam, manual, hits), strict=True)]
        if hour % 24 == 23:
            self._publish(hour)

    def _publish(self, hour: int) -> None:
        messages, spam, manual, hits = self._today
        self._today = [0.0] * 4
        at = hour + 1 + self.draws.uniform(*self.physics.snds_delay)
        # below a hundred messages SNDS shows nothing (2.6 of the signals)
        if messages >= 100:
            row = SndsDay(hour // 24, int(messages), spam / messages, manual / messages, int(hits))
            self._rows.append((at, row))
