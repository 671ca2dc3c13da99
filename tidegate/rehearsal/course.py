"""The hours of a rehearsal: the world turns, the rates are noted, at nine a person comes."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import numpy as np

from core.clock import Clock
from core.lease import Lease
from core.provider import EVERY
from engine.shaping.leases import standing
from lab.realtime.mail import CAMPAIGN
from lab.realtime.world import WorldLab
from lab.simulation.physics import BAD, GOOD, OPERATOR_LIMIT, PROVIDERS, STEPS_PER_HOUR
from lab.simulation.world import Rates
from tidegate.client import EngineClient
from tidegate.evaluate.score import Moves
from tidegate.rehearsal.plan import Plan

Tell = Callable[[str], None]
Alive = Callable[[], None]
"""Raises PeerError once Tidegate has ended."""

_PURGING: Final = 3
"""Steps in which the person deletes: what was just being sent comes back to its queue."""
_TOLD_EVERY: Final = 6 * STEPS_PER_HOUR


class Course:
    """Follows one rehearsal from its first step to its last."""

    def __init__(self, plan: Plan, lab: WorldLab, clock: Clock, client: EngineClient, tell: Tell) -> None:
        self._plan = plan
        self._lab = lab
        self._clock = clock
        self._client = client
        self._tell = tell

    async def follow(self, first: int, alive: Alive) -> Moves:
        """Let it happen. Returns how the rates moved. Raises PeerError when Tidegate ends."""
        lab, moves = self._lab, Moves(self._lab.script)
        await self._until(first)
        lab.begin(first)
        while lab.step < first + self._plan.steps:
            moves.follow(await self._rates(), lab.step)
            if lab.step % _TOLD_EVERY == 0:
                self._tell(self._progress())
            await self._until(lab.step + 1)
            await lab.turn()
            await self._purge()
            alive()
        return moves

    async def _until(self, step: int) -> None:
        left = self._lab.moment(step) - self._clock.now()
        await self._clock.sleep(max(0.0, left.total_seconds()))

    async def _rates(self) -> Rates:
        held = await asyncio.to_thread(self._client.held_leases)
        return rates_of(held, self._clock.now(), self._plan.worth)

    async def _purge(self) -> None:
        """The person who looks at nine deletes the unwanted mail."""
        since = self._lab.step - int(self._lab.script.purged_at[0])
        if not 0 <= since < _PURGING:
            return
        await asyncio.to_thread(self._client.delete_messages, "a person deletes the campaign", job=CAMPAIGN)
        self._lab.books.purged()

    def _progress(self) -> str:
        books = self._lab.books.ledger
        counts = [
            f"{name} {books.delivered[0, kind]:.0f} of {books.arrived[0, kind]:.0f}"
            for name, kind in (("wanted", GOOD), ("unwanted", BAD))
        ]
        return f"{self._clock.now():%a %H:%M}  delivered: {', '.join(counts)}"


def rates_of(held: Iterable[Lease], now: datetime, worth: float) -> Rates:
    """What leases on the one source IP allow, in recipients of the world an hour."""
    standings = {lease.scope.provider: standing(lease, now).rate.per_hour * worth for lease in held}
    each = [[standings.get(name, OPERATOR_LIMIT) for name in PROVIDERS]]
    return Rates(np.array(each), np.array([standings.get(EVERY, OPERATOR_LIMIT)]))
