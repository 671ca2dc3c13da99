"""From a received message to a stored and queued one; the 250 comes only after the disk has it."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from core.address import IpAddress
from core.clock import Clock
from core.errors import OperatorError
from engine.accounting import Accounting, RecordKind
from engine.correspondence import Correspondence
from engine.directives import DomainSettings
from engine.mail.trace import TraceIds
from engine.queue.book import VirtualMtaChoice
from engine.queue.item import QueuedMessage, QueuedRecipient, domain_of
from engine.settings import EngineSettings
from engine.smtp import dsn
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.spool.base import MessageId, NewMessage, Spool, StoredMessage, format_id

_OWN_FIELD = re.compile(rb"^(x-virtual-mta|x-job):[ \t]*([^\r\n]*)\r\n", re.IGNORECASE | re.MULTILINE)
_RECEIVED = re.compile(rb"^received:", re.IGNORECASE | re.MULTILINE)
_MAX_HOPS = 50
"""RFC 5321 section 6.3 asks for at least 100 in general; PowerMTA and Postfix stop at 50."""


class Instructions(NamedTuple):
    """What the submitter's own header fields ask for, and the content without them."""

    vmta: str
    job: str
    content: bytes
    hops: int


def read_instructions(content: bytes) -> Instructions:
    """Take `x-virtual-mta` and `x-job` out of the header; nothing beyond the header is looked at."""
    end = content.find(b"\r\n\r\n")
    cut = end + 2 if end >= 0 else len(content)
    header = content[:cut]
    hops = len(_RECEIVED.findall(header))
    if b"x-virtual-mta:" not in (low := header.lower()) and b"x-job:" not in low:
        return Instructions("", "", content, hops)
    asked = {name.lower(): value.strip() for name, value in _OWN_FIELD.findall(header)}
    return Instructions(
        asked.get(b"x-virtual-mta", b"").decode("utf-8", "replace"),
        asked.get(b"x-job", b"").decode("utf-8", "replace"),
        _OWN_FIELD.sub(b"", header) + content[cut:],
        hops,
    )


def received_field(message: ReceivedMessage, peer: str, hostname: str, at: float, trace: bytes) -> bytes:
    """The trace field that we prepend (RFC 5321 section 4.4), at POSIX time `at`; reports show its id."""
    text = (
        f"Received: from {message.helo} ([{'IPv6:' if ':' in peer else ''}{peer}])\r\n"
        f"\tby {hostname} with {message.protocol} id {trace.hex()};\r\n"
        f"\t{_date(int(at))}\r\n"
    )
    return text.encode("utf-8")


@lru_cache(maxsize=1_024)
def _text(peer: IpAddress) -> str:
    return str(peer)


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


@dataclass(slots=True)
class Reception:
    """Accepts messages. `enqueue` takes the recipients of one domain and VirtualMTA."""

    settings: EngineSettings
    spool: Spool
    accounting: Accounting
    clock: Clock
    choice: VirtualMtaChoice
    enqueue: Callable[[str, str, list[QueuedRecipient]], None]
    correspondence: Correspondence
    directives: Callable[[str, str], DomainSettings]
    _traces: TraceIds = field(default_factory=lambda: TraceIds(os.urandom))

    async def accept(self, received: ReceivedMessage) -> Reply:
        """Store and queue; the reply to the final dot. Raises SpoolFull and SpoolError."""
        asked = read_instructions(received.content)
        if asked.hops > _MAX_HOPS:
            return Reply(554, "5.4.6", ("Too many Received fields: the message goes in circles",))
        if self.correspondence.intake.active:
            recipients = await self.correspondence.divert(received.recipients, received.content)
            if not recipients:
                await self.accounting.flush()
                return Reply(250, "2.0.0", ("taken as a report",))
            if recipients != list(received.recipients):
                received = received._replace(recipients=tuple(recipients), wishes=None)
        try:
            vmta = self.choice.choose(asked.vmta)
        except OperatorError as error:
            return Reply(550, "5.7.1", (str(error),))
        now = self.clock.now()
        at, peer = now.timestamp(), _text(received.peer)
        message = NewMessage(
            sender=received.sender,
            recipients=received.recipients,
            content=received_field(received, peer, self.settings.hostname, at, self._traces.next(at))
            + await self._signed(asked.content, vmta, received.recipients),
            vmta=vmta,
            job=asked.job,
            eight_bit=received.eight_bit,
            smtp_utf8=received.smtp_utf8,
            received_at=now,
            peer=peer,
            wishes=received.wishes.dump() if received.wishes else "",
        )
        message_id = await self.spool.store(message)
        self._queue(message_id, message, received.user)
        return Reply(250, "2.0.0", (f"queued as {format_id(message_id)}",))

    async def _signed(self, content: bytes, vmta: str, recipients: tuple[str, ...]) -> bytes:
        """With DKIM signatures, unless every recipient's domain block says `dkim-sign: false`."""
        signer = self.correspondence.signer
        if signer.active and any(self.directives(domain_of(r), vmta).dkim_sign for r in recipients):
            return await signer.signed(content)
        return content

    def restore(self, stored: StoredMessage) -> Iterable[tuple[QueuedRecipient, datetime | None]]:
        """A message found in the spool at start: its recipients, and when each may be tried."""
        envelope = stored.envelope
        queued = QueuedMessage(
            int(stored.id),
            envelope.sender,
            envelope.recipients,
            stored.size,
            envelope.vmta,
            envelope.job,
            envelope.eight_bit,
            envelope.smtp_utf8,
            envelope.received_at.timestamp(),
            dsn.load(envelope.wishes),
        )
        for pending in stored.pending:
            yield QueuedRecipient(queued, pending.index, pending.attempts), pending.next_attempt_at

    def _queue(self, message_id: MessageId, message: NewMessage, user: str) -> None:
        queued = QueuedMessage(
            int(message_id),
            message.sender,
            message.recipients,
            len(message.content),
            message.vmta,
            message.job,
            message.eight_bit,
            message.smtp_utf8,
            message.received_at.timestamp(),
            dsn.load(message.wishes),
        )
        by_domain: dict[str, list[QueuedRecipient]] = {}
        for index, address in enumerate(message.recipients):
            by_domain.setdefault(domain_of(address), []).append(QueuedRecipient(queued, index))
        for domain, recipients in by_domain.items():
            self.accounting.add(
                RecordKind.RECEIVED,
                message.received_at,
                orig=message.sender,
                rcpt=[r.address for r in recipients],
                vmta=message.vmta,
                jobId=message.job,
                srcType="smtp",
                srcMta=message.peer,
                rcvSourceIp=message.peer,
                rcvSmtpUser=user or None,
                dlvSize=queued.size,
                id=int(message_id),
            )
            self.enqueue(domain, message.vmta, recipients)
