"""Gathers what the loop wants written while one thread commits, and tells the loop what became of it.

What arrives while a commit is in flight makes up the next; only under load does that one wait a moment for
company. Everything here runs in the loop's thread except `_run`.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable

from engine.spool.commits import Batch, Commit, Entry, SpoolOptions, as_spool_error
from engine.spool.records import Mark
from engine.spool.writer import SegmentWriter

log = logging.getLogger(__name__)


class Committer:
    """Owns the committing thread. `next_id` and `next_revision` are what the log hands out next."""

    def __init__(
        self,
        writer: SegmentWriter,
        options: SpoolOptions,
        on_commit: Callable[[Commit], None],
        *,
        next_id: int,
        next_revision: int,
    ) -> None:
        self.next_id = next_id
        self.next_revision = next_revision
        self._writer = writer
        self._options = options
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._entries: deque[Entry] = deque()
        self._marks: list[Mark] = []
        self._syncs: list[asyncio.Future[None]] = []
        self._urgent = False
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-committer", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> None:
        """Write an entry; `on_commit` hears of it after fdatasync."""
        self._entries.append(entry)
        self._wake()

    def mark(self, mark: Mark) -> None:
        """Write a mark soon; it is durable at the latest `sync_after` later."""
        self._marks.append(mark)
        self._wake()

    async def sync(self) -> None:
        """Return once everything handed over so far is durable. Raises SpoolError, SpoolFull."""
        done = self._loop.create_future()
        self._syncs.append(done)
        self._wake()
        await done

    async def close(self) -> None:
        """Let the thread finish; nothing may be pending. Then close the writer."""
        if self._timer is not None:
            self._timer.cancel()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        self._writer.close()

    def _wake(self) -> None:
        # one turn of the loop later, so that all that arrived in this turn shares the commit
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._submit)

    def _submit(self) -> None:
        entries = self._take()
        last = not self._entries
        durable = bool(entries) or self._urgent or bool(self._syncs)
        syncs = self._syncs if last else []
        if last:
            self._syncs, self._urgent = [], False
        marks, self._marks = self._marks, []
        self._batches.put(Batch(entries, marks, durable, self.next_id, self.next_revision, syncs))

    def _take(self) -> list[Entry]:
        """As much as one commit may hold, one entry at least."""
        taken: list[Entry] = []
        room = self._options.largest_batch
        while self._entries and (not taken or len(self._entries[0].body) <= room):
            entry = self._entries.popleft()
            room -= len(entry.body)
            taken.append(entry)
        return taken

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                commit = self._writer.commit(batch)
            except Exception as error:  # whoever waits must hear of it, whatever it is
                log.exception("The spool's committing thread stumbled", extra={"event": "spool.bug"})
                commit = Commit(batch, error)
            try:
                self._loop.call_soon_threadsafe(self._finish, commit)
            except RuntimeError:  # the loop is closed: nobody is left to tell
                return

    def _finish(self, commit: Commit) -> None:
        self._busy = False
        self._on_commit(commit)
        for waiter in commit.batch.syncs:
            if waiter.done():
                continue
            if commit.error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(as_spool_error(commit.error))
        if self._entries or self._marks or self._syncs:
            self._busy = True
            self._submit_after(commit)
        if commit.pending_sync and self._timer is None:
            self._timer = self._loop.call_later(self._options.sync_after, self._sync_soon)

    def _submit_after(self, commit: Commit) -> None:
        if len(commit.batch.entries) >= self._options.commit_siblings:
            self._loop.call_later(self._options.commit_delay, self._submit)
        else:
            self._submit()

    def _sync_soon(self) -> None:
        """Nobody awaits this: a failure is counted and the next commit tries again."""
        self._timer = None
        self._urgent = True
        self._wake()
