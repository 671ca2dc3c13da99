"""The toy world in steps of five minutes: mail comes, is tried as fast as a policy lets it, and is judged.

Many worlds at once, as arrays of worlds × providers: one seed has the same weather whatever stands beside it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.simulation.physics import (
    BAD,
    GOOD,
    HOURS,
    MICROSOFT,
    OPERATOR_LIMIT,
    OTHER,
    PROVIDERS,
    SHARES,
    STEPS_PER_HOUR,
    VOLUME,
    YAHOO,
    Bools,
    Floats,
    Physics,
)
from lab.simulation.providers import Answers, Providers
from lab.simulation.queue import Batch, Queue
from lab.simulation.scenarios import GOOD_DEAD, GOOD_MARKS, Script, generator
from lab.simulation.signals import Hour, Signals

_BUSY: Final = 1.6
"""A busy hour over a mean one, as `scenarios.ordinary` draws it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Recipients an hour that the sender allows itself: worlds × providers, and each IP in all."""

    provider: Floats
    total: Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sender's engine counted in a step, in recipients: worlds × providers.

    As in `core.statistics`: `reputation` and `blocked` are replies about the IP, `unanswered` all other
    deferrals, `rejected` those of the blocked that were final.
    """

    delivered: Floats
    reputation: Floats
    blocked: Floats
    rejected: Floats
    unanswered: Floats
    hard_bounced: Floats
    queued: Floats

    @property
    def attempted(self) -> Floats:
        answered = self.delivered + self.reputation + self.blocked
        return answered + self.unanswered + self.hard_bounced


@dataclass(slots=True)
class Ledger:
    """What became of the mail: worlds × kinds. `waited`: recipients × hours in the queue."""

    arrived: Floats
    delivered: Floats
    lost: Floats
    waited: Floats


def unlimited(worlds: int) -> Rates:
    """The operator's own limits."""
    return Rates(np.full((worlds, len(PROVIDERS)), OPERATOR_LIMIT), np.full(worlds, OPERATOR_LIMIT))


class World:
    """A script under some physics."""

    def __init__(self, script: Script, physics: Physics) -> None:
        worlds = len(script.seeds)
        usual = VOLUME * np.array(SHARES)
        self.script = script
        self.step = 0
        self.providers = Providers(physics, usual, usual * _BUSY)
        self.providers.reset(worlds)
        self.queue = Queue(worlds, len(PROVIDERS))
        self.ledger = Ledger(*(np.zeros((worlds, 2)) for _ in range(4)))
        self.signals = [Signals(physics, script.campaign, generator(s, 1)) for s in script.seeds]
        self._hour = np.zeros((2, worlds, len(PROVIDERS)))
        self._listed = np.zeros(worlds, dtype=np.bool_)

    @property
    def hour(self) -> float:
        """Hours since the start."""
        return self.step * HOURS

    def advance(self, rates: Rates) -> Seen:
        """One step. `rates` hold for all of it."""
        arrivals = self.script.arrivals[:, self.step]
        self.queue.add(arrivals)
        self.ledger.arrived += arrivals.sum(axis=1)
        batch = self.queue.take(self._allowed(rates))
        seen = self._deliver(batch)
        self.ledger.lost += self.queue.age().sum(axis=1)
        self.step += 1
        purged = (self.script.purged_at == self.step).astype(np.float64)
        if purged.any():
            self.ledger.lost += self.queue.purge_bad(purged).sum(axis=1)
        self.ledger.waited += self.queue.waiting().sum(axis=1) * HOURS
        if self.step % STEPS_PER_HOUR == 0:
            self._close_hour()
        return seen

    def limits(self) -> Floats:
        """What the providers would accept now, recipients an hour: for the oracle alone."""
        down = self.script.down[:, min(self.step, self.script.steps - 1)]
        return np.where(self._refusing() | down, 0.0, self.providers.limits())

    def _allowed(self, rates: Rates) -> Floats:
        most = np.minimum(rates.provider * HOURS, self.queue.due())
        whole = most.sum(axis=1)
        room = rates.total * HOURS
        share = np.divide(room, whole, out=np.ones_like(whole), where=whole > room)
        allowed: Floats = most * share[:, None]
        return allowed

    def _refusing(self) -> Bools:
        refusing: Bools = np.zeros((len(self.script.seeds), len(PROVIDERS)), dtype=np.bool_)
        refusing[:, OTHER] = self._listed
        return refusing

    def _deliver(self, batch: Batch) -> Seen:
        tried = batch.amounts
        # for each ordinary recipient a few dead mailboxes are tried, too; they are no mail to deliver
        dead = tried[..., GOOD] * GOOD_DEAD
        attempts = tried.sum(axis=2) + dead
        answers = self.providers.answer(attempts, self._refusing(), self.script.down[:, self.step])
        bounced = self._book(batch, tried, answers)
        refused = attempts * (answers.deferred + answers.blocked)
        self._teach(tried, answers, refused)
        return Seen(
            delivered=(tried.sum(axis=2)) * answers.accepted - bounced,
            reputation=attempts * answers.deferred,
            blocked=attempts * answers.blocked,
            rejected=attempts * answers.gone,
            unanswered=attempts * answers.unreachable,
            hard_bounced=bounced + dead * answers.accepted,
            queued=self.queue.waiting().sum(axis=2),
        )

    def _book(self, batch: Batch, tried: Floats, answers: Answers) -> Floats:
        """Enter what became of a batch. Returns the unwanted mail that met dead mailboxes."""
        campaign = self.script.campaign
        reached = tried * answers.accepted[..., None]
        bounced = reached[..., BAD] * (campaign.dead if campaign else 0.0)
        delivered = reached.copy()
        delivered[..., BAD] -= bounced
        gone = tried * answers.gone[..., None]
        gone[..., BAD] += bounced
        self.queue.put_back(
            batch, np.broadcast_to((1 - answers.accepted - answers.gone)[..., None], tried.shape)
        )
        self.ledger.delivered += delivered.sum(axis=1)
        self.ledger.lost += gone.sum(axis=1)
        self._hour[GOOD] += delivered[..., GOOD]
        self._hour[BAD] += delivered[..., BAD]
        return bounced

    def _teach(self, tried: Floats, answers: Answers, refused: Floats) -> None:
        good = tried[..., GOOD] * answers.accepted
        bad = tried[..., BAD] * answers.accepted
        marks = self.script.campaign.marks if self.script.campaign else 0.0
        listed = np.zeros_like(good)
        listed[:, [MICROSOFT, YAHOO]] = self._listed[:, None]
        self.providers.learn(good + bad, good * GOOD_MARKS + bad * marks, refused, listed)

    def _close_hour(self) -> None:
        hour = self.step // STEPS_PER_HOUR - 1
        for world, signals in enumerate(self.signals):
            sent = Hour(self._hour[GOOD, world], self._hour[BAD, world], self.providers.score[world])
            signals.tell(hour, sent)
            self._listed[world] = signals.lists.css.at(hour + 1.0)
        self._hour[:] = 0.0
