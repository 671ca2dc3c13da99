"""The lab in the temper of a toy world: one IP's mail, four providers, the sources that tell of it."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Final

from core.clock import Clock
from lab.manners import Provider
from lab.realtime.books import Books
from lab.realtime.complaints import Complainants, report
from lab.realtime.mail import CAMPAIGN, ORDINARY, VMTA, streams
from lab.realtime.manners import PROVIDERS
from lab.realtime.provider import WorldProvider
from lab.realtime.sources import Sources
from lab.simulation.outside import Outside
from lab.simulation.physics import HOURS, STEPS_PER_HOUR, Physics
from lab.simulation.postmaster import Postmaster
from lab.simulation.scenarios import Script, generator
from lab.simulation.signals import thinned
from lab.traffic import Stream
from lab.world import SCORE_ZONE, Lab, Pool, lab_source

SOURCE: Final = lab_source(7)
LOOP: Final = "complaints@mta.lab.test"
"""Where the providers' feedback loops send their reports."""
_CONNECTIONS: Final = 8


class WorldLab(Lab):
    """The first world of a script behind real servers.

    Step 0 of the script is at `beginning` on the lab's clock, and a recipient stands for `worth` recipients
    of the script. Nothing happens until `begin`; then whoever owns it calls `turn` as time passes.
    """

    def __init__(
        self, script: Script, physics: Physics, clock: Clock, beginning: datetime, worth: float
    ) -> None:
        super().__init__(clock, providers=PROVIDERS, pools=(Pool(VMTA, (SOURCE,)),))
        seed = script.seeds[0]
        self.script = script
        self.outside = Outside(script, physics)
        self.books = Books()
        self._beginning = beginning
        self._worth = worth
        self._postmaster = Postmaster(self.outside, worth, generator(seed, 3))
        self._people = Complainants(script, generator(seed, 4))
        self._thinner = generator(seed, 2)
        self._sources = Sources(
            SOURCE.address,
            self.outside.signals[0],
            script,
            beginning,
            worth,
            self.zones,
            SCORE_ZONE,
            self.snds,
        )
        self._sources.open()
        self._senders = {job: self.traffic(job, _CONNECTIONS) for job in (ORDINARY, CAMPAIGN)}
        self._offered: dict[str, list[Stream]] = {job: [] for job in self._senders}
        self._counted = dict.fromkeys(self._senders, 0)
        self._reporter = self.traffic("complaint", 1)
        self._sending: list[asyncio.Task[None]] = []
        self._away: set[str] = set()

    @property
    def step(self) -> int:
        """The step that goes on."""
        return self._postmaster.step

    def step_now(self) -> int:
        """The step that the clock is in."""
        return int((self.clock.now() - self._beginning) / timedelta(hours=HOURS))

    def moment(self, step: int) -> datetime:
        """When a step begins."""
        return self._beginning + step * timedelta(hours=HOURS)

    def begin(self, step: int) -> None:
        """Mail begins to flow with this step."""
        self._postmaster.step = step
        self._offer()
        for job, sender in self._senders.items():
            self._sending.append(asyncio.create_task(sender.run(self._offered[job])))

    async def turn(self) -> None:
        """End the step that goes on and begin the next. Raises whatever ended a traffic source."""
        for task in self._sending:
            if task.done():
                task.result()
        self._count_arrivals()
        self.books.pass_step()
        self._postmaster.end_step()
        self._sources.publish(self.step)
        self._offer()
        await self._reach_or_not()
        if self.step % STEPS_PER_HOUR == 0:
            await self._complain(self.step // STEPS_PER_HOUR - 1)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._sending:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for sender in (*self._senders.values(), self._reporter):
            await sender.close()
        await super().__aexit__(kind, error, trace)

    def _offer(self) -> None:
        for job, now in streams(self.script, self.step, self._worth).items():
            self._offered[job][:] = now

    def _count_arrivals(self) -> None:
        for job, sender in self._senders.items():
            taken = sender.outcome.acknowledged
            for recipients in islice(taken.values(), self._counted[job], None):
                self.books.arrived(recipients)
            self._counted[job] = len(taken)

    async def _reach_or_not(self) -> None:
        """Take down the providers that are down now, and bring back those that were."""
        down = self.script.down[0, min(self.step, self.script.steps - 1)]
        for ident, is_down in zip(self.providers, down.tolist(), strict=True):
            if is_down and ident not in self._away:
                await self.providers[ident].stop()
                self._away.add(ident)
            elif not is_down and ident in self._away:
                await self.providers[ident].start()
                self._away.discard(ident)

    async def _complain(self, hour: int) -> None:
        """The reports that the feedback loops bring at the end of an hour."""
        came = thinned(self.outside.signals[0].complaints(hour), self._worth, self._thinner)
        reports = [
            report(f"complaint-{hour}-{place}-{n}", PROVIDERS[one.provider], str(SOURCE.address), LOOP, about)
            for place, one in enumerate(came)
            for n, about in enumerate(self._people.pick(one))
        ]
        await self._reporter.offer(reports)
        self._people.forget(hour)

    def _provider(self, who: Provider, port: int) -> WorldProvider:
        made = WorldProvider(
            who,
            clock=self.clock,
            ledger=self.ledger,
            known_as={str(s.bind): str(s.address) for s in self.sources},
            listed_on=self.listed_on,
            port=port,
        )
        made.join(PROVIDERS.index(who), self._postmaster, self.books, self._people)
        return made
