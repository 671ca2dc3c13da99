"""What the engine asks of a spool, and the values that pass between them.

A message is *stored* once, *settled* once per recipient, and gone when its last recipient is settled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType, Protocol

from core.errors import SpoolError

MessageId = NewType("MessageId", int)
"""64 bits, grows with every message, never used twice by one spool."""

LAST_ERROR_LIMIT = 300
"""Characters of a remote reply that a postponement keeps."""

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WIDTH = 6


def format_id(message_id: int) -> str:
    """The short form for logs, replies and Received lines: Crockford's base 32, six digits at least."""
    digits = ""
    while message_id:
        message_id, digit = divmod(message_id, 32)
        digits = _DIGITS[digit] + digits
    return digits.rjust(_WIDTH, "0")


def parse_id(text: str) -> MessageId:
    """Read the short form, either case. Raises ValueError."""
    number = 0
    for digit in text.strip().upper():
        number = number * 32 + _DIGITS.index(digit)
    if not text.strip() or number >= 1 << 64:
        raise ValueError(f"{text!r} is not a message id")
    return MessageId(number)


class Settled(Enum):
    """Why a recipient needs no further attempt."""

    DELIVERED = "the remote server accepted it"
    BOUNCED = "refused for good; the sender was told"
    EXPIRED = "too old; the sender was told"
    DELETED = "an operator deleted it"
    DISCARDED = "dropped without telling the sender"
    ABANDONED = "the submitter went away before it heard that we have it"


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for every message, and takes half the time
class Envelope:
    """Everything about a message but its content. Text must not contain NUL.

    `wishes` is what the submitter wants to be told (engine.smtp.dsn), as one text; empty for nothing.
    """

    sender: str
    recipients: tuple[str, ...]
    vmta: str
    job: str = ""
    received_at: datetime
    peer: str = ""
    wishes: str = ""
    eight_bit: bool = False
    smtp_utf8: bool = False

    def __post_init__(self) -> None:
        if not self.recipients:
            raise ValueError("a message needs a recipient")


@dataclass(slots=True, kw_only=True)
class NewMessage(Envelope):
    """A message to store. `content` is what goes out after DATA, CRLF line ends, not dot-stuffed."""

    content: bytes


@dataclass(frozen=True, slots=True)
class PendingRecipient:
    """A recipient that is not settled. `index` counts in the envelope's `recipients`, from 0.

    `next_attempt_at` is None, `attempts` 0 and `last_error` empty before the first postponement.
    """

    index: int
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message found at start: `size` is the content's, in bytes; `pending` is never empty."""

    id: MessageId
    envelope: Envelope
    size: int
    pending: tuple[PendingRecipient, ...]


@dataclass(slots=True)
class SpoolCounters:
    """Since the start; for metrics. `synced_*` count what was acknowledged."""

    commits: int = 0
    syncs: int = 0
    synced_messages: int = 0
    synced_bytes: int = 0
    marks: int = 0
    failed_commits: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    reclaimed_segments: int = 0
    copied_messages: int = 0


@dataclass(frozen=True, slots=True)
class SpoolSize:
    """How full it is now: `messages` not wholly settled, their `live_bytes`, and the log's `disk_bytes`."""

    messages: int
    live_bytes: int
    disk_bytes: int
    segments: int


class MessageGone(SpoolError):  # noqa: N818 - reads as what happened
    """The message is settled for every recipient, or never was."""


class MessageDamaged(SpoolError):  # noqa: N818 - reads as what happened
    """The disk does not give back what was written; the content must not be sent."""


class Spool(Protocol):
    """A durable store of messages. Use it from one event loop only."""

    counters: SpoolCounters

    async def store(self, message: NewMessage) -> MessageId:
        """Return once the message is on stable storage.

        Raises SpoolFull when there is no room (answer 452 4.3.1) and SpoolError when it cannot be
        written; then nothing of the message remains. If the caller is cancelled, the message is
        abandoned and does not come back.
        """
        ...

    def settle(self, message_id: MessageId, recipient_index: int, outcome: Settled) -> None:
        """A recipient needs no further attempt. Written with the next commit and never awaited.

        A crash before that repeats the delivery at most. Settling what is not pending does nothing.
        """
        ...

    def postpone(
        self,
        message_id: MessageId,
        recipient_index: int,
        attempts: int,
        next_attempt_at: datetime,
        last_error: str = "",
    ) -> None:
        """Remember when to try again, and the first 300 characters of why. As durable as `settle`."""
        ...

    def envelope(self, message_id: MessageId) -> Envelope:
        """The envelope. Raises MessageGone, MessageDamaged, SpoolError."""
        ...

    def content(self, message_id: MessageId) -> bytes:
        """The content: recent small ones from memory, others read and checked.

        Raises MessageGone, MessageDamaged (bounce it, with a word to the postmaster), SpoolError.
        """
        ...

    def recover(self) -> Iterator[StoredMessage]:
        """Once, after opening: every message with unsettled recipients, in order of arrival.

        Lazy: other work may run between two messages; what is settled meanwhile is left out.
        """
        ...

    def size(self) -> SpoolSize:
        """How full it is now."""
        ...

    async def sync(self) -> None:
        """Return once every settle and postpone so far is on stable storage. Raises SpoolError."""
        ...

    async def close(self) -> None:
        """Write what is left and let go of the directory. Closing twice does nothing."""
        ...
