"""Books what came of every attempt: spool, queue, Backoff Insight, statistics, accounting, mode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.clock import NANOSECONDS, Clock
from core.text import printable
from engine.accounting import Accounting
from engine.classification import ReplyCatalogue, ReplyClass
from engine.delivery.outcome import Fate, Verdict, judge, lane_wait
from engine.delivery.scheduler import Scheduler
from engine.patterns import Pattern, PatternAction, PatternList
from engine.queue.insight import BackoffCause, ModeChange, QueueError, RecipientEvent
from engine.queue.item import Batch, QueuedRecipient
from engine.queue.modes import ModeEvent, QueueMode, after
from engine.queue.queue import NEVER, Connection, Lane, Queue
from engine.smtp.reply import Reply, Speaker
from engine.spool.base import MessageId, Settled, Spool
from engine.statistics import Statistics

_SETTLED = {
    Fate.DELIVERED: Settled.DELIVERED,
    Fate.BOUNCED: Settled.BOUNCED,
    Fate.EXPIRED: Settled.EXPIRED,
}
_ACCOUNTED = {
    Fate.DELIVERED: "delivered",
    Fate.DEFERRED: "deferred",
    Fate.TURNED_AWAY: "deferred",
    Fate.BOUNCED: "bounced",
    Fate.EXPIRED: "bounced",
}
_EVENT_OF = {PatternAction.BACKOFF: ModeEvent.BACKOFF_PATTERN, PatternAction.NORMAL: ModeEvent.NORMAL_PATTERN}


@dataclass(slots=True)
class Results:
    """What is done with replies. `mode_changed` is called after a queue has changed its mode."""

    scheduler: Scheduler
    spool: Spool
    statistics: Statistics
    accounting: Accounting
    catalogue: ReplyCatalogue
    patterns: Mapping[str, PatternList]
    clock: Clock
    mode_changed: Callable[[Queue], None]

    def sending(self, lane: Lane, batch: Batch) -> None:
        """A batch goes out: its recipients count as attempted from now on."""
        count = len(batch.recipients)
        provider = lane.queue.provider or ""
        self.statistics.attempted(lane.parent.source.address, provider, count, self.clock.now().timestamp())

    def answered(
        self, connection: Connection, peer: str, replies: list[tuple[QueuedRecipient, Reply]]
    ) -> None:
        """A transaction is over. Afterwards the caller tells the scheduler that it has finished."""
        turned_away: list[QueuedRecipient] = []
        now = self.clock.now()
        for recipient, reply in replies:
            verdict = self._recipient(connection.lane, recipient, reply, peer, now)
            if verdict.fate is Fate.TURNED_AWAY:
                turned_away.append(recipient)
        if turned_away:
            connection.lane.queue.ready.extendleft(reversed(turned_away))
            self.scheduler.retry_lane(connection.lane, self.lane_retry(connection.lane))

    def lane_failed(self, lane: Lane, text: str, peer: str, reply: Reply | None) -> int:
        """A connection could not be opened; returns when the lane may try again (monotonic ns)."""
        queue, source = lane.queue, str(lane.parent.source.address)
        shown = reply.text if reply else text
        self._error(queue, shown, source, peer)
        if reply and reply.speaker is Speaker.PEER:
            kind = self.catalogue.classify(queue.provider or "", reply.code, reply.text)
            if kind is ReplyClass.BLOCK and reply.is_transient:
                kind = ReplyClass.REPUTATION_DEFERRAL
            at = self.clock.now().timestamp()
            self.statistics.answered(
                lane.parent.source.address, queue.provider or "", kind, printable(reply.text), at
            )
            self._patterns(queue, reply, source, peer)
        return self.lane_retry(lane)

    def lane_retry(self, lane: Lane) -> int:
        """When a lane that has just failed may try again (monotonic ns)."""
        wait = lane_wait(lane.queue.settings, lane.failures + 1, in_backoff=lane.queue.in_backoff)
        return self.clock.monotonic_ns() + _ns(wait)

    def set_mode(self, queue: Queue, event: ModeEvent, cause: BackoffCause | None = None) -> None:
        """Move a queue between modes; nothing happens if the event means nothing in its mode."""
        mode = after(queue.mode, event)
        if mode is queue.mode:
            return
        change = ModeChange(self.clock.now(), queue.mode, mode, _cause_text(event, cause))
        queue.insight.mode_changes.append(change)
        queue.mode = mode
        queue.backoff = cause if mode is QueueMode.BACKOFF else None
        queue.backoff_until = NEVER
        if mode is QueueMode.BACKOFF and cause and cause.until:
            queue.backoff_until = self.clock.monotonic_ns() + _ns(cause.until - cause.since)
        self.mode_changed(queue)

    def backoff_cause(self, queue: Queue, pattern: str, reply: str, peer: str, source: str) -> BackoffCause:
        """Why a queue enters backoff now, and until when."""
        now = self.clock.now()
        lasts = queue.settings.backoff_to_normal_after
        return BackoffCause(now, pattern, printable(reply), peer, source, now + lasts if lasts else None)

    def note_error(self, queue: Queue, text: str) -> None:
        """An error that belongs to the queue and to no source IP."""
        self._error(queue, text, "", "")

    def bounce_all(self, queue: Queue, reply: Reply) -> None:
        """Give up every recipient of a queue without an attempt: its domain takes no mail."""
        recipients = [*queue.ready, *(entry[2] for entry in queue.waiting)]
        queue.ready.clear()
        queue.waiting.clear()
        for recipient in recipients:
            self.spool.settle(MessageId(recipient.message.id), recipient.index, Settled.BOUNCED)
            queue.size -= recipient.message.size
            self._book(queue, recipient, reply, "bounced", "", "", self.clock.now())

    def _recipient(
        self, lane: Lane, recipient: QueuedRecipient, reply: Reply, peer: str, now: datetime
    ) -> Verdict:
        queue, source = lane.queue, str(lane.parent.source.address)
        recipient.attempts += 1
        verdict = judge(
            reply,
            provider=queue.provider or "",
            attempts=recipient.attempts,
            age=now - datetime.fromtimestamp(recipient.message.received_at, UTC),
            settings=queue.settings,
            catalogue=self.catalogue,
        )
        if reply.speaker is Speaker.PEER:
            self.statistics.answered(
                lane.parent.source.address,
                queue.provider or "",
                verdict.kind,
                printable(reply.text),
                now.timestamp(),
            )
        self._file(queue, recipient, verdict, reply, now)
        self._book(queue, recipient, reply, _ACCOUNTED[verdict.fate], source, peer, now)
        if verdict.fate is Fate.DELIVERED:
            lane.failures = 0
            if queue.in_backoff and queue.settings.backoff_to_normal_after_delivery:
                self.set_mode(queue, ModeEvent.DELIVERY)
        else:
            self._error(queue, reply.text, source, peer)
            if reply.speaker is Speaker.PEER:
                self._patterns(queue, reply, source, peer)
        return verdict

    def _file(
        self, queue: Queue, recipient: QueuedRecipient, verdict: Verdict, reply: Reply, now: datetime
    ) -> None:
        message_id = MessageId(recipient.message.id)
        if verdict.is_final:
            self.spool.settle(message_id, recipient.index, _SETTLED[verdict.fate])
            queue.size -= recipient.message.size
            return
        text = printable(reply.text, 200)
        self.spool.postpone(message_id, recipient.index, recipient.attempts, now + verdict.wait, text)
        if verdict.fate is Fate.DEFERRED:
            queue.postpone(recipient, self.clock.monotonic_ns() + _ns(verdict.wait))

    def _patterns(self, queue: Queue, reply: Reply, source: str, peer: str) -> None:
        patterns = self.patterns.get(queue.settings.smtp_pattern_list or "")
        pattern: Pattern | None = patterns.match(reply.text) if patterns else None
        if pattern is None:
            return
        cause = None
        if pattern.action is PatternAction.BACKOFF:
            cause = self.backoff_cause(queue, pattern.text, reply.text, peer, source)
        self.set_mode(queue, _EVENT_OF[pattern.action], cause)

    def _error(self, queue: Queue, text: str, source: str, peer: str) -> None:
        queue.insight.errors.append(QueueError(self.clock.now(), printable(text), source, peer))

    def _book(
        self,
        queue: Queue,
        recipient: QueuedRecipient,
        reply: Reply,
        kind: str,
        source: str,
        peer: str,
        now: datetime,
    ) -> None:
        text, message = printable(reply.text), recipient.message
        queue.insight.events.append(
            RecipientEvent(now, kind, source, recipient.address, peer, text, message.job)
        )
        self.accounting.add(
            kind,
            now,
            timeQueued=datetime.fromtimestamp(message.received_at, UTC).isoformat(),
            orig=message.sender,
            rcpt=recipient.address,
            dsnStatus=reply.enhanced or f"{reply.code // 100}.0.0",
            dsnDiag=text,
            dsnMta=peer,
            dlvSourceIp=source,
            vmta=queue.vmta,
            jobId=message.job,
            queue=queue.name,
            provider=queue.provider,
        )


def _cause_text(event: ModeEvent, cause: BackoffCause | None) -> str:
    return f"{event}: {cause.pattern} ← {cause.reply}" if cause and cause.pattern else str(event)


def _ns(duration: timedelta) -> int:
    return int(duration.total_seconds() * NANOSECONDS)
