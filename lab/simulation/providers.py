"""Mailbox providers as they judge one IP: reputation, limits that shrink with it, pressure, blocks.

All values are arrays of worlds × providers. A decider: what it is told in, what it answers out.
"""

from dataclasses import dataclass

import numpy as np

from lab.simulation.physics import HOURS, Bools, Floats, Physics, acceptance, score_of

_START = 96.0
"""The score of an established sender, in the best band of the table."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Shares of the attempts of one step.

    `deferred` is for reputation or volume, `unreachable` not answered at all. `gone` is the share that got a
    final no for the IP's sake, and a part of `blocked`.
    """

    accepted: Floats
    deferred: Floats
    blocked: Floats
    unreachable: Floats
    gone: Floats


class Providers:
    """What every provider holds for and against the IP of every world."""

    def __init__(self, physics: Physics, usual: Floats, busy: Floats) -> None:
        """`usual` and `busy`: recipients in a mean and in a busy hour, providers each."""
        self._physics = physics
        self._usual = usual[None, :]
        self._busy = busy[None, :]
        self.score = np.empty((0, 0))
        self.blocked_for = np.empty((0, 0))
        self._recent = np.empty((0, 0))
        self._busiest = np.empty((0, 0))

    def reset(self, worlds: int) -> None:
        """A well-known sender in good standing, in each world."""
        shape = (worlds, self._usual.shape[1])
        self.score = np.full(shape, _START)
        self.blocked_for = np.zeros(shape)
        self._recent = np.broadcast_to(self._usual, shape).copy()
        self._busiest = np.broadcast_to(self._busy, shape).copy()

    def limits(self) -> Floats:
        """Recipients an hour that are accepted at most."""
        limit = np.minimum(self._allowance(), self._unsurprising())
        return np.where(self.blocked_for > 0, 0.0, limit)

    def is_about_volume(self) -> Bools:
        """Whether what is deferred now is so for unusual volume, and not for the score."""
        return self._unsurprising() < self._allowance()

    def answer(self, attempts: Floats, refusing: Bools, down: Bools) -> Answers:
        """`attempts` in recipients of this step; `refusing`: because of a list; `down`: nobody answers."""
        blocking = ((self.blocked_for > 0) | refusing) & ~down
        room = self.limits() * HOURS
        fits = np.divide(room, attempts, out=np.ones_like(attempts), where=attempts > room)
        accepted = np.where(blocking | down, 0.0, fits)
        deferred = np.where(blocking | down, 0.0, 1.0 - fits)
        blocked = blocking.astype(np.float64)
        return Answers(
            accepted, deferred, blocked, down.astype(np.float64), blocked * self._physics.permanent
        )

    def learn(self, accepted: Floats, marked: Floats, refused: Floats, listed: Floats) -> None:
        """What a step teaches, in recipients.

        `accepted`, `marked`: delivered, and those of them that people or filters call spam. `refused`:
        attempts turned away. `listed`: 1 where a list that the provider weighs names the IP.
        """
        laws = self._physics
        flow = accepted / HOURS
        share = np.divide(marked, accepted, out=np.zeros_like(accepted), where=accepted > 0)
        press = np.minimum(1.0, refused / HOURS / self._usual)
        goal = np.maximum(0.0, score_of(share) - laws.listed_penalty * listed - laws.pressure * press)
        time = np.where(goal < self.score, laws.fall_time, laws.mend_time)
        certainty = flow / (flow + laws.evidence)
        self.score += (goal - self.score) * (1 - np.exp(-HOURS / time)) * certainty
        self._block(goal, press)
        self._remember(flow)

    def _allowance(self) -> Floats:
        laws = self._physics
        allowance = laws.allowance if laws.tight is None else laws.tight * self._busy
        return allowance * np.maximum(laws.trickle, acceptance(self.score))

    def _unsurprising(self) -> Floats:
        laws = self._physics
        if laws.surprise is None:
            return np.full_like(self._busiest, np.inf)
        return laws.surprise * self._busiest

    def _block(self, goal: Floats, press: Floats) -> None:
        laws = self._physics
        is_bad = (self.score < laws.block_below) & (goal < laws.block_below)
        runs = self.blocked_for > 0
        left = np.maximum(0.0, self.blocked_for - HOURS * (1 - laws.renewal * press))
        self.blocked_for = np.where(runs, left, np.where(is_bad, laws.block_time, 0.0))

    def _remember(self, flow: Floats) -> None:
        self._recent += (flow - self._recent) * (1 - np.exp(-HOURS))
        fade = (self._busiest - self._recent) * (1 - np.exp(-HOURS / self._physics.memory))
        self._busiest = np.maximum(self._recent, self._busiest - np.maximum(0.0, fade))
