"""Who sends next: a synchronous decider over queues, lanes, parents and limiters. Nothing is awaited here.

Every verb takes `now` (monotonic ns), updates the books and leaves commands to be carried out; a doer
performs them and reports back with another verb. Waiting for a shared limit happens in the parent's ring,
served by deficit round robin, so timers stand on parents (and on queues that wait for themselves), never on
messages.
"""

import itertools

from engine.delivery.commands import Close, Command, EndBackoff, Open, Reenable, Resolve, Send
from engine.delivery.timers import Timers
from engine.queue.item import Batch, QueuedRecipient
from engine.queue.queue import NEVER, Connection, ConnectionState, Lane, Parent, Queue
from engine.shaping.limiters import available, ready_at, reserve

QUANTUM = 10
"""Recipients that a lane of usual priority may send in one turn while others wait at the same parent."""

_USUAL_PRIORITY = 50


class Scheduler:
    """Assigns waiting recipients to connections, within every limit."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.stopping = False
        self._commands: list[Command] = []
        self._ids = itertools.count(1)

    def commands(self) -> list[Command]:
        """What is to be done now; handed over once."""
        taken, self._commands = self._commands, []
        return taken

    # -- what happened ---------------------------------------------------------------------------------

    def add(self, queue: Queue, recipients: list[QueuedRecipient], now: int) -> None:
        """New mail for a queue."""
        queue.ready.extend(recipients)
        self.kick(queue, now)

    def routed(self, queue: Queue, provider: str, lanes: list[Lane], now: int) -> None:
        """The route of a queue is known: its provider, and a lane for each source IP."""
        queue.provider, queue.lanes, queue.resolving = provider, lanes, False
        queue.failures = queue.retry_at = 0
        self.kick(queue, now)

    def unroutable(self, queue: Queue, retry_at: int, now: int) -> None:
        """No route for now; try again then."""
        queue.resolving, queue.retry_at = False, retry_at
        self.kick(queue, now)

    def opened(self, connection: Connection, now: int) -> None:
        """A connection is ready: its lane has the turn that it was opened for."""
        lane = connection.lane
        self._no_longer_opening(connection)
        self._rest(connection, now)
        if lane.parent.ring and lane.parent.messages:
            self._join(lane, front=True)
            self._turn(lane.parent, now)
        else:
            self.kick(lane.queue, now)

    def open_failed(self, connection: Connection, retry_at: int, now: int) -> None:
        """The lane could not connect; its siblings go on."""
        self._no_longer_opening(connection)
        self._gone(connection)
        connection.lane.failures += 1
        connection.lane.retry_at = retry_at
        self._wake_parent(connection.lane.parent, now)
        self.kick(connection.lane.queue, now)

    def finished(self, connection: Connection, count: int, *, usable: bool, now: int) -> None:
        """A transaction of `count` recipients is over; the caller has settled, postponed or readied each."""
        queue = connection.lane.queue
        queue.busy -= count
        connection.batch = None
        connection.messages += 1
        if not usable:
            self._gone(connection)
        elif connection.is_worn or self.stopping:
            self._close(connection)
        else:
            self._rest(connection, now)
        self.kick(queue, now)

    def returned(self, connection: Connection, batch: Batch, now: int) -> None:
        """The connection turned out to be dead before anything was said: nothing was attempted."""
        lane, queue, count = connection.lane, connection.lane.queue, len(batch.recipients)
        for limiter in (*lane.messages, *lane.parent.messages):
            limiter.refund(count)
        queue.busy -= count
        queue.ready.extendleft(reversed(batch.recipients))
        connection.batch = None
        self._gone(connection)
        self._wake_parent(lane.parent, now)
        self.kick(queue, now)

    def retry_lane(self, lane: Lane, retry_at: int) -> None:
        """The peer turned the lane away as a whole (a 421, say): it waits, its siblings go on."""
        lane.failures += 1
        lane.retry_at = retry_at

    def reshaped(self, parent: Parent, now: int) -> None:
        """The limits of a parent have changed: whoever waits there is looked at again at once."""
        self._wake_parent(parent, now)

    def wake(self, now: int) -> None:
        """Let everybody act whose time has come."""
        while (sleeper := self.timers.due(now)) is not None:
            match sleeper:
                case Parent():
                    self._turn(sleeper, now)
                case Queue():
                    self._wake_queue(sleeper, now)
                case Connection():
                    self._wake_connection(sleeper, now)

    def stop(self) -> None:
        """Open nothing and send nothing from now on; idle connections are closed as their work ends."""
        self.stopping = True

    # -- deciding --------------------------------------------------------------------------------------

    def kick(self, queue: Queue, now: int) -> None:
        """Do all that the queue may do now, and see that it is woken for the rest."""
        queue.ripen(now)
        if not self.stopping and not queue.paused and queue.ready:
            if queue.lanes:
                while queue.ready and self._advance(queue, now):
                    pass
            else:
                self._resolve(queue, now)
        self._arm(queue, now)

    def _resolve(self, queue: Queue, now: int) -> None:
        if queue.retry_at > now:
            self.timers.set_no_later(queue, queue.retry_at)
        elif not queue.resolving:
            queue.resolving = True
            self._commands.append(Resolve(queue))

    def _advance(self, queue: Queue, now: int) -> bool:
        """Let the next lane in rotation that can act do so."""
        count = len(queue.lanes)
        for step in range(count):
            place = (queue.next_lane + step) % count
            if self._serve(queue.lanes[place], now):
                queue.next_lane = (place + 1) % count
                return True
        return False

    def _serve(self, lane: Lane, now: int) -> bool:
        """One step of a lane outside a ring: send a batch, or open a connection."""
        if lane.in_ring:
            return False
        if self._held_back(lane, now):
            return False
        if lane.parent.ring and (lane.parent.messages or not lane.idle):
            self._join(lane)
            self._wake_parent(lane.parent, ready_at(lane.parent.messages, now))
            return False
        if self._send(lane, now, lane.queue.settings.max_rcpt_per_message or 1):
            return True
        return self._open(lane, now)

    def _held_back(self, lane: Lane, now: int) -> bool:
        """Whether the lane waits after a failure, or its source IP is disabled for the queue."""
        until = lane.retry_at
        if lane.queue.disabled_until:
            until = max(until, lane.queue.disabled_until.get(lane.parent.address, 0))
        if until <= now:
            return False
        self.timers.set_no_later(lane.queue, until)
        return True

    def _send(self, lane: Lane, now: int, most: int) -> int:
        """Send one batch over an idle connection; returns its recipients, 0 if it must wait."""
        queue, parent = lane.queue, lane.parent
        credit = available(lane.messages, now, most)
        if not credit:
            self.timers.set_no_later(queue, ready_at(lane.messages, now))
            return 0
        credit = available(parent.messages, now, credit)
        if not credit:
            self._join(lane)
            self._wake_parent(parent, ready_at(parent.messages, now))
            return 0
        if not lane.idle:
            return 0
        connection = lane.idle.pop()
        batch = queue.take(credit)
        reserve(lane.messages, len(batch.recipients), now)
        reserve(parent.messages, len(batch.recipients), now)
        parent.served_at = now
        connection.state, connection.batch = ConnectionState.BUSY, batch
        self._commands.append(Send(connection))
        return len(batch.recipients)

    def _open(self, lane: Lane, now: int) -> bool:
        """Open one more connection if mail, limits and rates want it."""
        queue, parent = lane.queue, lane.parent
        if lane.idle or lane.in_ring or not self._has_room(lane):
            return False
        if not _unspoken(lane, now):
            return False
        if not _unspoken(parent, now):
            # connections already opening will use the credit up; wait behind them
            self._join(lane)
            self._wake_parent(parent, self._ring_ready_at(parent, now))
            return False
        if not available(lane.connects, now, 1):
            self.timers.set_no_later(queue, ready_at(lane.connects, now))
            return False
        if not available(parent.connects, now, 1):
            self._join(lane)
            self._wake_parent(parent, ready_at(parent.connects, now))
            return False
        reserve(lane.connects, 1, now)
        reserve(parent.connects, 1, now)
        connection = Connection(next(self._ids), lane)
        lane.connections += 1
        for waiting in (queue, lane, parent):
            waiting.opening += 1
        self._commands.append(Open(connection))
        return True

    def _has_room(self, lane: Lane) -> bool:
        queue = lane.queue
        most = queue.settings.max_smtp_out or 1
        if queue.in_backoff and queue.settings.backoff_max_smtp_out:
            most = queue.settings.backoff_max_smtp_out
        return (
            queue.opening < len(queue.ready)
            and lane.connections < (queue.settings.source_ip_max_smtp_out or most)
            and queue.connections < most
        )

    def _turn(self, parent: Parent, now: int) -> None:
        """Serve the lanes that wait at a parent, each at most QUANTUM recipients, while credit lasts."""
        for _ in range(len(parent.ring)):
            if not parent.ring or not _unspoken(parent, now):
                break
            lane = parent.ring.popleft()
            lane.in_ring = False
            self._take_turn(lane, now)
        if parent.ring:
            self._wake_parent(parent, max(now + 1, self._ring_ready_at(parent, now)))

    def _take_turn(self, lane: Lane, now: int) -> None:
        queue, sent = lane.queue, 0
        quantum = max(1, QUANTUM * (queue.settings.queue_priority or _USUAL_PRIORITY) // _USUAL_PRIORITY)
        queue.ripen(now)
        while queue.ready and not queue.paused and not self.stopping and not self._held_back(lane, now):
            if sent >= quantum:
                self._join(lane)
                break
            most = min(quantum - sent, queue.settings.max_rcpt_per_message or 1)
            count = self._send(lane, now, most)
            sent += count
            if not count:
                self._open(lane, now)
                break
        self._arm(queue, now)

    def _ring_ready_at(self, parent: Parent, now: int) -> int:
        """When the ring is worth another look: for a message, or the connection that its head lacks."""
        at = ready_at(parent.messages, now)
        if parent.opening and at <= now:
            return NEVER
        return at if parent.ring[0].idle else max(at, ready_at(parent.connects, now))

    # -- book-keeping ----------------------------------------------------------------------------------

    def _wake_queue(self, queue: Queue, now: int) -> None:
        if queue.backoff_until <= now:
            queue.backoff_until = NEVER
            self._commands.append(EndBackoff(queue))
        for address, until in queue.disabled_until.items():
            if until <= now:
                self._commands.append(Reenable(queue, address))
        self.kick(queue, now)

    def _wake_connection(self, connection: Connection, now: int) -> None:
        """Close a connection that has been idle for long; a busy one sets its timer when it rests again."""
        if connection.state is not ConnectionState.IDLE:
            return
        if connection.idle_until > now:
            self.timers.set(connection, connection.idle_until)
            return
        connection.lane.idle.remove(connection)
        self._close(connection)
        self.kick(connection.lane.queue, now)

    def _wake_parent(self, parent: Parent, at: int) -> None:
        if parent.ring:
            self.timers.set_no_later(parent, at, parent.served_at)

    def _join(self, lane: Lane, *, front: bool = False) -> None:
        if lane.in_ring:
            if not front:
                return
            lane.parent.ring.remove(lane)
        lane.in_ring = True
        if front:
            lane.parent.ring.appendleft(lane)
        else:
            lane.parent.ring.append(lane)

    def _arm(self, queue: Queue, now: int) -> None:
        if queue.waiting:
            self.timers.set_no_later(queue, max(now, queue.waiting[0][0]))
        if queue.backoff_until != NEVER:
            self.timers.set_no_later(queue, queue.backoff_until)
        for until in queue.disabled_until.values():
            if until > now:
                self.timers.set_no_later(queue, until)

    def _rest(self, connection: Connection, now: int) -> None:
        connection.state = ConnectionState.IDLE
        connection.lane.idle.append(connection)
        timeout = connection.lane.queue.settings.connection_idle_timeout
        wait = int(timeout.total_seconds() * 1e9) if timeout else 0
        connection.idle_until = now + wait
        # the timer is moved only when it would ring too late: it outlasts hundreds of transactions
        self.timers.set_no_later(connection, connection.idle_until)

    def _no_longer_opening(self, connection: Connection) -> None:
        lane = connection.lane
        for waiting in (lane.queue, lane, lane.parent):
            waiting.opening -= 1

    def _close(self, connection: Connection) -> None:
        self._gone(connection)
        self._commands.append(Close(connection))

    def _gone(self, connection: Connection) -> None:
        self.timers.set(connection, NEVER)
        connection.state = ConnectionState.CLOSED
        connection.lane.connections -= 1


def _unspoken(limited: Lane | Parent, now: int) -> bool:
    """Whether the credit covers more than the connections that are already opening for it."""
    return available(limited.messages, now, limited.opening + 1) > limited.opening
