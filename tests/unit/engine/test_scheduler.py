"""The scheduler alone: a world without sockets carries out its commands at chosen times."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.address import SourceIp
from core.clock import NANOSECONDS
from core.rate import Rate
from engine.delivery.commands import Close, EndBackoff, Open, Reenable, Resolve, Send
from engine.delivery.scheduler import Scheduler
from engine.directives import DEFAULTS, DomainSettings
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.queue.queue import NEVER, Connection, Lane, Parent, Queue
from engine.shaping.limiter import Limiter

MILLISECOND = NANOSECONDS // 1000


def queue_of(name: str, **directives: object) -> Queue:
    settings = DomainSettings.model_construct(**{**dict(DEFAULTS), **directives})
    return Queue(name, "v", settings, {})


def parent_of(address: str, rate: str | None = None, connects: str | None = None) -> Parent:
    limits = (Limiter(Rate.parse(rate), 0),) if rate else ()
    opens = (Limiter(Rate.parse(connects), 0),) if connects else ()
    return Parent(SourceIp.model_validate(address), "other", limits, opens)


def mail(count: int, recipients: int = 1) -> list[QueuedRecipient]:
    messages = [
        QueuedMessage(
            n, "s@x.test", tuple(f"r{i}@d.test" for i in range(recipients)), 100, "v", "", False, False, 0.0
        )
        for n in range(count)
    ]
    return [QueuedRecipient(m, i) for m in messages for i in range(recipients)]


@dataclass
class World:
    """Opens in 50 ms, sends in 20 ms, and notes who sent what when."""

    routes: dict[str, list[Parent]]
    refuse: Callable[[Connection, int], bool] = lambda _c, _n: False
    scheduler: Scheduler = field(default_factory=Scheduler)
    now: int = 0
    sent: list[tuple[int, str, str, int]] = field(default_factory=list)
    opened: list[tuple[int, str]] = field(default_factory=list)
    busiest: Counter[str] = field(default_factory=Counter)
    events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _ticket: Iterator[int] = field(default_factory=itertools.count)

    def later(self, delay: int, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + delay, next(self._ticket), action))

    def add(self, queue: Queue, recipients: list[QueuedRecipient]) -> None:
        self.scheduler.add(queue, recipients, self.now)
        self.obey()

    def obey(self) -> None:
        while commands := self.scheduler.commands():
            for command in commands:
                match command:
                    case Resolve(queue):
                        lanes = [Lane(queue, parent) for parent in self.routes[queue.domain]]
                        self.scheduler.routed(queue, "other", lanes, self.now)
                    case Open(connection):
                        self.later(50 * MILLISECOND, lambda c=connection: self._open(c))
                    case Send(connection):
                        self._send(connection)
                    case Close() | EndBackoff() | Reenable():
                        pass

    def _open(self, connection: Connection) -> None:
        address = str(connection.lane.parent.source.address)
        self.opened.append((self.now, address))
        if self.refuse(connection, self.now):
            self.scheduler.open_failed(connection, self.now + 600 * NANOSECONDS, self.now)
            return
        name = connection.lane.queue.name
        self.busiest[name] = max(self.busiest[name], connection.lane.queue.connections)
        self.scheduler.opened(connection, self.now)

    def _send(self, connection: Connection) -> None:
        assert connection.batch is not None
        address = str(connection.lane.parent.source.address)
        count = len(connection.batch.recipients)
        self.sent.append((self.now, address, connection.lane.queue.domain, count))
        self.later(
            20 * MILLISECOND, lambda: self.scheduler.finished(connection, count, usable=True, now=self.now)
        )

    def run(self, until: int) -> None:
        while True:
            event = self.events[0][0] if self.events else NEVER
            wake = self.scheduler.timers.next_at()
            at = min(event, wake)
            if at > until:
                self.now = until
                return
            assert at >= self.now, "the scheduler asked to be woken in the past"
            self.now = at
            if event <= wake:
                heapq.heappop(self.events)[2]()
            else:
                self.scheduler.wake(self.now)
            self.obey()

    def total(self, *, address: str | None = None, domain: str | None = None) -> int:
        return sum(
            n
            for _, a, d, n in self.sent
            if (address is None or a == address) and (domain is None or d == domain)
        )


def test_everything_is_sent_and_connections_stay_within_max_smtp_out() -> None:
    queue = queue_of("d.test", max_smtp_out=7)
    world = World({"d.test": [parent_of("10.0.0.1")]})
    world.add(queue, mail(500))
    world.run(60 * NANOSECONDS)
    assert world.total() == 500
    assert world.busiest["d.test/v"] == 7
    assert queue.recipients == 0


def test_source_ips_take_turns() -> None:
    world = World({"d.test": [parent_of(f"10.0.0.{n}") for n in (1, 2, 3, 4)]})
    world.add(queue_of("d.test"), mail(400))
    world.run(60 * NANOSECONDS)
    assert all(world.total(address=f"10.0.0.{n}") >= 80 for n in (1, 2, 3, 4))


def test_a_limited_source_ip_is_exact_and_its_sibling_is_untouched() -> None:
    world = World({"d.test": [parent_of("10.0.0.1", "60/m"), parent_of("10.0.0.2")]})
    world.add(queue_of("d.test"), mail(5_000))
    world.run(4 * NANOSECONDS)
    assert world.total(address="10.0.0.1") <= 5
    assert world.total() == 5_000 or world.total(address="10.0.0.2") > 1_000


def test_a_saturated_limit_is_used_to_99_percent_without_polling() -> None:
    world = World({"d.test": [parent_of("10.0.0.1", "100/m")]})
    world.add(queue_of("d.test"), mail(1_000))
    world.run(300 * NANOSECONDS)
    assert 494 <= world.total() <= 500
    assert len(world.opened) == 5, "one connection for each max-msg-per-connection, none opened in vain"


def test_queues_share_a_parents_limit_fairly_however_deep_they_are() -> None:
    parent = parent_of("10.0.0.1", "600/m")
    names = [f"d{n}.test" for n in range(10)]
    world = World({name: [parent] for name in names})
    for place, name in enumerate(names):
        world.add(queue_of(name), mail(5_000 if place == 0 else 500))
    world.run(120 * NANOSECONDS)
    shares = [world.total(domain=name) for name in names]
    assert 1_180 <= sum(shares) <= 1_206
    assert max(shares) - min(shares) <= 20


@given(st.sampled_from(["60/m", "1/s", "400/h", "6000/m"]), st.integers(2, 5))
def test_providers_share_the_limit_of_a_whole_ip_fairly(rate: str, count: int) -> None:
    whole = Limiter(Rate.parse(rate), 0)
    source = SourceIp.model_validate("10.0.0.1")
    names = [f"d{n}.test" for n in range(count)]
    world = World({name: [Parent(source, name, (whole,), ())] for name in names})
    for name in names:
        world.add(queue_of(name), mail(1_000))
    seconds = 300 / Rate.parse(rate).per_hour * 3_600
    world.run(int(seconds * NANOSECONDS))
    shares = [world.total(domain=name) for name in names]
    assert sum(shares) >= 280
    assert min(shares) > 0.8 * sum(shares) / count


def test_queue_priority_weighs_the_turns_at_a_shared_limit() -> None:
    parent = parent_of("10.0.0.1", "6000/m")
    world = World({"urgent.test": [parent], "bulk.test": [parent]})
    world.add(queue_of("urgent.test", queue_priority=100), mail(5_000))
    world.add(queue_of("bulk.test", queue_priority=25), mail(5_000))
    world.run(20 * NANOSECONDS)
    ratio = world.total(domain="urgent.test") / world.total(domain="bulk.test")
    assert 1.0 < ratio <= 4.5


def test_a_disabled_source_ip_is_left_out_until_its_time_is_over() -> None:
    queue = queue_of("d.test")
    queue.disabled_until["10.0.0.1"] = 30 * NANOSECONDS
    world = World({"d.test": [parent_of("10.0.0.1"), parent_of("10.0.0.2")]})
    world.add(queue, mail(20))
    world.run(20 * NANOSECONDS)
    assert world.total(address="10.0.0.2") == 20
    world.scheduler.wake(30 * NANOSECONDS)
    assert world.scheduler.commands() == [Reenable(queue, "10.0.0.1")]


def test_a_transaction_never_takes_more_recipients_than_the_limit_has_left() -> None:
    world = World({"d.test": [parent_of("10.0.0.1", "1000/h")]})
    world.add(queue_of("d.test"), mail(10, recipients=50))
    world.run(NANOSECONDS)
    assert world.total() <= 10


def test_multi_recipient_messages_go_out_in_one_transaction_where_nothing_limits() -> None:
    world = World({"d.test": [parent_of("10.0.0.1")]})
    world.add(queue_of("d.test", max_rcpt_per_message=100), mail(3, recipients=50))
    world.run(NANOSECONDS)
    assert [n for *_, n in world.sent] == [50, 50, 50]


def test_connections_open_no_faster_than_the_connect_rate() -> None:
    world = World({"d.test": [parent_of("10.0.0.1", connects="60/m")]})
    world.add(queue_of("d.test", max_msg_per_connection=1), mail(100))
    world.run(10 * NANOSECONDS)
    assert len(world.opened) in {9, 10}


def test_a_lane_that_cannot_connect_waits_while_its_sibling_delivers() -> None:
    world = World(
        {"d.test": [parent_of("10.0.0.1"), parent_of("10.0.0.2")]},
        refuse=lambda c, now: str(c.lane.parent.source.address) == "10.0.0.1" and now < 900 * NANOSECONDS,
    )
    world.add(queue_of("d.test", max_smtp_out=4), mail(200))
    world.run(600 * NANOSECONDS)
    assert world.total(address="10.0.0.2") == 200
    assert len([a for _, a in world.opened if a == "10.0.0.1"]) <= 4


def test_postponed_recipients_come_back_when_their_time_has_come() -> None:
    queue = queue_of("d.test")
    world = World({"d.test": [parent_of("10.0.0.1")]})
    queue.postpone(mail(1)[0], 30 * NANOSECONDS)
    world.scheduler.kick(queue, 0)
    world.run(29 * NANOSECONDS)
    assert world.total() == 0
    world.run(31 * NANOSECONDS)
    assert world.total() == 1


def test_a_paused_queue_sends_nothing_until_it_is_resumed() -> None:
    queue = queue_of("d.test")
    queue.paused = True
    world = World({"d.test": [parent_of("10.0.0.1")]})
    world.add(queue, mail(3))
    world.run(NANOSECONDS)
    assert world.total() == 0
    queue.paused = False
    world.scheduler.kick(queue, world.now)
    world.obey()
    world.run(2 * NANOSECONDS)
    assert world.total() == 3


def test_lifting_a_parents_limit_lets_the_waiting_queues_go_at_once() -> None:
    parent = parent_of("10.0.0.1", "10/h")
    names = [f"d{n}.test" for n in range(5)]
    world = World({name: [parent] for name in names})
    for name in names:
        world.add(queue_of(name), mail(50))
    world.run(10 * NANOSECONDS)
    assert world.total() <= 1
    parent.messages = ()
    world.scheduler.reshaped(parent, world.now)
    world.obey()
    world.run(30 * NANOSECONDS)
    assert world.total() == 250


def test_a_queue_in_backoff_is_told_when_its_time_is_over() -> None:
    queue = queue_of("d.test")
    queue.backoff_until = 5 * NANOSECONDS
    scheduler = Scheduler()
    scheduler.kick(queue, 0)
    scheduler.wake(5 * NANOSECONDS)
    assert scheduler.commands() == [EndBackoff(queue)]


def test_a_connection_found_dead_gives_its_batch_and_its_credit_back() -> None:
    parent = parent_of("10.0.0.1", "60/m")
    queue, scheduler = queue_of("d.test"), Scheduler()
    scheduler.routed(queue, "other", [Lane(queue, parent)], 0)
    scheduler.add(queue, mail(2), 0)
    (opening,) = [c.connection for c in scheduler.commands() if isinstance(c, Open)]
    scheduler.opened(opening, 0)
    assert opening.batch is not None
    scheduler.returned(opening, opening.batch, 0)
    assert (len(queue.ready), queue.busy, parent.messages[0].available(0)) == (2, 0, 1)
    scheduler.wake(0)
    assert any(isinstance(c, Open) for c in scheduler.commands())


@given(
    limits=st.lists(st.sampled_from([None, "60/m", "30/m", "5/s"]), min_size=1, max_size=3),
    loads=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 4)), min_size=1, max_size=5),
    own=st.sampled_from([1, 2, 20]),
)
def test_nothing_is_left_behind_and_no_limit_is_passed(
    limits: list[str | None], loads: list[tuple[int, int]], own: int
) -> None:
    parents = [parent_of(f"10.0.0.{n}", limit) for n, limit in enumerate(limits, 1)]
    names = [f"d{n}.test" for n in range(len(loads))]
    world = World(dict.fromkeys(names, parents))
    queues = [queue_of(n, max_smtp_out=own, connection_idle_timeout=timedelta(seconds=1)) for n in names]
    for queue, (count, recipients) in zip(queues, loads, strict=True):
        world.add(queue, mail(count, recipients))
    world.run(3_600 * NANOSECONDS)
    assert world.total() == sum(count * recipients for count, recipients in loads)
    assert all(queue.recipients == 0 and queue.connections == 0 for queue in queues)
    for parent, limit in zip(parents, limits, strict=True):
        if limit:
            rate = Rate.parse(limit)
            times = [t for t, a, _, n in world.sent if a == str(parent.source.address) for _ in range(n)]
            window = rate.seconds * NANOSECONDS
            assert all(sum(t <= u < t + window for u in times) <= (rate.count or 0) for t in times)
