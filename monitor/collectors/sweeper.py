"""Asks the lists of one sweep, in fair turns, and knows when to stop asking one of them."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.address import IpAddress, reversed_labels
from core.reading import Status
from monitor.collectors import fleet_guard
from monitor.collectors.answers import classify
from monitor.collectors.checker import DnsblChecker
from monitor.collectors.etiquette import Etiquette
from monitor.collectors.lanes import Lane, Lanes
from monitor.collectors.patience import Patience
from monitor.collectors.settings import DnsblSettings
from monitor.collectors.sweep import ZoneSweep
from monitor.collectors.zones import AskedZone, CatalogueProvider
from monitor.resolver import Answer, AnswerKind

Place = tuple[int, IpAddress]

_LABELS_KEPT: Final = 8_192


@dataclass(slots=True, eq=False)
class Task:
    """One zone and whom to ask about; `before`: whom it listed already, `vouched`: its news is believed."""

    zone: AskedZone
    ips: Sequence[IpAddress]
    etiquette: Etiquette
    before: frozenset[IpAddress] = frozenset()
    vouched: bool = False
    name: str = field(init=False)
    provider: CatalogueProvider = field(init=False)
    clean: bytearray = field(init=False)
    answers: dict[IpAddress, Answer] = field(default_factory=dict)
    news: int = 0

    def __post_init__(self) -> None:
        self.name = self.zone.name
        self.provider = CatalogueProvider(self.zone)
        self.clean = bytearray(len(self.ips))

    def places(self, patience: Patience) -> Iterator[Place]:
        """Whom to ask about next, for as long as asking has a chance."""
        for numbered in enumerate(self.ips):
            if not patience.is_worth_asking(self.name):
                return
            yield numbered

    def result(self) -> ZoneSweep:
        return ZoneSweep(self.zone, self.ips, self.clean, self.answers)


class Sweeper:
    """Runs the tasks of one sweep through one checker."""

    def __init__(self, checker: DnsblChecker, settings: DnsblSettings, patience: Patience) -> None:
        self._checker = checker
        self._settings = settings
        self._patience = patience
        self._labels: dict[int, str] = {}

    async def run(self, tasks: Sequence[Task]) -> list[ZoneSweep]:
        """Ask everything. Bounded in real time: who does not answer is soon not asked any more."""
        lanes: Lanes[Task, Place] = Lanes(
            [Lane(t, t.places(self._patience), t.etiquette.concurrency) for t in tasks]
        )

        async def work() -> None:
            while (turn := lanes.take()) is not None:
                lane, (place, ip) = turn
                await self._ask(lane.key, place, ip)
                lanes.give_back(lane)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.concurrency):
                group.create_task(work())
        return [task.result() for task in tasks]

    async def _ask(self, task: Task, place: int, ip: IpAddress) -> None:
        answer = await self._checker.ask(self._reversed(ip), task.provider)
        if answer.kind is AnswerKind.NXDOMAIN:
            task.clean[place] = 1
            self._patience.usable(task.name)
        else:
            self._patience.note(task.name, answer.kind)
            self._look_at(task, place, ip, answer)
        if task.etiquette.gap:
            await asyncio.sleep(task.etiquette.gap)

    def _reversed(self, ip: IpAddress) -> str:
        """All lists are asked about an IP at about the same time: its labels are made once for them."""
        # by identity: an address computes its hash anew each time, which costs as much as the labels do
        found = self._labels.get(id(ip))
        if found is None:
            if len(self._labels) >= _LABELS_KEPT:
                self._labels.clear()
            found = self._labels[id(ip)] = reversed_labels(ip)
        return found

    def _look_at(self, task: Task, place: int, ip: IpAddress, answer: Answer) -> None:
        """Anything but "no such name" is looked at at once: it may be a reason to stop asking."""
        verdict = classify(task.zone.entry, answer)
        if verdict.status is Status.GOOD:
            task.clean[place] = 1
            return
        task.answers[ip] = answer
        if verdict.status is Status.UNKNOWN:
            self._patience.useless(task.name)
            return
        self._patience.usable(task.name)
        task.news += ip not in task.before
        limits = self._settings
        if not task.vouched and fleet_guard.is_too_many(
            task.news, len(task.ips), share=limits.fleet_share, minimum=limits.fleet_minimum
        ):
            # it cannot be believed any more, whatever it says about the others
            self._patience.leave(task.name)
