"""What passes between the loop and the committing thread."""

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import SpoolError, SpoolFull
from engine.spool.index import Span
from engine.spool.records import Mark

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when there is no room: on the disk, in the quota, under RLIMIT_FSIZE."""


@dataclass(frozen=True, slots=True)
class SpoolOptions:
    """Sizes in bytes. `mark_reserve` of every segment is kept for marks when the disk is full.

    `sync_after` is how many real seconds a settled mark may wait for its fdatasync; it is written at once,
    so that only a crash of the machine, not of the process, can repeat the delivery. After a commit of
    `commit_siblings` messages the next one waits `commit_delay` real seconds for company, as PostgreSQL's
    settings of these names have it: under load that is fewer, larger commits; alone, nobody waits.
    """

    segment_size: int = 64 << 20
    mark_reserve: int = 1 << 20
    cache_size: int = 64 << 20
    largest_cached: int = 256 << 10
    largest_batch: int = 16 << 20
    sync_after: float = 1.0
    commit_delay: float = 0.002
    commit_siblings: int = 5


class Entry(NamedTuple):
    """A record to append: its frame and head, its body, and who is told (by the log, not by the writer)."""

    message_id: int
    head: bytes
    body: bytes
    token: object


@dataclass(slots=True)
class Batch:
    """One commit's worth. `durable`: return only after fdatasync."""

    entries: Sequence[Entry]
    marks: Sequence[Mark]
    durable: bool
    next_id: int = 1
    next_revision: int = 1
    syncs: Sequence[asyncio.Future[None]] = ()


@dataclass(slots=True)
class Closed:
    """A segment that takes no more records. `trimmed` is False if bytes beyond `length` remain."""

    sequence: int
    length: int
    trimmed: bool


@dataclass(slots=True)
class Commit:
    """What became of a batch. With an `error` none of its entries is on the disk; marks are never lost."""

    batch: Batch
    error: Exception | None = None
    sequence: int = 0
    start: int = 0
    end: int = 0
    synced: bool = False
    pending_sync: bool = False
    mark_bytes: int = 0
    settled: Span = field(default_factory=Span)
    postponed: Span = field(default_factory=Span)
    closed: list[Closed] = field(default_factory=list)


def as_spool_error(error: Exception) -> SpoolError:
    """What waiters are told; each gets its own."""
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return SpoolFull(f"The spool has no room: {text}")
    return SpoolError(f"The spool cannot be written: {text}")
