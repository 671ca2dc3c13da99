"""Backoff Insight: what a queue remembers so that a person sees why it is slow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

_ERRORS = 10
_MODE_CHANGES = 10
_RECIPIENT_EVENTS = 50


@dataclass(frozen=True, slots=True)
class QueueError:
    """One error of the queue, the peer's words verbatim."""

    at: datetime
    text: str
    source_ip: str
    peer: str


@dataclass(frozen=True, slots=True)
class ModeChange:
    """From which mode to which, and what did it."""

    at: datetime
    before: str
    after: str
    cause: str


@dataclass(slots=True)  # not frozen: one is made for every recipient, and frozen it would take thrice as long
class RecipientEvent:
    """One delivery, deferral or bounce, with the source IP that it happened on."""

    at: datetime
    kind: str
    source_ip: str
    recipient: str
    peer: str
    reply: str
    job: str


@dataclass(frozen=True, slots=True)
class BackoffCause:
    """Why a queue is in backoff: the pattern that matched and the reply that it matched, verbatim."""

    since: datetime
    pattern: str
    reply: str
    peer: str
    source_ip: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DisabledSource:
    """A source IP taken out of a queue: by which pattern and reply, and until when (None: by hand)."""

    address: str
    since: datetime
    pattern: str
    reply: str
    until: datetime | None


@dataclass(slots=True)
class Insight:
    """The newest errors, mode changes and recipient events of one queue, oldest first.

    A queue that nothing has happened to yet, as to most of 50,000, costs next to nothing.
    """

    errors: tuple[QueueError, ...] = ()
    mode_changes: tuple[ModeChange, ...] = ()
    _events: deque[RecipientEvent] | None = None

    @property
    def events(self) -> tuple[RecipientEvent, ...]:
        return tuple(self._events or ())

    def failed(self, error: QueueError) -> None:
        self.errors = (*self.errors[1 - _ERRORS :], error)

    def changed(self, change: ModeChange) -> None:
        self.mode_changes = (*self.mode_changes[1 - _MODE_CHANGES :], change)

    def happened(self, event: RecipientEvent) -> None:
        if self._events is None:
            self._events = deque(maxlen=_RECIPIENT_EVENTS)
        self._events.append(event)
