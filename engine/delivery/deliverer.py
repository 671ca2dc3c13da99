"""Carries out the scheduler's commands on real sockets: one task per outbound connection."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field

from core.clock import NANOSECONDS, Clock
from core.errors import DeliveryError, SpoolError
from engine.delivery.commands import Close, EndBackoff, Open, Reenable, Resolve, Send
from engine.delivery.dialling import Dialler
from engine.delivery.outcome import lane_wait
from engine.delivery.results import Results
from engine.delivery.routing import Unroutable
from engine.delivery.scheduler import Scheduler
from engine.delivery.turns import Turns
from engine.mail import verp
from engine.outbound import ConnectFailed, OutboundConnection
from engine.queue.item import Batch, QueuedRecipient
from engine.queue.modes import ModeEvent
from engine.queue.queue import NEVER, Connection, Lane, Queue
from engine.smtp.reply import Reply, local
from engine.spool.base import MessageDamaged, MessageGone, MessageId, Spool
from engine.tracing.book import TraceBook
from engine.tracing.onlooker import Onlooker

log = logging.getLogger(__name__)

_MAX_LOOKUPS = 100


@dataclass(slots=True, eq=False)
class _Link:
    """A connection of the scheduler with its socket and the batch that its task waits for."""

    connection: Connection
    onlooker: Onlooker
    socket: OutboundConnection | None = None
    peer: str = ""
    work: asyncio.Future[Batch | None] | None = None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Deliverer:
    """The doer around one Scheduler."""

    scheduler: Scheduler
    results: Results
    dialler: Dialler
    spool: Spool
    clock: Clock
    make_lanes: Callable[[Queue, str], list[Lane]]
    sent: Callable[[Lane, bytes, list[tuple[QueuedRecipient, Reply]]], None]
    traces: TraceBook
    _links: dict[int, _Link] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None
    _timer_at: int = NEVER
    _pumping: bool = False
    _lookups: Turns[Queue] = field(default_factory=lambda: Turns(_MAX_LOOKUPS))

    @property
    def connections(self) -> int:
        return len(self._links)

    def parents(self) -> Iterator[tuple[str, str]]:
        """Source IP and provider of each open connection."""
        return (link.connection.lane.parent.key for link in self._links.values())

    def pump(self) -> None:
        """Carry out what the scheduler has decided, and come back when its next timer is due."""
        while commands := self.scheduler.commands():
            for command in commands:
                match command:
                    case Send(connection):
                        self._hand_over(connection)
                    case Open(connection):
                        self._open(connection)
                    case Close(connection):
                        self._close(connection)
                    case Resolve(queue):
                        if self._lookups.add(queue):
                            self._spawn(self._lookups.work(self._resolve))
                    case EndBackoff(queue):
                        self.results.conduct.set_mode(queue, ModeEvent.TIMER)
                    case Reenable(queue, address):
                        self.results.conduct.enable_source(queue, address)
        self._arm()

    def pump_soon(self) -> None:
        """Pump once before the loop waits again, however often this is called until then."""
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pumping = False
        self.pump()

    async def drain(self, grace: float) -> None:
        """Stop: close what idles, let what is being sent finish for `grace` real seconds, cut the rest."""
        self.scheduler.stop()
        if self._timer:
            self._timer.cancel()
        for link in list(self._links.values()):
            if link.work and not link.work.done():
                link.work.set_result(None)
        waiting = {task for task in self._tasks if not task.done()}
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # -- timers ----------------------------------------------------------------------------------------

    def _arm(self) -> None:
        at = self.scheduler.timers.next_at()
        if at == self._timer_at:
            return
        if self._timer:
            self._timer.cancel()
        self._timer, self._timer_at = None, at
        if at != NEVER:
            wait = max(0, at - self.clock.monotonic_ns()) / NANOSECONDS
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.clock.real_seconds(wait), self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_at = None, NEVER
        self.scheduler.wake(self.clock.monotonic_ns())
        self.pump()

    # -- routes ----------------------------------------------------------------------------------------

    async def _resolve(self, queue: Queue) -> None:
        try:
            route = await self.dialler.router.route(queue.domain)
        except Unroutable as failure:
            self._unroutable(queue, failure)
        else:
            lanes = self.make_lanes(queue, route.provider)
            self.scheduler.routed(queue, route.provider, lanes, self.clock.monotonic_ns())
        self.pump()

    def _unroutable(self, queue: Queue, failure: Unroutable) -> None:
        now = self.clock.monotonic_ns()
        reply = local(550 if failure.permanent else 450, failure.enhanced, str(failure))
        queue.failures += 1
        wait = lane_wait(queue.settings, queue.failures, in_backoff=queue.in_backoff)
        retry_at = now + int(wait.total_seconds() * NANOSECONDS)
        self.results.note_error(queue, reply.text)
        self.traces.unroutable(queue, str(failure))
        if failure.permanent:
            self.results.bounce_all(queue, reply)
        else:
            self.results.expire(queue, reply.text)
        self.scheduler.unroutable(queue, retry_at, now)

    # -- connections -----------------------------------------------------------------------------------

    def _open(self, connection: Connection) -> None:
        link = self._links[connection.id] = _Link(connection, self.traces.onlooker(connection.lane))
        link.task = self._spawn(self._live(link))

    async def _live(self, link: _Link) -> None:
        """A connection from opening to closing."""
        try:
            if await self._connect(link):
                await self._work(link)
        finally:
            self._links.pop(link.connection.id, None)
            try:
                if link.socket:
                    await link.socket.close()
            finally:
                link.onlooker.closed()

    async def _connect(self, link: _Link) -> bool:
        lane = link.connection.lane
        text, peer, reply = "no mail server could be reached", lane.queue.domain, None
        try:
            route = await self.dialler.router.route(lane.queue.domain)
            candidates = await self.dialler.candidates(route, lane)
            link.onlooker.resolved(route.provider, candidates)
            for host, address in candidates:
                peer = f"{host.name} ({address})" if host.name != address else address
                try:
                    link.socket = await self.dialler.dial(address, host, lane, link.onlooker)
                except ConnectFailed as failure:
                    text, reply = str(failure), failure.reply
                    continue
                link.peer, link.connection.host = peer, host.name
                link.connection.tls_protocol = link.socket.tls_protocol
                link.connection.tls_cipher = link.socket.tls_cipher
                link.connection.takes_dsn = "DSN" in link.socket.extensions
                self.scheduler.opened(link.connection, self.clock.monotonic_ns())
                self._await_work(link)
                self.pump()
                return True
        except DeliveryError as failure:
            text = str(failure)
        link.onlooker.ends(text)
        retry_at = self.results.lane_failed(lane, text, peer, reply)
        self.scheduler.open_failed(link.connection, retry_at, self.clock.monotonic_ns())
        self.pump()
        return False

    def _await_work(self, link: _Link) -> None:
        link.work = asyncio.get_running_loop().create_future()
        if link.connection.batch or self.scheduler.stopping:
            link.work.set_result(link.connection.batch)

    def _hand_over(self, connection: Connection) -> None:
        link = self._links[connection.id]
        if link.work and not link.work.done():
            link.work.set_result(connection.batch)

    def _close(self, connection: Connection) -> None:
        link = self._links.get(connection.id)
        if link and link.work and not link.work.done():
            link.work.set_result(None)

    async def _work(self, link: _Link) -> None:
        """Send batch after batch until the scheduler closes the connection or the peer does."""
        while link.work and link.socket:
            batch = await link.work
            if batch is None:
                return
            if not link.socket.usable:
                self.scheduler.returned(link.connection, batch, self.clock.monotonic_ns())
                self.pump()
                return
            usable, replies = await self._transact(link.socket, link.connection.lane, batch)
            usable = self.results.answered(link.connection, link.peer, replies) and usable
            self.scheduler.finished(
                link.connection, len(replies), usable=usable, now=self.clock.monotonic_ns()
            )
            self._await_work(link)
            self.pump()
            if not usable:
                return

    async def _transact(
        self, socket: OutboundConnection, lane: Lane, batch: Batch
    ) -> tuple[bool, list[tuple[QueuedRecipient, Reply]]]:
        message = batch.message
        self.results.sending(lane, batch)
        try:
            content = self.spool.content(MessageId(message.id))
        except (MessageGone, MessageDamaged) as failure:
            log.exception(
                "A queued message cannot be read back", extra={"event": "spool.damaged", "id": message.id}
            )
            reply = local(554, "5.3.0", f"the message is damaged on disk: {failure}")
            return True, [(r, reply) for r in batch.recipients]
        except SpoolError as failure:
            reply = local(451, "4.3.0", f"the spool cannot be read: {failure}")
            return True, [(r, reply) for r in batch.recipients]
        try:
            result = await socket.deliver(
                _sender(lane, batch),
                [r.address for r in batch.recipients],
                content,
                eight_bit=message.eight_bit,
                smtp_utf8=message.smtp_utf8,
                wishes=message.wishes and message.wishes.only(r.index for r in batch.recipients),
            )
        except Exception:
            # our own fault must not strand the recipients: they are tried again over a new connection
            log.exception("A transaction failed on our side", extra={"event": "delivery.internal_error"})
            reply = local(451, "4.3.0", "internal error")
            return False, [(r, reply) for r in batch.recipients]
        answers = [outcome.reply for outcome in result.outcomes]
        replies = list(zip(batch.recipients, answers, strict=True))
        self.sent(lane, content, replies)
        return result.usable, replies

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error(
                "A delivery task failed", exc_info=task.exception(), extra={"event": "delivery.task_failed"}
            )


def _sender(lane: Lane, batch: Batch) -> str:
    if lane.queue.settings.verp and len(batch.recipients) == 1:
        return verp.encode(batch.message.sender, batch.recipients[0].address)
    return batch.message.sender
