"""The spool that forgets: same promises but for the disk. For tests and rehearsals."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from core.errors import SpoolError
from engine.spool.base import (
    LAST_ERROR_LIMIT,
    Envelope,
    MessageGone,
    MessageId,
    NewMessage,
    PendingRecipient,
    Settled,
    SpoolCounters,
    SpoolSize,
    StoredMessage,
    format_id,
)


@dataclass(slots=True)
class _Held:
    message: NewMessage
    pending: dict[int, PendingRecipient]


@dataclass(slots=True)
class _Shelf:
    """What outlives a spool's closing, as a disk would."""

    held: dict[MessageId, _Held] = field(default_factory=dict)
    last_id: int = 0


class MemorySpool:
    """Keeps messages in a dictionary. `failure`, when set, is raised by every `store` until it is None."""

    def __init__(self, shelf: _Shelf | None = None) -> None:
        self.counters = SpoolCounters()
        self.failure: SpoolError | None = None
        self._shelf = shelf or _Shelf()
        self._open = True

    def reopened(self) -> "MemorySpool":
        """Another spool with the same content, as after a restart."""
        return MemorySpool(self._shelf)

    async def store(self, message: NewMessage) -> MessageId:
        self._check()
        if self.failure is not None:
            self.counters.failed_commits += 1
            raise self.failure
        self._shelf.last_id += 1
        message_id = MessageId(self._shelf.last_id)
        pending = {i: PendingRecipient(i) for i in range(len(message.recipients))}
        self._shelf.held[message_id] = _Held(message, pending)
        self.counters.commits += 1
        self.counters.syncs += 1
        self.counters.synced_messages += 1
        self.counters.synced_bytes += len(message.content)
        return message_id

    def settle(self, message_id: MessageId, recipient_index: int, outcome: Settled) -> None:  # noqa: ARG002
        self._check()
        held = self._shelf.held.get(message_id)
        if held is None or held.pending.pop(recipient_index, None) is None:
            return
        self.counters.marks += 1
        if not held.pending:
            del self._shelf.held[message_id]

    def postpone(
        self,
        message_id: MessageId,
        recipient_index: int,
        attempts: int,
        next_attempt_at: datetime,
        last_error: str = "",
    ) -> None:
        self._check()
        held = self._shelf.held.get(message_id)
        if held is not None and recipient_index in held.pending:
            self.counters.marks += 1
            held.pending[recipient_index] = PendingRecipient(
                recipient_index, attempts, next_attempt_at, last_error[:LAST_ERROR_LIMIT]
            )

    def envelope(self, message_id: MessageId) -> Envelope:
        return self._message(message_id)

    def content(self, message_id: MessageId) -> bytes:
        return self._message(message_id).content

    def recover(self) -> Iterator[StoredMessage]:
        for message_id in list(self._shelf.held):
            held = self._shelf.held.get(message_id)
            if held is not None:
                pending = tuple(held.pending[i] for i in sorted(held.pending))
                yield StoredMessage(message_id, held.message, len(held.message.content), pending)

    def size(self) -> SpoolSize:
        held = self._shelf.held.values()
        total = sum(len(each.message.content) for each in held)
        return SpoolSize(len(held), total, total, 0)

    async def sync(self) -> None:
        self._check()

    async def close(self) -> None:
        self._open = False

    def _check(self) -> None:
        if not self._open:
            raise SpoolError("The spool is closed")

    def _message(self, message_id: MessageId) -> NewMessage:
        held = self._shelf.held.get(message_id)
        if held is None:
            raise MessageGone(f"No message {format_id(message_id)} in the spool")
        return held.message
