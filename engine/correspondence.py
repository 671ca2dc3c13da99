"""What the engine does with messages beyond relaying: signs, notifies, reads reports, remembers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address

from core.address import IpAddress
from core.clock import Clock
from core.errors import SpoolError
from engine.accounting import Accounting
from engine.intake import Intake
from engine.mail.trace import own_trace
from engine.queue.item import QueuedRecipient
from engine.queue.queue import Lane
from engine.returns import Returns
from engine.sentlog import Sent, SentLog
from engine.settings import EngineSettings
from engine.signing import Signer, load_keys
from engine.smtp.message import ReceivedMessage
from engine.smtp.reply import Reply
from engine.spool.base import Spool
from engine.statistics import Statistics

log = logging.getLogger(__name__)

Accept = Callable[[ReceivedMessage], Awaitable[Reply]]

_LOOPBACK: IpAddress = ip_address("127.0.0.1")


class Correspondence:
    """The parts, assembled. `accept` takes a message of our own as if it had come by SMTP."""

    def __init__(
        self,
        settings: EngineSettings,
        spool: Spool,
        statistics: Statistics,
        accounting: Accounting,
        clock: Clock,
        accept: Accept,
    ) -> None:
        """Raises OperatorError when a key cannot be read, SpoolError when the sent-log cannot be opened."""
        self._settings = settings
        self._clock = clock
        self._accept = accept
        self.signer = Signer(load_keys(settings.dkim_keys), clock)
        self.intake = Intake(
            settings.feedback_loop, settings.bounce_processor, None, statistics, accounting, clock
        )
        if self.intake.active:
            self.intake.sent_log = SentLog(settings.spool / "sent.db", settings.sent_log)
        self.returns = Returns(settings.dsn, settings.hostname, spool, clock, self._notify, self.intake.takes)

    def sent(self, lane: Lane, content: bytes, replies: Iterable[tuple[QueuedRecipient, Reply]]) -> None:
        """Remember who took this message, if reports are read here at all."""
        sent_log = self.intake.sent_log
        trace = own_trace(content) if sent_log is not None else None
        if sent_log is None or trace is None:
            return
        source, provider = lane.parent.address, lane.queue.provider or ""
        at = self._clock.now().timestamp()
        for recipient, reply in replies:
            if reply.is_positive:
                message = recipient.message
                sent_log.add(
                    Sent(
                        trace,
                        recipient.address,
                        source,
                        provider,
                        at,
                        message.id,
                        message.sender,
                        lane.queue.vmta,
                        message.job,
                    )
                )

    async def divert(self, recipients: Sequence[str], content: bytes) -> list[str]:
        """Read what is for report addresses; the recipients that the message still has to be relayed to."""
        left = []
        for recipient in recipients:
            if not self.intake.takes(recipient):
                left.append(recipient)
            elif forward := await self.intake.take(recipient, content):
                left.append(forward)
        return left

    async def flush(self, now: datetime) -> None:
        """Once a real second."""
        if self.intake.sent_log is not None:
            await self.intake.sent_log.flush(now)

    async def close(self) -> None:
        """After the last delivery, before the spool."""
        await self.returns.close()
        await asyncio.to_thread(self.signer.close)
        if self.intake.sent_log is not None:
            await self.intake.sent_log.close(self._clock.now())

    async def _notify(self, recipient: str, content: bytes) -> None:
        """Have a notification stored and queued. Raises SpoolError."""
        vmta = self._settings.dsn.virtual_mta
        asked = f"x-virtual-mta: {vmta}\r\n".encode() if vmta else b""
        reply = await self._accept(
            ReceivedMessage(
                peer=_LOOPBACK,
                helo=self._settings.hostname,
                sender="",
                recipients=(recipient,),
                content=asked + content,
                eight_bit=not content.isascii(),
                smtp_utf8=not recipient.isascii(),
            )
        )
        if not reply.is_positive:
            raise SpoolError(f"the engine does not take its own notification: {reply.text}")
