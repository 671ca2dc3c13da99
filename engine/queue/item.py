"""A message in memory and one recipient of it that waits. A million of them may: slots, no dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.smtp.dsn import Wishes


@dataclass(slots=True, eq=False)
class QueuedMessage:
    """What delivery needs to know of a stored message; its content stays in the spool."""

    id: int
    sender: str
    recipients: tuple[str, ...]
    size: int
    vmta: str
    job: str
    eight_bit: bool
    smtp_utf8: bool
    received_at: float
    """POSIX seconds on the engine's clock."""
    wishes: Wishes | None = None


@dataclass(slots=True, eq=False)
class QueuedRecipient:
    """One recipient that is not settled yet."""

    message: QueuedMessage
    index: int
    attempts: int = 0
    first_attempt_at: float = 0.0
    """POSIX seconds on the engine's clock; 0 before, and after a restart unknown."""

    @property
    def address(self) -> str:
        return self.message.recipients[self.index]


class Batch(NamedTuple):
    """Recipients of one message that go out in one transaction."""

    recipients: tuple[QueuedRecipient, ...]

    @property
    def message(self) -> QueuedMessage:
        return self.recipients[0].message


def domain_of(address: str) -> str:
    """The domain that an address is delivered to, in lower case."""
    return address.rpartition("@")[2].lower()
