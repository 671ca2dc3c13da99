"""A `domain/vmta` queue, its lanes (one per source IP), and the parents (source IP × provider) above them."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from core.address import SourceIp
from engine.directives import DomainSettings
from engine.queue.insight import BackoffCause, DisabledSource, Insight, QueueError
from engine.queue.item import Batch, QueuedRecipient
from engine.queue.modes import QueueMode
from engine.shaping.limiter import Limiter

NEVER = 1 << 62
"""A time that does not come."""


@dataclass(slots=True, eq=False)
class Parent:
    """One source IP at one provider: where the limits of all its queues meet, and where they wait in turn."""

    source: SourceIp
    provider: str
    messages: tuple[Limiter, ...] = ()
    connects: tuple[Limiter, ...] = ()
    ring: deque[Lane] = field(default_factory=deque)
    opening: int = 0
    wake_at: int = NEVER
    served_at: int = 0
    """When it last sent (monotonic ns). Of those that wait for one limit of the whole IP, who was served
    last goes last."""
    address: str = field(init=False)
    """The source IP in words, ready for every record about it."""

    def __post_init__(self) -> None:
        self.address = str(self.source.address)

    @property
    def key(self) -> tuple[str, str]:
        return (self.address, self.provider)


class ConnectionState(Enum):
    """An outbound connection's life."""

    OPENING = auto()
    IDLE = auto()
    BUSY = auto()
    CLOSED = auto()


@dataclass(slots=True, eq=False)
class Connection:
    """One outbound connection of a lane."""

    id: int
    lane: Lane
    state: ConnectionState = ConnectionState.OPENING
    batch: Batch | None = None
    messages: int = 0
    errors: int = 0
    host: str = ""
    tls_protocol: str = ""
    tls_cipher: str = ""
    takes_dsn: bool = False
    idle_until: int = 0
    """When it is closed unless it is used again before, monotonic ns."""
    wake_at: int = NEVER

    @property
    def is_worn(self) -> bool:
        """Whether it has carried as many messages, or met as many errors, as one may."""
        settings = self.lane.queue.settings
        return (
            0 < (settings.max_msg_per_connection or 0) <= self.messages
            or 0 < (settings.max_errors_per_connection or 0) <= self.errors
        )


@dataclass(slots=True, eq=False)
class Lane:
    """A queue's way out through one source IP. It retries on its own, so that one bad IP stops no sibling."""

    queue: Queue
    parent: Parent
    messages: tuple[Limiter, ...] = ()
    connects: tuple[Limiter, ...] = ()
    idle: list[Connection] = field(default_factory=list)
    connections: int = 0
    opening: int = 0
    failures: int = 0
    retry_at: int = 0
    in_ring: bool = False
    skipped_hosts: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Queue:
    """Recipients waiting for one domain through one VirtualMTA."""

    domain: str
    vmta: str
    settings: DomainSettings
    origins: Mapping[str, str]
    ready: deque[QueuedRecipient] = field(default_factory=deque)
    waiting: list[tuple[int, int, QueuedRecipient]] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    next_lane: int = 0
    provider: str | None = None
    mode: QueueMode = QueueMode.NORMAL
    paused: bool = False
    backoff: BackoffCause | None = None
    backoff_until: int = NEVER
    disabled: dict[str, DisabledSource] = field(default_factory=dict)
    disabled_until: dict[str, int] = field(default_factory=dict)
    insight: Insight = field(default_factory=Insight)
    saved_errors: tuple[QueueError, ...] = ()
    busy: int = 0
    opening: int = 0
    size: int = 0
    resolving: bool = False
    retry_at: int = 0
    failures: int = 0
    wake_at: int = NEVER
    expiry_due_at: float = 0.0
    _sequence: int = 0

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.vmta}"

    @property
    def recipients(self) -> int:
        """Everything not settled, what is being sent right now included."""
        return len(self.ready) + len(self.waiting) + self.busy

    @property
    def connections(self) -> int:
        return sum(lane.connections for lane in self.lanes)

    @property
    def in_backoff(self) -> bool:
        return self.mode is QueueMode.BACKOFF

    def postpone(self, recipient: QueuedRecipient, until: int) -> None:
        """Let a recipient wait until then."""
        self._sequence += 1
        heapq.heappush(self.waiting, (until, self._sequence, recipient))

    def ripen(self, now: int) -> None:
        """Make ready what has waited long enough."""
        while self.waiting and self.waiting[0][0] <= now:
            self.ready.append(heapq.heappop(self.waiting)[2])

    def take(self, most: int) -> Batch:
        """The next recipients of one message, at most `most`."""
        first = self.ready.popleft()
        taken = [first]
        while len(taken) < most and self.ready and self.ready[0].message is first.message:
            taken.append(self.ready.popleft())
        self.busy += len(taken)
        return Batch(tuple(taken))
