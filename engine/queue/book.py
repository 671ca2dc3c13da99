"""All queues by name: made when mail comes, with the directives that hold for them."""

import fnmatch
from collections.abc import Iterator, Mapping
from enum import StrEnum

from core.errors import NotFoundError, OperatorError
from engine.directives import Block, blocks, effective
from engine.queue.modes import QueueMode
from engine.queue.queue import Queue
from engine.settings import EngineSettings, VirtualMtaSettings


class QueueOrder(StrEnum):
    """How a listing is sorted."""

    RECIPIENTS = "rcpt"
    NAME = "name"
    SIZE = "size"


class QueueBook:
    """Queues, one per domain and VirtualMTA."""

    def __init__(self, settings: EngineSettings) -> None:
        self._vmtas: Mapping[str, VirtualMtaSettings] = settings.virtual_mtas
        self._global: list[Block] = blocks(settings.domains, "engine.domains")
        self._own: dict[str, list[Block]] = {
            name: blocks(vmta.domains, f"virtual-mta {name}") for name, vmta in self._vmtas.items()
        }
        self._queues: dict[tuple[str, str], Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    def queue(self, domain: str, vmta: str) -> Queue:
        """The queue, made if it is not there."""
        key = (domain, vmta)
        queue = self._queues.get(key)
        if queue is None:
            holds = effective(domain, [self._global, self._own[vmta]])
            queue = self._queues[key] = Queue(domain, vmta, holds.settings, dict(holds.origins))
        return queue

    def find(self, domain: str, vmta: str) -> Queue:
        """An existing queue. Raises NotFoundError."""
        queue = self._queues.get((domain.lower(), vmta))
        if queue is None:
            raise NotFoundError(f"there is no queue {domain}/{vmta}")
        return queue

    def select(
        self,
        pattern: str = "*",
        *,
        mode: QueueMode | None = None,
        order: QueueOrder = QueueOrder.RECIPIENTS,
        most: int = 1000,
    ) -> list[Queue]:
        """Queues whose name matches `domain[/vmta]` (with `*`), in order, at most `most`."""
        matching = [q for q in self if _matches(q, pattern) and (mode is None or q.mode is mode)]
        match order:
            case QueueOrder.NAME:
                matching.sort(key=lambda q: q.name)
            case QueueOrder.SIZE:
                matching.sort(key=lambda q: (-q.size, q.name))
            case QueueOrder.RECIPIENTS:
                matching.sort(key=lambda q: (-q.recipients, q.name))
        return matching[:most]


def _matches(queue: Queue, pattern: str) -> bool:
    domain, _, vmta = pattern.lower().partition("/")
    return fnmatch.fnmatchcase(queue.domain, domain or "*") and (
        not vmta or fnmatch.fnmatchcase(queue.vmta.lower(), vmta)
    )


def choose_vmta(asked: str, settings: EngineSettings) -> str:
    """The VirtualMTA for a message: the one its header asks for, or the default. Raises OperatorError."""
    if asked in settings.virtual_mtas:
        return asked
    if not asked:
        return settings.default_virtual_mta
    raise OperatorError(f"x-virtual-mta: there is no VirtualMTA {asked!r}")
