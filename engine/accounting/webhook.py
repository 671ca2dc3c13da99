"""Posts records to a web address: batches of JSON lines, signed, kept on disk until they are taken.

At least once: a batch has a name that a receiver can tell repeats by. No delivery waits for this; what has no
room in the buffer is dropped, oldest first, and counted.
"""

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from core.clock import Clock
from core.errors import OperatorError
from core.signature import SIGNATURE, signature
from engine.accounting.encoding import JsonEncoding
from engine.accounting.records import Record
from engine.accounting.settings import WebhookSettings

log = logging.getLogger(__name__)

BATCH = "Tidegate-Batch"


def next_wait(settings: WebhookSettings, failures: int) -> timedelta:
    """The wait after the n-th failure in a row (from 1): doubling, up to max-retry-after."""
    longest = settings.max_retry_after
    doublings = min(failures - 1, 20)
    return min(longest, settings.retry_after * (1 << doublings))


class Webhook:
    """One receiver. `put` is called in a thread, everything else on the loop."""

    def __init__(
        self,
        settings: WebhookSettings,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self.folder = settings.buffer / hashlib.sha256(settings.url.encode()).hexdigest()[:12]
        self.problem = ""
        self.posted = self.failed = self.dropped = 0
        self._clock = clock
        self._transport = transport
        self._kinds = frozenset(settings.records)
        self._encoding = JsonEncoding()
        self._sequence = itertools.count(1)
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to post, with what the last run left. Raises OperatorError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for unfinished in self.folder.glob("*.part"):
                unfinished.unlink()
        except OSError as error:
            raise OperatorError(
                f"engine.accounting-webhooks.buffer: {self.folder} cannot be used: {error.strerror}"
            ) from error
        self._loop = asyncio.get_running_loop()
        self._news.set()
        self._task = self._loop.create_task(self._run())

    def put(self, records: Sequence[Record], now: datetime) -> None:
        """Buffer records as batches. What a disk refuses is dropped and told."""
        wanted = [record for record in records if record.kind in self._kinds]
        size = self.settings.batch_size
        for first in range(0, len(wanted), size):
            batch = wanted[first : first + size]
            try:
                self._buffer(self._encoding.encode(batch), now)
            except OSError as error:
                self.dropped += len(batch)
                self.problem = f"the webhook's buffer cannot be written: {error.strerror or error}"
        if wanted and self._loop:
            self._make_room()
            self._loop.call_soon_threadsafe(self._news.set)

    async def close(self) -> None:
        """Stop posting; batches that are left are posted after the next start."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def batches(self) -> list[Path]:
        """What is buffered, oldest first."""
        found = self.folder.glob("*.jsonl")
        return sorted(path for path in found if path.stem.partition("-")[0].isdecimal())

    def _buffer(self, body: bytes, now: datetime) -> None:
        name = f"{int(now.timestamp() * 1_000):015}-{os.getpid()}-{next(self._sequence):06}"
        part = self.folder / f"{name}.part"
        part.write_bytes(body)
        part.rename(part.with_suffix(".jsonl"))

    def _make_room(self) -> None:
        found = [(path, path.stat().st_size) for path in self.batches()]
        excess = sum(size for _, size in found) - self.settings.max_buffer
        for path, size in found:
            if excess <= 0:
                return
            self._drop(path, "the buffer is full")
            excess -= size

    def _drop(self, path: Path, why: str) -> None:
        with contextlib.suppress(OSError):
            self.dropped += path.read_bytes().count(b"\n")
            path.unlink()
        log.error(
            "A batch for the webhook was dropped: %s",
            why,
            extra={"event": "webhook.dropped", "batch": path.stem},
        )

    async def _run(self) -> None:
        timeout = self.settings.timeout.total_seconds()
        failures = 0
        async with httpx.AsyncClient(
            transport=self._transport, timeout=timeout, trust_env=False, follow_redirects=False
        ) as client:
            while True:
                await self._news.wait()
                self._news.clear()
                for path in await asyncio.to_thread(self.batches):
                    while not await self._post(client, path):
                        failures += 1
                        await self._clock.sleep(next_wait(self.settings, failures).total_seconds())
                    failures = 0

    async def _post(self, client: httpx.AsyncClient, path: Path) -> bool:
        """Whether the batch is done with: taken, or given up."""
        try:
            body = await asyncio.to_thread(path.read_bytes)
            answer = await client.post(self.settings.url, content=body, headers=self._headers(path, body))
            answer.raise_for_status()
        except FileNotFoundError:
            return True  # there was no room for it any more
        except (httpx.HTTPError, OSError) as error:
            return self._refused(path, error)
        if not answer.is_success:
            return self._refused(path, httpx.HTTPError(f"it answered {answer.status_code}"))
        self.posted += 1
        self.problem = ""
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return True

    def _headers(self, path: Path, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/x-ndjson", BATCH: path.stem, "User-Agent": "Tidegate"}
        if self.settings.secret:
            now = int(self._clock.now().timestamp())
            headers[SIGNATURE] = signature(self.settings.secret.get_secret_value(), now, body)
        return headers

    def _refused(self, path: Path, error: Exception) -> bool:
        self.failed += 1
        why = (
            f"it answered {error.response.status_code}"
            if isinstance(error, httpx.HTTPStatusError)
            else str(error) or type(error).__name__
        )
        if not self.problem:
            log.warning("The accounting webhook fails: %s", why, extra={"event": "webhook.failed"})
        self.problem = f"the accounting webhook fails: {why}"
        written = datetime.fromtimestamp(int(path.stem.partition("-")[0]) / 1_000, UTC)
        if self._clock.now() - written < self.settings.give_up_after:
            return False
        self._drop(path, f"not taken within give-up-after; {why}")
        return True
