"""Books what came of every attempt: spool, queue, Backoff Insight, statistics, accounting, mode."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.clock import NANOSECONDS, Clock
from core.text import printable
from engine.accounting import Accounting, RecordKind
from engine.classification import ReplyCatalogue, ReplyClass
from engine.delivery.expiry import take_expired
from engine.delivery.outcome import Fate, Verdict, judge, lane_wait, overrule
from engine.delivery.reactions import Reactions
from engine.delivery.scheduler import Scheduler
from engine.patterns import Pattern, PatternAction
from engine.queue.conduct import Conduct
from engine.queue.insight import QueueError, RecipientEvent
from engine.queue.item import Batch, QueuedRecipient
from engine.queue.modes import ModeEvent
from engine.queue.queue import Connection, Lane, Queue
from engine.returns import Ended, Returns
from engine.smtp.reply import Reply, Speaker, local
from engine.spool.base import MessageId, Settled, Spool
from engine.statistics import Statistics

_SETTLED = {
    Fate.DELIVERED: Settled.DELIVERED,
    Fate.BOUNCED: Settled.BOUNCED,
    Fate.EXPIRED: Settled.EXPIRED,
}
_ACCOUNTED = {
    Fate.DELIVERED: RecordKind.DELIVERED,
    Fate.DEFERRED: RecordKind.DEFERRED,
    Fate.TURNED_AWAY: RecordKind.DEFERRED,
    Fate.BOUNCED: RecordKind.BOUNCED,
    Fate.EXPIRED: RecordKind.BOUNCED,
}


@dataclass(slots=True)
class Results:
    """What is done with replies."""

    scheduler: Scheduler
    spool: Spool
    statistics: Statistics
    accounting: Accounting
    catalogue: ReplyCatalogue
    reactions: Reactions
    conduct: Conduct
    clock: Clock
    returns: Returns

    def sending(self, lane: Lane, batch: Batch) -> None:
        """A batch goes out: its recipients count as attempted from now on."""
        count = len(batch.recipients)
        provider = lane.queue.provider or ""
        now = self.clock.now().timestamp()
        self.statistics.attempted(lane.parent.source.address, provider, count, now)
        for recipient in batch.recipients:
            if not recipient.attempts:
                recipient.first_attempt_at = now

    def answered(
        self, connection: Connection, peer: str, replies: list[tuple[QueuedRecipient, Reply]]
    ) -> bool:
        """A transaction is over; returns whether the connection may be used again.

        Afterwards the caller tells the scheduler that it has finished.
        """
        lane, now = connection.lane, self.clock.now()
        turned_away: list[QueuedRecipient] = []
        acting: dict[Pattern, Reply] = {}
        ended: list[Ended] = []
        for recipient, reply in replies:
            pattern = self.reactions.pattern(lane.queue, reply)
            if pattern is not None:
                acting.setdefault(pattern, reply)
            verdict = self._recipient(connection, recipient, reply, pattern, peer, now)
            connection.errors += verdict.fate is not Fate.DELIVERED
            if verdict.is_final and not _is_settled(verdict, recipient):
                ended.append(Ended(recipient, _SETTLED[verdict.fate], reply, peer, connection.takes_dsn))
            if verdict.fate is Fate.TURNED_AWAY:
                turned_away.append(recipient)
        if ended:
            self.returns.end(ended)
        lane.queue.ready.extendleft(reversed(turned_away))
        for pattern, reply in acting.items():
            self._act(pattern, lane, reply, peer)
        if turned_away and lane.queue.in_backoff and lane.queue.settings.backoff_reroute_to_virtual_mta:
            self.conduct.changed(lane.queue)  # what came back after the reroute follows the rest
        return not turned_away or self._turned_away(connection, acting)

    def _turned_away(self, connection: Connection, acting: dict[Pattern, Reply]) -> bool:
        """The peer wants no more of this lane: try its next MX host, or let the lane wait."""
        lane = connection.lane
        skips = any(PatternAction.SKIP_MX in pattern.actions for pattern in acting)
        if skips or lane.queue.settings.smtp_421_means_mx_unavailable:
            lane.skipped_hosts |= {connection.host}
        else:
            self.scheduler.retry_lane(lane, self.lane_retry(lane))
        return False

    def _act(self, pattern: Pattern, lane: Lane, reply: Reply, peer: str) -> None:
        self.reactions.act(pattern, lane, reply, peer)
        if PatternAction.BOUNCE_QUEUE in pattern.actions:
            self.bounce_all(lane.queue, reply)
        if PatternAction.DEFER_QUEUE in pattern.actions:
            for each in lane.queue.lanes:
                self.scheduler.retry_lane(each, self.lane_retry(each))

    def lane_failed(self, lane: Lane, text: str, peer: str, reply: Reply | None) -> int:
        """A connection could not be opened; returns when the lane may try again (monotonic ns)."""
        queue, source = lane.queue, lane.parent.address
        shown = reply.text if reply else text
        self._error(queue, shown, source, peer)
        self.accounting.add(
            RecordKind.QUEUE_DEFERRED,
            self.clock.now(),
            queue=queue.name,
            vmta=queue.vmta,
            dsnStatus=(reply.enhanced if reply else None) or "4.4.1",
            dsnDiag=printable(shown),
            dsnMta=peer,
            dlvType="smtp",
            dlvSourceIp=source,
            provider=queue.provider,
        )
        if reply and reply.speaker is Speaker.PEER:
            kind = self.catalogue.classify(queue.provider or "", reply.code, reply.text)
            if kind is ReplyClass.BLOCK and reply.is_transient:
                kind = ReplyClass.REPUTATION_DEFERRAL
            at = self.clock.now().timestamp()
            self.statistics.answered(
                lane.parent.source.address, queue.provider or "", kind, printable(reply.text), at
            )
            pattern = self.reactions.pattern(queue, reply)
            if pattern is not None:
                self._act(pattern, lane, reply, peer)
        self.expire(queue, shown)
        return self.lane_retry(lane)

    def expire(self, queue: Queue, error: str) -> None:
        """Return what has waited for bounce-after: a peer that cannot be reached answers nobody."""
        expired = take_expired(queue, self.clock.now())
        if expired:
            reply = local(450, "4.4.7", f"delivery time expired; the last error was: {printable(error)}")
            self.give_up(queue, expired, reply, Settled.EXPIRED)

    def lane_retry(self, lane: Lane) -> int:
        """When a lane that has just failed may try again (monotonic ns)."""
        wait = lane_wait(lane.queue.settings, lane.failures + 1, in_backoff=lane.queue.in_backoff)
        return self.clock.monotonic_ns() + _ns(wait)

    def note_error(self, queue: Queue, text: str) -> None:
        """An error that belongs to the queue and to no source IP."""
        self._error(queue, text, "", "")

    def bounce_all(self, queue: Queue, reply: Reply) -> None:
        """Give up every recipient of a queue without an attempt: its domain takes no mail."""
        recipients = [*queue.ready, *(entry[2] for entry in queue.waiting)]
        queue.ready.clear()
        queue.waiting.clear()
        self.give_up(queue, recipients, reply)

    def give_up(
        self,
        queue: Queue,
        recipients: Iterable[QueuedRecipient],
        reply: Reply,
        outcome: Settled = Settled.BOUNCED,
    ) -> None:
        """Settle recipients that the caller has taken out of their queue, without an attempt."""
        recipients = list(recipients)
        self.returns.end(Ended(recipient, outcome, reply) for recipient in recipients)
        for recipient in recipients:
            queue.size -= recipient.message.size
            self._book(queue, recipient, reply, RecordKind.BOUNCED, "", self.clock.now())

    def _recipient(
        self,
        connection: Connection,
        recipient: QueuedRecipient,
        reply: Reply,
        pattern: Pattern | None,
        peer: str,
        now: datetime,
    ) -> Verdict:
        lane = connection.lane
        queue, source = lane.queue, lane.parent.address
        recipient.attempts += 1
        verdict = judge(
            reply,
            provider=queue.provider or "",
            attempts=recipient.attempts,
            age=now - datetime.fromtimestamp(recipient.message.received_at, UTC),
            settings=queue.settings,
            catalogue=self.catalogue,
        )
        verdict = overrule(verdict, pattern)
        if reply.speaker is Speaker.PEER:
            self.statistics.answered(
                lane.parent.source.address,
                queue.provider or "",
                verdict.kind,
                printable(reply.text),
                now.timestamp(),
            )
        self._file(queue, recipient, verdict, reply, now)
        self._book(queue, recipient, reply, _ACCOUNTED[verdict.fate], peer, now, connection)
        if verdict.fate is Fate.DELIVERED:
            lane.failures = 0
            lane.skipped_hosts = frozenset()
            if queue.in_backoff and queue.settings.backoff_to_normal_after_delivery:
                self.conduct.set_mode(queue, ModeEvent.DELIVERY)
        else:
            self._error(queue, reply.text, source, peer)
        return verdict

    def _file(
        self, queue: Queue, recipient: QueuedRecipient, verdict: Verdict, reply: Reply, now: datetime
    ) -> None:
        message_id = MessageId(recipient.message.id)
        if verdict.is_final:
            if _is_settled(verdict, recipient):
                self.spool.settle(message_id, recipient.index, _SETTLED[verdict.fate])
            queue.size -= recipient.message.size
            return
        text = printable(reply.text, 200)
        self.spool.postpone(message_id, recipient.index, recipient.attempts, now + verdict.wait, text)
        if verdict.fate is Fate.DEFERRED:
            queue.postpone(recipient, self.clock.monotonic_ns() + _ns(verdict.wait))

    def _error(self, queue: Queue, text: str, source: str, peer: str) -> None:
        queue.insight.failed(QueueError(self.clock.now(), printable(text), source, peer))

    def _book(
        self,
        queue: Queue,
        recipient: QueuedRecipient,
        reply: Reply,
        kind: RecordKind,
        peer: str,
        now: datetime,
        connection: Connection | None = None,
    ) -> None:
        text, message = printable(reply.text), recipient.message
        source, address = connection.lane.parent.address if connection else "", recipient.address
        queue.insight.happened(RecipientEvent(now, kind, source, address, peer, text, message.job))
        self.accounting.add(
            kind,
            now,
            timeQueued=message.received_at,
            timeFirstAttempt=recipient.first_attempt_at or None,
            orig=message.sender,
            rcpt=address,
            orcpt=(message.wishes.of(recipient.index).orcpt if message.wishes else "") or None,
            envId=(message.wishes.envid if message.wishes else "") or None,
            dsnStatus=reply.enhanced or f"{reply.code // 100}.0.0",
            dsnDiag=text,
            dsnMta=peer,
            dlvType="smtp",
            dlvSourceIp=source,
            dlvSize=message.size,
            vmta=queue.vmta,
            jobId=message.job,
            queue=queue.name,
            provider=queue.provider,
            dlvTlsProtocol=(connection.tls_protocol if connection else "") or None,
            dlvTlsCipher=(connection.tls_cipher if connection else "") or None,
            id=message.id,
        )


def _is_settled(verdict: Verdict, recipient: QueuedRecipient) -> bool:
    """Whether there is nobody to tell: the plain delivery, where nothing may be spent."""
    return verdict.fate is Fate.DELIVERED and recipient.message.wishes is None


def _ns(duration: timedelta) -> int:
    return int(duration.total_seconds() * NANOSECONDS)
