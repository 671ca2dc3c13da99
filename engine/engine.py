"""The engine assembled: spool, queues, scheduler, limits, and the doers around them."""

import asyncio
import contextlib
import gc
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from core.address import IpAddress, SourceIp
from core.clock import NANOSECONDS, Clock
from core.errors import SpoolError
from engine import persistence
from engine.accounting import Accounting
from engine.alarm import Alarm
from engine.audit import Audit
from engine.classification import shipped_catalogue
from engine.correspondence import Correspondence
from engine.delivery.deliverer import Deliverer
from engine.delivery.dialling import Dialler
from engine.delivery.encryption import Encryption
from engine.delivery.reactions import Reactions
from engine.delivery.results import Results
from engine.delivery.routing import Router
from engine.delivery.scheduler import Scheduler
from engine.events import EventKind, EventLog, of_scope
from engine.notices import Notices
from engine.patterns import pattern_lists
from engine.providers import ProviderMap
from engine.queue.book import QueueBook, VirtualMtaChoice
from engine.queue.conduct import Conduct
from engine.queue.item import QueuedRecipient, domain_of
from engine.queue.queue import Lane, Parent, Queue
from engine.reception import Reception
from engine.reload import Reloads
from engine.settings import EngineSettings
from engine.shaping.book import ShapingBook
from engine.shaping.ramps import Ramps
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.spool.base import Spool, StoredMessage
from engine.spool_watch import SpoolWatch
from engine.state import StateStore
from engine.statistics import KEPT, Statistics
from engine.tracing.book import TraceBook

log = logging.getLogger(__name__)

_HOUSEKEEPING_SECONDS = 1.0
_INSIGHT_TURNS = 10
"""Every so many turns the queues with new errors are saved, so that a crash costs their last seconds."""
_LEASE_CHECK = timedelta(minutes=1)
_RECOVERY_SLICE = 500
ANY_SOURCE = SourceIp.model_validate("0.0.0.0")
"""Lets the system pick the source address, for a VirtualMTA without source IPs."""


