"""All queues by name: made when mail comes, with the directives that hold for them."""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.errors import NotFoundError, OperatorError
from engine.directives import Block, Effective, Level, matching, merge
from engine.queue.modes import QueueMode
from engine.queue.queue import Queue
from engine.settings import EngineSettings, VirtualMtaSettings

_NO_LEVEL = Level()


class QueueOrder(StrEnum):
    """How a listing is sorted."""

    RECIPIENTS = "rcpt"
    NAME = "name"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which queues are wanted: `domain[/vmta]` with `*`; None and False leave that out of account."""

    pattern: str = "*"
    mode: QueueMode | None = None
    provider: str | None = None
    paused: bool = False
    errors: bool = False

    def takes(self, queue: Queue) -> bool:
        return (
            (self.mode is None or queue.mode is self.mode)
            and (self.provider is None or queue.provider == self.provider)
            and (queue.paused or not self.paused)
            and (bool(queue.insight.errors) or not self.errors)
            and _matches(queue, self.pattern)
        )


class QueueBook:
    """Queues, one per domain and VirtualMTA."""

    def __init__(self, settings: EngineSettings) -> None:
        self._vmtas: Mapping[str, VirtualMtaSettings] = settings.virtual_mtas
        self._global = Level(settings.domains, "engine.domains")
        self._own = {name: Level(vmta.domains, f"virtual-mta {name}") for name, vmta in self._vmtas.items()}
        self._pool = {
            member: Level(pool.domains, f"virtual-mta-pool {name}")
            for name, pool in settings.virtual_mta_pools.items()
            for member in pool.members
        }
        self._merged: dict[tuple[Block, ...], Effective] = {}
        self._sent_to: dict[tuple[str, str], str] = {}
        self._queues: dict[tuple[str, str], Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    def queue(self, domain: str, vmta: str) -> Queue:
        """The queue, made if it is not there."""
        queue = self._queues.get((domain, vmta))
        if queue is not None:
            return queue
        elsewhere = self._sent_to.get((domain, vmta))
        if elsewhere is not None:
            return self.queue(elsewhere, vmta)
        return self._new(domain, vmta)

    def _new(self, domain: str, vmta: str) -> Queue:
        holds = self.effective(domain, vmta)
        target = (holds.settings.queue_to or domain).lower()
        if target != domain:
            self._sent_to[domain, vmta] = target
            return self._queues.get((target, vmta)) or self._make(target, vmta, self.effective(target, vmta))
        return self._make(domain, vmta, holds)

    def _make(self, domain: str, vmta: str, holds: Effective) -> Queue:
        # a queue-to on the target itself is not followed: one step, as in PowerMTA
        queue = self._queues[domain, vmta] = Queue(domain, vmta, holds.settings, holds.origins)
        return queue

    def effective(self, domain: str, vmta: str) -> Effective:
        """The directives that hold for a domain: VirtualMTA before pool before global."""
        levels = (self._global, self._pool.get(vmta, _NO_LEVEL), self._own[vmta])
        held = matching(domain, levels)
        # thousands of queues share a handful of results
        return self._merged.get(held) or self._remember(held)

    def _remember(self, held: tuple[Block, ...]) -> Effective:
        found = self._merged[held] = merge(held)
        return found

    def take_directives(self, other: "QueueBook") -> None:
        """The directives of another book hold from now on, for every queue there is too."""
        for name in ("_vmtas", "_global", "_own", "_pool"):
            setattr(self, name, getattr(other, name))
        self._sent_to.clear()
        for queue in self:
            holds = self.effective(queue.domain, queue.vmta)
            queue.settings, queue.origins = holds.settings, holds.origins

    def reroute(self, queue: Queue) -> Queue:
        """The queue that takes this one's mail: itself, or the end of its backoff-reroute chain."""
        seen = {queue.vmta}
        while queue.in_backoff and (target := queue.settings.backoff_reroute_to_virtual_mta):
            if target in seen or target not in self._own:
                break
            seen.add(target)
            queue = self.queue(queue.domain, target)
        return queue

    def find(self, domain: str, vmta: str) -> Queue:
        """An existing queue. Raises NotFoundError."""
        domain = domain.lower()
        queue = self._queues.get((self._sent_to.get((domain, vmta), domain), vmta))
        if queue is None:
            raise NotFoundError(f"there is no queue {domain}/{vmta}")
        return queue

    def select(self, wanted: Choice, order: QueueOrder = QueueOrder.RECIPIENTS) -> list[Queue]:
        """The wanted queues, in order."""
        matching = [queue for queue in self if wanted.takes(queue)]
        match order:
            case QueueOrder.NAME:
                matching.sort(key=lambda q: q.name)
            case QueueOrder.SIZE:
                matching.sort(key=lambda q: (-q.size, q.name))
            case QueueOrder.RECIPIENTS:
                matching.sort(key=lambda q: (-q.recipients, q.name))
        return matching


def _matches(queue: Queue, pattern: str) -> bool:
    if pattern == "*":
        return True
    domain, _, vmta = pattern.lower().partition("/")
    return fnmatch.fnmatchcase(queue.domain, domain or "*") and (
        not vmta or fnmatch.fnmatchcase(queue.vmta.lower(), vmta)
    )


class VirtualMtaChoice:
    """Which VirtualMTA a message goes through: the one asked for, a member of the pool, or the default."""

    def __init__(self, settings: EngineSettings) -> None:
        self._vmtas = settings.virtual_mtas
        self._pools = settings.virtual_mta_pools
        self._default = settings.default_virtual_mta
        self._credit: dict[str, dict[str, int]] = {
            name: dict.fromkeys(p.members, 0) for name, p in self._pools.items()
        }

    def choose(self, asked: str) -> str:
        """The VirtualMTA. Raises OperatorError for a name that nobody knows."""
        name = asked or self._default
        if name in self._vmtas:
            return name
        if name in self._pools:
            return self._next_of(name)
        raise OperatorError(f"x-virtual-mta: there is no VirtualMTA {asked!r}")

    def _next_of(self, pool: str) -> str:
        """Smooth weighted round robin, as nginx does it: by weight, and never in clumps."""
        credit, weights = self._credit[pool], self._pools[pool].members
        for member, weight in weights.items():
            credit[member] += weight
        chosen = max(credit, key=lambda member: credit[member])
        credit[chosen] -= sum(weights.values())
        return chosen
