"""`tidegate watch`: the monitor and the controller as one program; what runs when, and nothing else.

The deciding is done by their own packages. Database work runs one at a time beside the event loop, so that a
long sweep of a large fleet never delays the mail about it.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from controller.drivers import tidegate as driver
from controller.lookout import Lookout
from controller.reconciler import Reconciler, TickReport
from core.address import IpAddress
from core.clock import Clock, SystemClock
from core.reading import Reading
from monitor.alerts.inbox import Inbox
from monitor.collectors.collected import Collected
from monitor.collectors.dnsbl import DnsblCollector
from monitor.collectors.etiquette import Tempo
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.snds import SndsCollector
from monitor.notifications import plan_mail
from monitor.replies.hours import ReplyHistory
from monitor.watcher import LookAgain, Watcher, WatchResult
from storage import database, readings, snds
from tidegate import digests, housekeeping, messengers, plans, process, reply_rounds
from tidegate.alert_desk import AlertDesk
from tidegate.config.load import Loaded
from tidegate.config.model import Config
from tidegate.config.yaml_reader import Path
from tidegate.jobs import Jobs, Work
from tidegate.patrols import Patrols
from tidegate.shared_round import SharedRound

if TYPE_CHECKING:
    from tidegate.web.server import WebServer

log = logging.getLogger(__name__)

FIRST = timedelta(seconds=2)
STAGGER = timedelta(seconds=3)
TICK = timedelta(seconds=5)
"""How often time alone is looked at: waits of notifications that are over, silence of sources, the outbox."""

Collector = DnsblCollector | SenderScoreCollector | SndsCollector
Result = TypeVar("Result")


def main(loaded: Loaded) -> int:
    """Run the monitor and the controller until a signal. Returns the exit code."""
    clock = process.clock_of(loaded)
    return process.run(
        "watch",
        loaded,
        lambda stop: Watch(loaded.config, clock, loaded.places).run(stop),
        process.fast_loop(),
    )


@dataclass(slots=True)
class Watch:
    """Everything that runs in the watch process. `places`: in which line of the file a setting stands."""

    config: Config
    clock: Clock
    places: Mapping[Path, str] = field(default_factory=dict)
    _desk: asyncio.Lock = field(default_factory=asyncio.Lock)
    _complaint: str = ""
    _engine: Engine = field(init=False)
    _jobs: Jobs = field(init=False)
    _watcher: Watcher = field(init=False)
    _reconciler: Reconciler = field(init=False)
    _replies: ReplyHistory = field(init=False)
    _control: SharedRound = field(init=False)
    _following: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Open the database, start the jobs, wait, and take everything down in order.

        Raises OperatorError when the database or a list's settings cannot be used.
        """
        self._open()
        collectors = self._collectors()
        link = driver.connect(self.config.controller.engine)
        door = self._door()
        try:
            self._reconciler = Reconciler(
                self._engine, link, self.config.controller, self.config.protected_ips
            )
            self._plan_jobs(collectors)
            self._jobs.start()
            if door is not None:
                door.start()
                log.info("The web monitor is at %s", door.address, extra={"event": "watch.listens"})
            lookout = Lookout(link, self.look_at_once, self.config.controller.look_again)
            self._following = asyncio.create_task(lookout.run(SystemClock()))
            log.info(
                "Watching %d IPs; the controller is in mode %s",
                len(self.config.source_ips),
                self.config.controller.mode,
                extra={"event": "watch.started", "collectors": [one.name for one in collectors]},
            )
            await stop.wait()
        finally:
            if door is not None:
                await door.stop()
            await self._stop_following()
            await self._jobs.stop()
            await self._control.finish()
            async with self._desk:  # what is being written is finished first
                for collector in collectors:
                    await collector.aclose()
                await link.close()
                self._engine.dispose()

    def _open(self) -> None:
        """The records, and who works on them."""
        self._engine = database.open_database(self.config.database)
        database.upgrade(self._engine)
        self._watcher = Watcher(
            self._engine,
            self.clock,
            self.config.monitor,
            messengers.background(self.config),
            len(self.config.source_ips),
        )
        self._jobs = Jobs(self.clock)
        self._control = SharedRound(self._control_round)
        self._replies = ReplyHistory(self.config.monitor.replies)
        with database.reading(self._engine) as session:
            self._replies.remember(readings.latest(session))

    def _door(self) -> "WebServer | None":
        """The web monitor, and where other monitors post their alerts, if anybody may."""
        if not self.config.web.is_on:
            return None
        from tidegate.web.app import application  # noqa: PLC0415 - half a second that some do without
        from tidegate.web.engine_desk import desk_of  # noqa: PLC0415
        from tidegate.web.pages import digest  # noqa: PLC0415
        from tidegate.web.server import WebServer  # noqa: PLC0415
        from tidegate.web.site import Site  # noqa: PLC0415

        inbox = Inbox(
            self._engine,
            self.clock,
            self._watcher,
            self.config.monitor.alerts,
            self.config.source_ips,
            self.config.engine.provider_map(),
        )
        desk = AlertDesk(inbox, self._engine, self._at_desk, self._act_soon)
        site = Site(
            self.config,
            self.clock,
            self._engine,
            desk_of(self.config.controller.engine),
            self._at_desk,
            self._act_soon,
            self.places,
        )
        adding_up = functools.partial(digest.add_up, site)
        self._jobs.every("add up the week", timedelta(hours=1), adding_up, first=FIRST)
        return WebServer(
            application(self.config.web, self.clock, desk, site), self.config.web.listen, site.close
        )

    def _act_soon(self) -> None:
        self._jobs.once("act on an alert or an order", timedelta(0), self._control)

    async def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def _collectors(self) -> list[Collector]:
        monitor = self.config.monitor
        found: list[Collector] = []
        if monitor.dnsbl.enabled:
            found.append(DnsblCollector(monitor.dnsbl, monitor.resolver))
        if monitor.sender_score.enabled:
            found.append(SenderScoreCollector(monitor.sender_score, monitor.resolver))
        if monitor.snds.enabled:
            found.append(SndsCollector(monitor.snds, self._read_through))
        return found

    def _read_through(self, account: str) -> date | None:
        with database.reading(self._engine) as session:
            return snds.read_through(session, account)

    def _plan_jobs(self, collectors: Sequence[Collector]) -> None:
        intervals = {
            "sender-score": self.config.monitor.sender_score.interval,
            "snds": self.config.monitor.snds.interval,
        }
        for place, collector in enumerate(collectors):
            self._jobs.every(
                f"collect:{collector.name}",
                collector.cadence if isinstance(collector, DnsblCollector) else intervals[collector.name],
                self._round_of(collector),
                first=FIRST + STAGGER * place,
            )
        self._jobs.every("tick", TICK, self._tick, first=TICK)
        messengers.plan(self._jobs, self._engine, self.clock, self.config, TICK)
        self._jobs.every(
            "controller",
            self.config.controller.interval,
            self._control,
            first=FIRST + STAGGER * len(collectors),
        )
        digests.plan(self._jobs, self._engine, self.clock, self.config.monitor, self._at_desk)
        kept = self.config.monitor.retention
        housekeeping.plan(self._jobs, self._engine, self.clock, kept, self._at_desk)

    def _round_of(self, collector: Collector) -> Work:
        fleet = [source.address for source in self.config.source_ips]
        if isinstance(collector, DnsblCollector):
            return self._patrols(collector, fleet).one_round

        async def one_round() -> None:
            collected = await collector.collect(fleet, self.clock.now())
            await self._take_in(collector, collected)

        return one_round

    def _patrols(self, lists: DnsblCollector, fleet: Sequence[IpAddress]) -> Patrols:
        async def take_in(collected: Collected) -> None:
            await self._take_in(lists, collected)

        busy_from = self.config.monitor.dnsbl.busy_from
        patrols = Patrols(lists, self._engine, self.clock, fleet, busy_from, self._at_desk, take_in)
        patrols.begin()
        self._jobs.every("approvals", TICK, patrols.heed, first=TICK)
        if Tempo.PACED in lists.tempos:
            self._jobs.every(
                "collect:paced", lists.cadence, lambda: patrols.one_round(Tempo.PACED), first=TICK
            )
        return patrols

    async def _take_in(self, collector: Collector, collected: Collected) -> None:
        """Detect; what changes is acted on at once, so that the first mail tells what was done about it."""
        result = await self._at_desk(lambda: self._watcher.take(collected))
        self._look_again(collector, result)
        if result.changes:
            await self._control()

    def _look_again(self, collector: Collector, result: WatchResult) -> None:
        """Ask a list once more about an IP that it may list; only lists have second looks."""
        if not isinstance(collector, DnsblCollector):
            return
        for wanted in result.look_again:
            delay = max(wanted.at - self.clock.now(), timedelta(0))
            self._jobs.once(
                f"second look:{wanted.metric}:{wanted.ip}", delay, self._second_look(collector, wanted)
            )

    def _second_look(self, collector: DnsblCollector, wanted: LookAgain) -> Work:
        async def look() -> None:
            reading: Reading = await collector.look_again(wanted.ip, wanted.metric, self.clock.now())
            await self._take_in(collector, Collected(collector.name, [reading]))

        return look

    async def _tick(self) -> None:
        await self._at_desk(self._watcher.tick)

    async def look_at_once(self) -> None:
        """What the engine has just been replied does not wait for the next tick."""
        try:
            await self._control()
        except Exception:
            log.exception("A look at the engine failed", extra={"event": "controller.look-failed"})

    async def _control_round(self) -> None:
        report = await self._reconciler.tick(self.clock.now())
        heard = await self._heard(report)
        self._note(report)
        for each in heard:
            await self._at_desk(functools.partial(self._watcher.take, each))
        if report.planned:
            report = await self._reconciler.tick(self.clock.now(), self.clock)
        self._note(report)
        if report.planned or report.asked:
            await self._at_desk(lambda: self._mail_plan(report))

    async def _heard(self, report: TickReport) -> list[Collected]:
        """What the engine was replied is history like the word of any other source."""
        if not self.config.monitor.replies.enabled:
            return []
        return await asyncio.to_thread(reply_rounds.rounds, report, self._replies)

    def _note(self, report: TickReport) -> None:
        """Say what keeps the controller from acting when that changes, not at every tick."""
        if report.failure and report.failure != self._complaint:
            log.warning(
                "The controller cannot act: %s", report.failure, extra={"event": "controller.cannot-act"}
            )
        if self._complaint and not report.failure:
            log.info("The controller can act again", extra={"event": "controller.acts-again"})
        self._complaint = report.failure

    def _mail_plan(self, report: TickReport) -> None:
        with database.session(self._engine) as session:
            told = self.config.monitor.notifications
            plan_mail.put_plan(session, plans.of(report.planned), report.at, told)
            asked = plans.questions(report.asked)
            plan_mail.put_plan(session, asked, report.at, told, plan_mail.QUESTION)

    async def _at_desk(self, work: Callable[[], Result]) -> Result:
        async with self._desk:
            return await asyncio.to_thread(work)
