"""Which question waits for its answer under which id, and when it is sent again. Decides; sends nothing.

An answer counts only when it comes from the server that was asked, to the port that asked, with the id and
the question that were sent (RFC 5452 section 9). Anything else is as if it had never come.
"""

import heapq
from array import array
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final, Generic, TypeVar

from monitor.dns import message
from monitor.dns.message import Rcode, Reply

Peer = tuple[str, int]
Waiter = TypeVar("Waiter")

_IDS: Final = 65_536
_FULL: Final = _IDS // 2
_FAILURES: Final = frozenset({Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED})


class Identities:
    """Random ids, from bytes that the operating system makes up, a few hundred at a time."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._pool = array("H")

    def next(self) -> int:
        if not self._pool:
            self._pool.frombytes(self._entropy(1_024))
        return self._pool.pop()


class Pending(Generic[Waiter]):
    """A question on its way. `places` are the ports and ids under which an answer to it is accepted."""

    __slots__ = (
        "attempts",
        "deadline",
        "done",
        "failed",
        "places",
        "question",
        "sent_at",
        "server",
        "waiter",
    )

    def __init__(
        self, question: bytes, waiter: Waiter, sent_at: float, deadline: float, server: int = 0
    ) -> None:
        self.question = question
        self.waiter = waiter
        self.sent_at = sent_at
        self.deadline = deadline
        self.server = server
        self.attempts = 0
        self.failed: Reply | None = None
        self.places: list[tuple[Port[Waiter], int]] = []
        self.done = False


class Port(Generic[Waiter]):
    """One socket's questions: to one server, told apart by their ids."""

    def __init__(self, server: int, peer: Peer, identities: Identities) -> None:
        self.server = server
        self.peer = peer
        self.sent = 0
        self._identities = identities
        self._waiting: dict[int, Pending[Waiter]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= _FULL

    def place(self, pending: Pending[Waiter]) -> bytes:
        """Give the question a random free id, and return the query to send. The port must not be full."""
        identity = self._identities.next()
        while identity in self._waiting:
            identity = self._identities.next()
        self._waiting[identity] = pending
        pending.places.append((self, identity))
        self.sent += 1
        return message.query(identity, pending.question)

    def match(self, packet: bytes, peer: Peer) -> tuple[Pending[Waiter], Reply] | None:
        """The question that this packet answers; None for what nobody asked for."""
        if len(packet) < message.HEADER.size or (peer != self.peer and peer[:2] != self.peer):
            return None
        pending = self._waiting.get(packet[0] << 8 | packet[1])
        if pending is None:
            return None
        found = message.reply(packet, pending.question)
        return (pending, found) if found else None

    def remove(self, identity: int) -> None:
        self._waiting.pop(identity, None)


def settle(pending: Pending[Waiter]) -> None:
    """Accept no more answers to this question."""
    pending.done = True
    for port, identity in pending.places:
        port.remove(identity)
    pending.places.clear()


def is_failure(found: Reply) -> bool:
    """Whether another server might know better."""
    return found.rcode in _FAILURES


def again_after(wait: float, attempts: int) -> float:
    """Seconds from one sending to the next: each wait doubles the one before."""
    return wait * 2.0 ** max(0, attempts - 1)


class Timers(Generic[Waiter]):
    """When a question is due to be sent again, or to be given up.

    First waits come in the order of their ends while a server keeps its pace: they stand in a line. Whoever
    does not fit there, and every later wait, is sorted in.
    """

    def __init__(self) -> None:
        self._line: deque[tuple[float, Pending[Waiter]]] = deque()
        self._heap: list[tuple[float, int, Pending[Waiter]]] = []
        self._ticket = count()

    def __len__(self) -> int:
        return len(self._line) + len(self._heap)

    def at(self, due: float, pending: Pending[Waiter]) -> None:
        due = min(due, pending.deadline)
        if not self._line or due >= self._line[-1][0]:
            self._line.append((due, pending))
        else:
            heapq.heappush(self._heap, (due, next(self._ticket), pending))

    def due(self, now: float) -> list[Pending[Waiter]]:
        """Everybody whose moment has come and who still waits; those that were answered are dropped."""
        found = []
        line, heap = self._line, self._heap
        while line and (line[0][1].done or line[0][0] <= now):
            found.append(line.popleft()[1])
        while heap and (heap[0][2].done or heap[0][0] <= now):
            found.append(heapq.heappop(heap)[2])
        return [pending for pending in found if not pending.done]
