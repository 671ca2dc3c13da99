"""Gathers records and has them written, without ever holding up a delivery.

A record is a tuple in memory until the next flush, which encodes and writes in a thread. What cannot be
written waits in memory, so much of it as has room, and is tried again with every flush.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.clock import NANOSECONDS, Clock
from core.errors import OperatorError
from engine.accounting.file import AccountingFile
from engine.accounting.latency import Latency
from engine.accounting.records import Record
from engine.accounting.settings import AccountingFileSettings, RecordKind, WebhookSettings
from engine.accounting.webhook import Webhook

log = logging.getLogger(__name__)

_LOG_EVERY_NS = 60 * NANOSECONDS
MOST_WAITING = 200_000
"""Records in memory for a file that cannot be written; beyond them the oldest are dropped and counted."""


@dataclass(slots=True)
class _Target:
    """One file and the records that it still has to take."""

    file: AccountingFile
    waiting: list[Record] = field(default_factory=list)
    problem: str = ""
    logged_at: int | None = None


class Accounting:
    """Records of one engine. `records` counts what was added by kind, `dropped` what was lost."""

    def __init__(
        self,
        files: Sequence[AccountingFileSettings],
        clock: Clock,
        webhooks: Sequence[WebhookSettings] = (),
    ) -> None:
        self._clock = clock
        self._targets = [_Target(AccountingFile(settings)) for settings in files]
        self.webhooks = [Webhook(settings, clock) for settings in webhooks]
        self._wanted = {kind for target in self._targets for kind in target.file.settings.records}
        self._wanted |= {kind for settings in webhooks for kind in settings.records}
        self._wanted.add(RecordKind.DELIVERED)  # for the latency
        self._records: list[Record] = []
        self.latency = Latency()
        self.records: Counter[RecordKind] = Counter()
        self.write_errors = 0
        self.dropped = 0

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files and the webhooks now, as sentences."""
        said = [target.problem for target in self._targets] + [webhook.problem for webhook in self.webhooks]
        return [problem for problem in said if problem]

    def open(self) -> None:
        """Begin. Raises OperatorError when a file cannot be written: at the start somebody still looks."""
        now = self._clock.now()
        for target in self._targets:
            try:
                target.file.open(now)
            except OSError as error:
                raise OperatorError(
                    f"engine.accounting-files: cannot write {target.file.path}: {error.strerror}"
                ) from error
        for webhook in self.webhooks:
            webhook.open()

    def add(self, kind: RecordKind, at: datetime, **fields: Any) -> None:
        """One event. Written with the next flush. Times among `fields` are POSIX seconds."""
        self.records[kind] += 1
        if kind in self._wanted:
            self._records.append(Record(kind, at, fields))

    async def flush(self) -> None:
        """Have what has gathered written, in a thread. Never raises for what a disk does."""
        records, self._records = self._records, []
        await asyncio.to_thread(self._write, records, self._clock.now())

    async def close(self) -> None:
        """Write the rest and let go."""
        await self.flush()
        for webhook in self.webhooks:
            await webhook.close()
        for target in self._targets:
            target.file.close()

    def _write(self, records: list[Record], now: datetime) -> None:
        for record in records:
            if record.kind is RecordKind.DELIVERED and (queued := record.fields.get("timeQueued")):
                self.latency.add(max(0.0, record.at.timestamp() - queued))
        for target in self._targets:
            self._write_to(target, records, now)
        for webhook in self.webhooks:
            webhook.put(records, now)

    def _write_to(self, target: _Target, records: list[Record], now: datetime) -> None:
        target.waiting.extend(records)
        try:
            target.file.write(target.waiting, now)
        except OSError as error:
            self._failed(target, error)
        else:
            target.waiting.clear()
            if target.problem:
                log.info("Accounting is written again", extra={"event": "accounting.recovered"})
                target.problem, target.logged_at = "", None

    def _failed(self, target: _Target, error: OSError) -> None:
        self.write_errors += 1
        surplus = len(target.waiting) - MOST_WAITING
        if surplus > 0:
            del target.waiting[:surplus]
            self.dropped += surplus
        target.problem = f"accounting file {target.file.path} cannot be written: {error.strerror or error}"
        now = self._clock.monotonic_ns()
        if target.logged_at is None or now - target.logged_at >= _LOG_EVERY_NS:
            target.logged_at = now
            log.error(
                "%s",
                target.problem,
                extra={
                    "event": "accounting.failed",
                    "waiting": len(target.waiting),
                    "dropped": self.dropped,
                },
            )