class Engine:
    """Everything of one engine. `binds` maps a source IP's address to the address its sockets bind to."""

    def __init__(
        self,
        settings: EngineSettings,
        clock: Clock,
        spool: Spool,
        state: StateStore,
        binds: Mapping[IpAddress, IpAddress] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.spool = spool
        self.state = state
        self.started_at = clock.now()
        self.queues = QueueBook(settings)
        self.scheduler = Scheduler()
        self.events = EventLog(clock)
        self.traces = TraceBook(clock)
        self.statistics = Statistics(Alarm(self.events).heard)
        self.audit = Audit(settings.spool / "audit.jsonl", self.events, clock)
        self.accounting = Accounting(settings.accounting_files, clock, settings.accounting_webhooks)
        self.limiters = persistence.load_limiters(state, clock)
        self.leases = persistence.load_leases(state)
        self.leases.free(settings.lease_free)
        self.shaping = ShapingBook(settings.provider_map(), self.leases, self.limiters, settings.warm_up)
        self.notices = Notices(settings.hostname)
        self.conduct = Conduct(clock, self.queue_changed, self.notices.put, self.events.add)
        self.correspondence = Correspondence(
            settings, spool, self.statistics, self.accounting, clock, self._accept
        )
        self.results = self._new_results()
        self.deliverer = self._new_deliverer()
        self.reception = self._new_reception()
        self.sessions: Callable[[], int] = lambda: 0
        self.reloads = Reloads(self)
        self._sources = sources_of(settings, binds or {})
        self._spool_watch = SpoolWatch(settings.spool, lambda: self.settings.spool_low, self.events)
        self._ramps = Ramps()
        self._changed: set[Queue] = set()
        self._lease_poke = asyncio.Event()
        self._halt = asyncio.Event()
        self._chores: list[asyncio.Task[None]] = []

    def _new_results(self) -> Results:
        patterns = pattern_lists(self.settings.smtp_pattern_lists)
        return Results(
            self.scheduler,
            self.spool,
            self.statistics,
            self.accounting,
            shipped_catalogue(),
            Reactions(patterns, self.conduct, self.clock),
            self.conduct,
            self.clock,
            self.correspondence.returns,
        )

    def _new_deliverer(self) -> Deliverer:
        settings = self.settings
        providers = {name: provider.mx for name, provider in settings.provider_map().items()}
        router = Router(
            settings.routes, ProviderMap(providers), settings.resolver, settings.smtp_port, self.clock
        )
        return Deliverer(
            self.scheduler,
            self.results,
            Dialler(router, Encryption(self.clock, settings.tls_trust), settings.hostname),
            self.spool,
            self.clock,
            self.make_lanes,
            self.correspondence.sent,
            self.traces,
        )

    def _new_reception(self) -> Reception:
        return Reception(
            self.settings,
            self.spool,
            self.accounting,
            self.clock,
            VirtualMtaChoice(self.settings),
            self.enqueue,
            self.correspondence,
            lambda domain, vmta: self.queues.queue(domain, vmta).settings,
        )

    # -- life ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the running state back, then the spool's messages; what is back is delivered at once."""
        self.accounting.open()
        since = self.clock.now() - KEPT
        persistence.load_statistics(self.state, self.statistics, since)
        persistence.load_queues(self.state, self.queues, self.settings.virtual_mtas, self.clock)
        self._kick(list(self.queues))
        self._chores = [asyncio.create_task(self._housekeep()), asyncio.create_task(self._mind_leases())]
        await self._recover()

    async def stop(self, grace: float = 10.0) -> None:
        """Drain: nothing new opens, what is in flight has `grace` real seconds, state is saved."""
        self._halt.set()
        self._lease_poke.set()
        await self.deliverer.drain(grace)
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self.correspondence.close()
        await self.spool.close()
        persistence.save_queues(self.state, self.queues)
        persistence.save_statistics(self.state, self.statistics, self.clock.now() - KEPT)
        persistence.save_limiters(self.state, self.limiters, self.clock)
        await self.accounting.close()
        self.state.close()

    # -- what the parts call ---------------------------------------------------------------------------

    def enqueue(self, domain: str, vmta: str, recipients: list[QueuedRecipient]) -> None:
        """New mail for one domain through one VirtualMTA."""
        queue = self.queues.reroute(self.queues.queue(domain, vmta))
        queue.size += sum(r.message.size for r in recipients)
        if queue.settings.retry_upon_new_mail:
            for lane in queue.lanes:
                lane.retry_at = 0
        self.scheduler.add(queue, recipients, self.clock.monotonic_ns())
        self.deliverer.pump_soon()

    def make_lanes(self, queue: Queue, provider: str) -> list[Lane]:
        """One lane for each source IP of the queue's VirtualMTA."""
        now, wall = self.clock.monotonic_ns(), self.clock.now()
        parents = [self.shaping.parent(s, provider, now, wall) for s in self._sources[queue.vmta]]
        return [self.shaping.lane(queue, parent, now) for parent in parents]

    def queue_changed(self, queue: Queue) -> None:
        """A queue's mode or sources have changed: its limits may, its mail may move, and it is saved."""
        now = self.clock.monotonic_ns()
        log.info("Queue mode changed", extra={"event": "queue.mode", "queue": queue.name, "mode": queue.mode})
        self.shaping.reshape_queue(queue, now)
        target = self.queues.reroute(queue)
        if target is not queue:
            self._move(queue, target)
        self.touch(queue)

    def _move(self, queue: Queue, target: Queue) -> None:
        """Backoff-reroute: what waits in one queue goes on in another."""
        moving = [*queue.ready, *(entry[2] for entry in queue.waiting)]
        queue.ready.clear()
        queue.waiting.clear()
        size = sum(r.message.size for r in moving)
        queue.size, target.size = queue.size - size, target.size + size
        self.scheduler.add(target, moving, self.clock.monotonic_ns())

    def touch(self, queue: Queue) -> None:
        """A queue's state must be saved and its work looked at again."""
        self._changed.add(queue)
        self.scheduler.kick(queue, self.clock.monotonic_ns())
        self.deliverer.pump_soon()

    def reshape(self, parents: list[Parent]) -> None:
        """Leases have changed: give the parents their limits at once."""
        now, wall = self.clock.monotonic_ns(), self.clock.now()
        for parent in parents:
            self.shaping.reshape_parent(parent, now, wall)
            self.scheduler.reshaped(parent, now)
        self._lease_poke.set()
        self.deliverer.pump_soon()

    def sources(self) -> list[SourceIp]:
        """Every configured source IP, each once."""
        seen = {s.address: s for sources in self._sources.values() for s in sources if s is not ANY_SOURCE}
        return list(seen.values())

    def take_sources(self, sources: dict[str, list[SourceIp]]) -> set[str]:
        """Other source IPs from now on; the VirtualMTAs that have changed."""
        before, self._sources = self._sources, sources
        self.shaping.rebind(source for listed in sources.values() for source in listed)
        return {name for name, listed in sources.items() if before.get(name) != listed}

    async def _accept(self, message: ReceivedMessage) -> Reply:
        return await self.reception.accept(message)

    # -- chores ----------------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Queue what the spool holds, slice by slice; each is delivered while the next is read."""
        count, touched, stored = 0, set[Queue](), self.spool.recover()
        while part := list(itertools.islice(stored, _RECOVERY_SLICE)):
            now, wall = self.clock.monotonic_ns(), self.clock.now()
            for message in part:
                self._requeue(message, now, wall, touched)
            self._kick(touched)
            touched.clear()
            count += len(part)
            # none of it is garbage: the collector need not look through a million messages again and again
            gc.freeze()
            await asyncio.sleep(0)
        if count:
            log.info("Messages taken back from the spool", extra={"event": "spool.recovered", "count": count})

    def _requeue(self, stored: StoredMessage, now: int, wall: datetime, touched: set[Queue]) -> None:
        """Let a message wait where it waited."""
        for recipient, due in self.reception.restore(stored):
            message = recipient.message
            vmta = message.vmta
            if vmta not in self.settings.virtual_mtas:
                vmta = self.settings.default_virtual_mta
            queue = self.queues.reroute(self.queues.queue(domain_of(recipient.address), vmta))
            queue.size += message.size
            if due is not None and due > wall:
                queue.postpone(recipient, now + int((due - wall).total_seconds() * NANOSECONDS))
            else:
                queue.ready.append(recipient)
            touched.add(queue)

    def _kick(self, queues: Iterable[Queue]) -> None:
        now = self.clock.monotonic_ns()
        for queue in queues:
            self.scheduler.kick(queue, now)
        self.deliverer.pump()

    async def _housekeep(self) -> None:
        """Write accounting and changed queues out, once a real second; never cut short: records would go."""
        for turn in itertools.count(1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HOUSEKEEPING_SECONDS):
                    await self._halt.wait()
            if self._halt.is_set():
                return
            try:
                await self._keep_house(turn)
            except (SpoolError, OSError):  # a full disk must not end the chore: it is tried again
                log.exception("State could not be written", extra={"event": "engine.housekeeping_failed"})

    async def _keep_house(self, turn: int) -> None:
        await self.accounting.flush()
        await self.correspondence.flush(self.clock.now())
        self._spool_watch.look()
        await self._send_notices()
        if turn % _INSIGHT_TURNS == 0:
            self._changed.update(q for q in self.queues if q.insight.errors is not q.saved_errors)
        if self._changed:
            changed, self._changed = self._changed, set()
            await asyncio.to_thread(persistence.save_queues, self.state, changed)

    async def _send_notices(self) -> None:
        """Mail what backoff-notify and disabled-source-ip-notify ask for, through the engine itself."""
        for message in self.notices.take(self.clock.now()):
            with contextlib.suppress(SpoolError):
                await self.reception.accept(message)

    async def _mind_leases(self) -> None:
        """Apply each expiry and ramp step when it comes."""
        while not self._halt.is_set():
            now = self.clock.now()
            change = self.leases.next_change(now) or now + _LEASE_CHECK
            wait = max(0.0, min(change - now, _LEASE_CHECK).total_seconds())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lease_poke.wait(), max(0.01, self.clock.real_seconds(wait)))
            self._lapse()
            self._lease_poke.clear()

    def _lapse(self) -> None:
        for lease in self.leases.sweep(self.clock.now()):
            persistence.save_lease(self.state, self.leases, lease.key)
            self.events.add(EventKind.LEASE_ENDED, lease=lease.key, **of_scope(lease.scope))
            log.info("Lease ended", extra={"event": "lease.ended", "lease": lease.key})
        for lease in self._ramps.begun(self.leases.all(), self.clock.now()):
            self.events.add(EventKind.LEASE_RAMPING, lease=lease.key, **of_scope(lease.scope))
        self.reshape(self.shaping.parents())


def sources_of(settings: EngineSettings, binds: Mapping[IpAddress, IpAddress]) -> dict[str, list[SourceIp]]:
    """The source IPs of each VirtualMTA with the addresses to bind to."""
    found = {}
    for name, vmta in settings.virtual_mtas.items():
        known = [
            s if s.bind != s.address else SourceIp(address=s.address, bind=binds.get(s.address, s.bind))
            for s in vmta.source_ips
        ]
        found[name] = known or [ANY_SOURCE]
    return found
