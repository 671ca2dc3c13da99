"""Tells senders what became of their mail: one notification per message and batch, stored before settling.

A recipient that failed stays pending in the spool until the notification about it is on stable storage; a
crash in between repeats the attempt, and nobody's mail vanishes without a word. The null sender is never
written to, so a notification that itself bounces ends there, with its accounting record.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.clock import Clock
from core.errors import SpoolError
from engine.mail import notification
from engine.mail.notification import Action, Author, Original, RecipientReport
from engine.mail.settings import DsnSettings
from engine.queue.item import QueuedMessage, QueuedRecipient
from engine.smtp.dsn import NOTHING
from engine.smtp.reply import Reply, Speaker
from engine.spool.base import MessageDamaged, MessageGone, MessageId, Settled, Spool

log = logging.getLogger(__name__)

_AT_ONCE = 50
_RETRY_SECONDS = 10.0
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A recipient that needs no further attempt, why, and where that was said (`host (address)` or empty).

    `told_by_peer`: a delivery about which the peer has taken it upon itself to tell (it offers DSN).
    """

    recipient: QueuedRecipient
    settled: Settled
    reply: Reply
    peer: str = ""
    told_by_peer: bool = False


@dataclass(frozen=True, slots=True)
class _Letter:
    """One notification: to whom, what, and the recipients that are settled once it is stored."""

    to: str
    content: bytes
    ended: tuple[Ended, ...]


@dataclass(slots=True)
class Returns:
    """`send` stores and queues a notification, given its recipient and content.

    `reads` tells whether mail for an address would only come back to ourselves (engine.intake): what we know
    already need not be told.
    """

    settings: DsnSettings
    hostname: str
    spool: Spool
    clock: Clock
    send: Callable[[str, bytes], Awaitable[object]]
    reads: Callable[[str], bool]
    sent: int = 0
    _waiting: deque[_Letter] = field(default_factory=deque)
    _work: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Notifications that are not stored yet."""
        return len(self._waiting)

    def end(self, ended: Iterable[Ended]) -> None:
        """Settle recipients: the failed once their sender's notification is stored, the others now."""
        by_message: dict[int, list[Ended]] = {}
        quiet = []
        for each in ended:
            if self._is_told(each):
                by_message.setdefault(each.recipient.message.id, []).append(each)
            else:
                quiet.append(each)
        for found in by_message.values():
            failed = tuple(each for each in found if each.settled is not Settled.DELIVERED)
            self._waiting.append(_Letter(found[0].recipient.message.sender, self._compose(found), failed))
            quiet += [each for each in found if each.settled is Settled.DELIVERED]
        for each in quiet:
            self._settle(each)
        if by_message and self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Give what waits a few real seconds; the rest comes back with the next start, as it is unsettled."""
        work = self._work
        if work is not None:
            await asyncio.wait({work}, timeout=_DRAIN_SECONDS)
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    def _is_told(self, ended: Ended) -> bool:
        message = ended.recipient.message
        if not self.settings.enabled or not message.sender or self.reads(message.sender):
            return False
        wish = message.wishes.of(ended.recipient.index) if message.wishes else NOTHING
        match ended.settled:
            case Settled.BOUNCED | Settled.EXPIRED:
                return wish.wants_failure
            case Settled.DELIVERED:
                return wish.wants_success and not ended.told_by_peer
            case _:
                return False

    def _settle(self, ended: Ended) -> None:
        message = ended.recipient.message
        outcome = ended.settled
        if outcome is not Settled.DELIVERED and not message.sender:
            outcome = Settled.DISCARDED
        self.spool.settle(MessageId(message.id), ended.recipient.index, outcome)

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                stored = await asyncio.gather(*(self._post(letter) for letter in taken))
                failed = [letter for letter, done in zip(taken, stored, strict=True) if not done]
                if failed:
                    self._waiting.extendleft(reversed(failed))
                    await self.clock.sleep(_RETRY_SECONDS)
        finally:
            self._work = None

    async def _post(self, letter: _Letter) -> bool:
        """Whether the notification is stored; then its recipients are settled."""
        try:
            await self.send(letter.to, letter.content)
        except SpoolError as error:
            log.warning(
                "A notification cannot be stored and is tried again: %s",
                error,
                extra={"event": "dsn.not_stored"},
            )
            return False
        self.sent += 1
        for ended in letter.ended:
            self._settle(ended)
        return True

    def _compose(self, ended: list[Ended]) -> bytes:
        message = ended[0].recipient.message
        wishes = message.wishes
        original = Original(
            message.sender,
            datetime.fromtimestamp(message.received_at, UTC),
            self._content(message),
            wishes.envid if wishes else "",
            wishes.ret if wishes else "",
        )
        author = Author(self.hostname, self.settings.from_name)
        reports = tuple(_report(each) for each in ended)
        return notification.compose(author, original, reports, self.clock.now(), secrets.token_hex(12))

    def _content(self, message: QueuedMessage) -> bytes:
        try:
            return self.spool.content(MessageId(message.id))
        except (MessageGone, MessageDamaged):
            return b""  # the reason why it bounced, perhaps; what there is to tell is told without it


def _report(ended: Ended) -> RecipientReport:
    reply, message = ended.reply, ended.recipient.message
    wish = message.wishes.of(ended.recipient.index) if message.wishes else NOTHING
    delivered = ended.settled is Settled.DELIVERED
    return RecipientReport(
        recipient=ended.recipient.address,
        action=Action.RELAYED if delivered else Action.FAILED,
        status=_status(ended),
        reply=reply.text,
        peer=ended.peer,
        by_peer=reply.speaker is Speaker.PEER,
        orcpt=wish.orcpt,
    )


def _status(ended: Ended) -> str:
    """RFC 3463, of the class that fits the action: an expired recipient's last reply was a 4xx."""
    reply = ended.reply
    if ended.settled is Settled.DELIVERED:
        return reply.enhanced or "2.0.0"
    if ended.settled is Settled.EXPIRED:
        return "5.4.7"
    enhanced = reply.enhanced or f"{reply.code // 100}.0.0"
    return enhanced if enhanced.startswith("5") else f"5{enhanced[1:]}"
