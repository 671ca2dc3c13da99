"""The toy world in steps of five minutes: mail comes, is tried as fast as a policy lets it, and is judged.

Many worlds at once, as arrays of worlds × providers: one seed has the same weather whatever stands beside it.
"""

from dataclasses import dataclass

import numpy as np

from lab.simulation.outside import Outside
from lab.simulation.physics import (
    BAD,
    GOOD,
    HOURS,
    OPERATOR_LIMIT,
    PROVIDERS,
    STEPS_PER_HOUR,
    Floats,
    Physics,
)
from lab.simulation.providers import Answers
from lab.simulation.queue import Batch, Queue
from lab.simulation.scenarios import GOOD_DEAD, Script


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


def empty_ledger(worlds: int) -> Ledger:
    """Nothing has come yet."""
    return Ledger(*(np.zeros((worlds, 2)) for _ in range(4)))


def unlimited(worlds: int) -> Rates:
    """The operator's own limits."""
    return Rates(np.full((worlds, len(PROVIDERS)), OPERATOR_LIMIT), np.full(worlds, OPERATOR_LIMIT))


class World:
    """A script under some physics, from step `first` on: before it nothing was sent that matters."""

    def __init__(self, script: Script, physics: Physics, first: int = 0) -> None:
        worlds = len(script.seeds)
        self.script = script
        self.step = first
        self.outside = Outside(script, physics)
        self.providers = self.outside.providers
        self.signals = self.outside.signals
        self.queue = Queue(worlds, len(PROVIDERS))
        self.ledger = empty_ledger(worlds)

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
            self.outside.close_hour(self.step // STEPS_PER_HOUR - 1)
        return seen

    def limits(self) -> Floats:
        """What the providers would accept now, recipients an hour: for the oracle alone."""
        return self.outside.limits(self.step)

    def _allowed(self, rates: Rates) -> Floats:
        most = np.minimum(rates.provider * HOURS, self.queue.due())
        whole = most.sum(axis=1)
        room = rates.total * HOURS
        share = np.divide(room, whole, out=np.ones_like(whole), where=whole > room)
        allowed: Floats = most * share[:, None]
        return allowed

    def _deliver(self, batch: Batch) -> Seen:
        tried = batch.amounts
        # for each ordinary recipient a few dead mailboxes are tried, too; they are no mail to deliver
        dead = tried[..., GOOD] * GOOD_DEAD
        attempts = tried.sum(axis=2) + dead
        answers = self.outside.answer(attempts, self.step)
        reached = tried * answers.accepted[..., None]
        bounced = reached[..., BAD] * (self.script.campaign.dead if self.script.campaign else 0.0)
        delivered = reached.copy()
        delivered[..., BAD] -= bounced
        self._book(batch, tried, answers, delivered)
        self.outside.take(reached, delivered, attempts * (answers.deferred + answers.blocked))
        return Seen(
            delivered=(tried.sum(axis=2)) * answers.accepted - bounced,
            reputation=attempts * answers.deferred,
            blocked=attempts * answers.blocked,
            rejected=attempts * answers.gone,
            unanswered=attempts * answers.unreachable,
            hard_bounced=bounced + dead * answers.accepted,
            queued=self.queue.waiting().sum(axis=2),
        )

    def _book(self, batch: Batch, tried: Floats, answers: Answers, delivered: Floats) -> None:
        """Enter what became of a batch: delivered, back in the queue, or lost."""
        self.queue.put_back(
            batch, np.broadcast_to((1 - answers.accepted - answers.gone)[..., None], tried.shape)
        )
        self.ledger.delivered += delivered.sum(axis=1)
        missed = tried * answers.accepted[..., None] - delivered
        self.ledger.lost += (tried * answers.gone[..., None] + missed).sum(axis=1)
