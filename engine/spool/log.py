"""The spool on disk. Puts together the index, the committing thread, the reader and the reclaimer."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from core.errors import ConflictError, SpoolError
from engine.spool import records, recovery
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
from engine.spool.cache import RecentMessages
from engine.spool.commits import Commit, Entry, SpoolOptions, as_spool_error
from engine.spool.committer import Committer
from engine.spool.compaction import Reclaimer
from engine.spool.files import Files, OsFiles
from engine.spool.places import Place
from engine.spool.reader import Reader
from engine.spool.records import Kind, PostponedMark, SettledMark
from engine.spool.recovery import Recovered
from engine.spool.writer import SegmentWriter

log = logging.getLogger(__name__)


class _Waiting:
    """Who waits for a message to be stored."""

    __slots__ = ("future", "message")

    def __init__(self, future: asyncio.Future[None], message: NewMessage) -> None:
        self.future = future
        self.message = message


class LogSpool:
    """Implements Spool. Make one with `open`."""

    def __init__(
        self, files: Files, directory: Path, lock: int, options: SpoolOptions, found: Recovered
    ) -> None:
        self.counters = SpoolCounters()
        self._files = files
        self._lock = lock
        self._marker = found.marker
        self._index = found.index
        self._retries = found.retries
        self._recent = RecentMessages(options.cache_size, options.largest_cached)
        self._reader = Reader(files, directory, found.marker)
        writer = SegmentWriter(
            files,
            directory,
            found.marker,
            options,
            sequence=found.next_sequence,
            predecessor=found.predecessor,
        )
        self._committer = Committer(
            writer,
            options,
            self._committed,
            next_id=found.next_id,
            next_revision=found.next_revision,
        )
        self._reclaimer = Reclaimer(
            files, directory, found.marker, self._index, self._committer, self._reader, self.counters
        )
        self._open = True
        self._reclaimer.wake()

    @classmethod
    async def open(
        cls, directory: Path, options: SpoolOptions | None = None, files: Files | None = None
    ) -> "LogSpool":
        """Take hold of the directory (made if missing) and read it. Runs the reading in a thread.

        Raises ConflictError when another process holds it, SpoolError when it cannot be read.
        """
        files = files or OsFiles()
        try:
            files.make_directory(directory)
            lock = _lock(files, directory)
            try:
                found = await asyncio.to_thread(recovery.recover, files, directory)
            except BaseException:
                files.close(lock)
                raise
        except OSError as error:
            raise SpoolError(f"The spool {directory} cannot be opened: {error.strerror or error}") from error
        return cls(files, directory, lock, options or SpoolOptions(), found)

    async def store(self, message: NewMessage) -> MessageId:
        self._check()
        committer = self._committer
        message_id = committer.next_id
        committer.next_id += 1
        head = records.encode_message(message_id, message)
        record = records.encode_record(self._marker, Kind.MESSAGE, head, message.content)
        waiter = asyncio.get_running_loop().create_future()
        committer.append(Entry(message_id, record, message.content, _Waiting(waiter, message)))
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                self._abandon(message_id)
            raise
        return MessageId(message_id)

    def settle(self, message_id: MessageId, recipient_index: int, outcome: Settled) -> None:
        self._check()
        if self._is_pending(message_id, recipient_index):
            self._strike(message_id, recipient_index, outcome)

    def postpone(
        self,
        message_id: MessageId,
        recipient_index: int,
        attempts: int,
        next_attempt_at: datetime,
        last_error: str = "",
    ) -> None:
        self._check()
        if not self._is_pending(message_id, recipient_index):
            return
        revision = self._committer.next_revision
        self._committer.next_revision += 1
        when = records.microseconds(next_attempt_at)
        error = last_error[:LAST_ERROR_LIMIT].encode("utf-8", "replace")
        self._mark(PostponedMark(message_id, recipient_index, revision, attempts, when, error))

    def envelope(self, message_id: MessageId) -> Envelope:
        recent = self._recent.get(message_id)
        if recent is not None:
            return recent
        head, _ = self._reader.read(message_id, self._place(message_id))
        return records.decode_envelope(head)

    def content(self, message_id: MessageId) -> bytes:
        recent = self._recent.get(message_id)
        if recent is not None:
            self.counters.cache_hits += 1
            return recent.content
        self.counters.cache_misses += 1
        return self._reader.read(message_id, self._place(message_id))[1]

    def recover(self) -> Iterator[StoredMessage]:
        retries, self._retries = self._retries, recovery.Retries()
        for message_id, record in self._reader.heads(self._index, self._index):
            mask = self._index.pending(message_id)
            if mask == 1:
                pending: tuple[PendingRecipient, ...] = (retries.take(message_id, 0),)
            else:
                indices = (index for index in range(mask.bit_length()) if mask >> index & 1)
                pending = tuple(retries.take(message_id, index) for index in indices)
            envelope = records.decode_envelope(record.head)
            yield StoredMessage(MessageId(message_id), envelope, record.end - record.body_offset, pending)

    def size(self) -> SpoolSize:
        segments = self._index.segments.values()
        live_bytes = sum(segment.live_bytes for segment in segments)
        disk_bytes = sum(segment.length for segment in segments)
        return SpoolSize(len(self._index), live_bytes, disk_bytes, len(segments))

    async def sync(self) -> None:
        self._check()
        await self._committer.sync()

    async def close(self) -> None:
        if not self._open:
            return
        self._open = False
        await self._reclaimer.close()
        try:
            await self._committer.sync()
        finally:
            await self._committer.close()
            self._reader.close()
            self._files.close(self._lock)

    def _check(self) -> None:
        if not self._open:
            raise SpoolError("The spool is closed")

    def _place(self, message_id: int) -> Place:
        place = self._index.place(message_id)
        if place is None:
            raise MessageGone(f"No message {format_id(message_id)} in the spool")
        return place

    def _is_pending(self, message_id: int, recipient: int) -> bool:
        return bool(self._index.pending(message_id) >> recipient & 1)

    def _strike(self, message_id: int, recipient: int, outcome: Settled) -> None:
        segment = self._index.settle(message_id, recipient)
        self._mark(SettledMark(message_id, recipient, outcome))
        if segment is None:
            return
        self._recent.discard(message_id)
        if segment.closed and (segment.live == 0 or (segment.mostly_waste and not segment.noticed)):
            segment.noticed = True
            self._reclaimer.wake()

    def _mark(self, mark: SettledMark | PostponedMark) -> None:
        self.counters.marks += 1
        self._committer.mark(mark)

    def _abandon(self, message_id: int) -> None:
        mask = self._index.pending(message_id)
        for recipient in range(mask.bit_length()):
            if mask >> recipient & 1:
                self._strike(message_id, recipient, Settled.ABANDONED)

    def _committed(self, commit: Commit) -> None:
        """In the loop's thread, after every commit."""
        known = len(self._index.segments)
        for closed in commit.closed:
            segment = self._index.segment(closed.sequence)
            segment.length, segment.trimmed, segment.closed = closed.length, closed.trimmed, True
        if commit.sequence:
            self._book(commit)
        if commit.error is None:
            self._stored(commit)
        else:
            self._failed(commit)
        if commit.closed or len(self._index.segments) != known:
            self._reclaimer.wake()

    def _book(self, commit: Commit) -> None:
        segment = self._index.segment(commit.sequence)
        segment.length = commit.end
        segment.mark_bytes += commit.mark_bytes
        segment.settled.include(commit.settled)
        segment.postponed.include(commit.postponed)

    def _stored(self, commit: Commit) -> None:
        self.counters.commits += 1
        self.counters.syncs += commit.synced
        offset = commit.start
        for message_id, head, body, token in commit.batch.entries:
            place = Place(commit.sequence, offset, len(head) + len(body))
            offset += place.size
            segment = self._index.segment(commit.sequence)
            if not isinstance(token, _Waiting):
                segment.copies.add(message_id)
                self._index.move(message_id, place)
                continue
            segment.originals.add(message_id)
            self._index.put(message_id, place, len(token.message.recipients))
            self.counters.synced_messages += 1
            self.counters.synced_bytes += len(body)
            if token.future.cancelled():
                self._abandon(message_id)
            else:
                self._recent.put(message_id, token.message)
                token.future.set_result(None)

    def _failed(self, commit: Commit) -> None:
        self.counters.failed_commits += 1
        error = commit.error or SpoolError("unknown")
        log.error("The spool cannot be written: %s", error, extra={"event": "spool.failed"})
        for entry in commit.batch.entries:
            if isinstance(entry.token, _Waiting) and not entry.token.future.done():
                entry.token.future.set_exception(as_spool_error(error))


def _lock(files: Files, directory: Path) -> int:
    try:
        return files.lock(directory / "lock")
    except BlockingIOError as error:
        raise ConflictError(
            f"Another process uses the spool {directory}; stop it, or give this engine a spool of its own"
        ) from error
