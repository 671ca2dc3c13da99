"""Carries out what reclaim.py decides: copies what is needed to the log's end, then deletes the segment.

Reading and deleting happen in worker threads, a chunk at a time; writing goes through ordinary commits, so
that a crash at any point leaves two equal copies at worst, and the later one counts.
"""

import asyncio
import contextlib
import logging
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from core.errors import SpoolError
from engine.spool import reclaim, records, scan
from engine.spool.base import SpoolCounters
from engine.spool.commits import Entry
from engine.spool.committer import Committer
from engine.spool.files import Files
from engine.spool.index import Index, Segment
from engine.spool.places import Place
from engine.spool.reader import Reader
from engine.spool.records import Kind, Mark, Record, segment_name

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
COPY = object()
"""The token of an entry that nobody waits for."""


class _Live(NamedTuple):
    message_id: int
    place: Place
    head: bytes
    body: bytes


class _Chunk(NamedTuple):
    live: list[_Live]
    marks: list[Mark]
    damaged: int


class Reclaimer:
    """One step at a time, and only while something can be gained."""

    def __init__(
        self,
        files: Files,
        directory: Path,
        marker: bytes,
        index: Index,
        committer: Committer,
        reader: Reader,
        counters: SpoolCounters,
    ) -> None:
        self._files = files
        self._directory = directory
        self._marker = marker
        self._index = index
        self._committer = committer
        self._reader = reader
        self._counters = counters
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._closing = False

    def wake(self) -> None:
        """Something has died or been closed: look whether a segment can go."""
        self._again = True
        if self._task is None and not self._closing:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Finish the chunk at hand and stop."""
        self._closing = True
        if self._task is not None:
            await self._task

    async def idle(self) -> None:
        """Return when nothing is left to gain. For tests."""
        while self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._steps()
        except (OSError, SpoolError) as error:
            log.warning("The spool cannot reclaim room now: %s", error, extra={"event": "spool.reclaim"})
        finally:
            self._task = None

    async def _steps(self) -> None:
        while not self._closing:
            step = reclaim.next_step(self._index.segments.values())
            if step is None:
                return
            segment = self._index.segments[step.sequence]
            if step.reason is reclaim.Reason.WASTE:
                whole = await self._rewrite(segment)
                if not whole or segment.live or segment.damaged:
                    return
            await self._delete(segment, step.reason)

    async def _rewrite(self, segment: Segment) -> bool:
        """Copy what is needed; whether the segment was read to its end."""
        chunks = self._chunks(segment)
        with contextlib.closing(chunks):
            while not self._closing:
                chunk = await asyncio.to_thread(next, chunks, None)
                if chunk is None:
                    return True
                segment.damaged = segment.damaged or chunk.damaged > 0
                self._write(chunk, segment)
                await self._committer.sync()
        return False

    def _write(self, chunk: _Chunk, segment: Segment) -> None:
        for message_id, place, head, body in chunk.live:
            if self._index.place(message_id) != place:
                continue  # settled since it was read
            masked = records.with_mask(head, self._index.pending(message_id))
            frame = records.encode_record(self._marker, Kind.MESSAGE, masked, body)
            self._committer.append(Entry(message_id, frame, body, COPY))
            self._counters.copied_messages += 1
        for mark in chunk.marks:
            if reclaim.mark_needed(mark, segment, self._index):
                self._committer.mark(mark)

    async def _delete(self, segment: Segment, reason: reclaim.Reason) -> None:
        self._reader.forget(segment.sequence)
        await asyncio.to_thread(self._unlink, segment.sequence)
        del self._index.segments[segment.sequence]
        self._counters.reclaimed_segments += 1
        log.debug(
            "Segment %d is deleted: %s", segment.sequence, reason.value, extra={"event": "spool.reclaimed"}
        )

    def _unlink(self, sequence: int) -> None:
        self._files.unlink(self._directory / segment_name(sequence, self._marker))
        # before anything that leant on its being gone may go
        self._files.sync_directory(self._directory)

    def _chunks(self, segment: Segment) -> Generator[_Chunk, None, None]:
        """What is live, and all marks, as read by a worker thread."""
        fd = self._files.open(self._directory / segment_name(segment.sequence, self._marker))
        try:
            window = scan.Window(self._files, fd, segment.length)
            reading = scan.SegmentScan(window, self._marker, segment.length)
            chunk, size = _Chunk([], [], 0), 0
            for group in reading:
                for record in group.messages:
                    size += self._collect(record, window, segment, chunk)
                if group.batch is not None:
                    chunk.marks.extend(records.decode_marks(group.batch.head))
                if size >= _CHUNK:
                    yield chunk
                    chunk, size = _Chunk([], [], 0), 0
            yield chunk._replace(damaged=len(reading.damage))
        finally:
            self._files.close(fd)

    def _collect(self, record: Record, window: scan.Window, segment: Segment, chunk: _Chunk) -> int:
        message_id = records.decode_pending(record.head)[0]
        place = Place(segment.sequence, record.offset, record.size)
        if self._index.place(message_id) != place or not scan.body_is_intact(window, record):
            return 0  # a damaged one stays live, and with it the segment
        body = window.cut(record.body_offset, record.end - record.body_offset)
        chunk.live.append(_Live(message_id, place, record.head, body))
        return place.size
