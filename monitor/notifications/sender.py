"""Carries mails from the outbox to the SMTP host.

At least once: a crash between the host's 250 and our mark sends the same bytes again, with the same
Message-ID, which is how a reader's client can tell (reference: control.md 4.2).
"""

import asyncio
import logging
from dataclasses import dataclass

import aiosmtplib
from sqlalchemy import Engine

from core.clock import Clock
from core.text import printable
from monitor.notifications.retry import Blame, GiveUp, Retry, after_failure
from monitor.notifications.settings import NotificationSettings, SmtpSettings, StartTls
from storage import database, outbox
from storage.outbox import ClaimedMail

log = logging.getLogger(__name__)


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The host refused the mail for good (5xx to RCPT or DATA)."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did."""

    sent: int = 0
    failed: int = 0
    dead: int = 0


class SmtpCourier:
    """One SMTP hand-over per mail; network time-outs run in real seconds."""

    def __init__(self, settings: SmtpSettings, sender: str) -> None:
        self._settings = settings
        self._sender = sender

    async def carry(self, mime: bytes, recipients: tuple[str, ...]) -> None:
        """Hand a mail over. Raises Refused, aiosmtplib.SMTPException or OSError."""
        try:
            async with dial(self._settings, self._sender) as host:
                await host.sendmail(self._sender, list(recipients), mime)
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(each.code >= 500 for each in error.recipients):
                raise Refused(str(error.recipients[0])) from error
            raise
        except aiosmtplib.SMTPDataError as error:
            if error.code >= 500:
                raise Refused(str(error)) from error
            raise


_START_TLS = {
    StartTls.AUTO: None,
    StartTls.REQUIRED: True,
    StartTls.IMPLICIT: False,
    StartTls.NEVER: False,
}


def dial(settings: SmtpSettings, sender: str) -> aiosmtplib.SMTP:
    """A connection to the host that takes our mail, open while its context is: greeted, in TLS, logged in."""
    return aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        username=settings.username or None,
        password=settings.password.get_secret_value() if settings.username else None,
        use_tls=settings.starttls is StartTls.IMPLICIT,
        start_tls=_START_TLS[settings.starttls],
        # taking TLS where it is offered beats none at all, whoever signed the certificate (RFC 7435);
        # a password goes to nobody unproven
        validate_certs=settings.starttls is not StartTls.AUTO or bool(settings.username),
        local_hostname=sender.rpartition("@")[2],
        timeout=settings.timeout.total_seconds(),
    )


class Sender:
    """The outbox's doer: claims, hands over, marks."""

    def __init__(self, engine: Engine, clock: Clock, settings: NotificationSettings) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._courier = SmtpCourier(settings.smtp, settings.envelope_sender)

    async def deliver(self, limit: int = 20) -> Delivered:
        """Send what is due now, oldest first. Never raises for what the host did."""
        with database.session(self._engine) as session:
            claimed = outbox.claim(session, self._clock.now(), self._settings.claim_for, limit)
        done = [await self._carry(mail) for mail in claimed]
        return Delivered(done.count("sent"), done.count("failed"), done.count("dead"))

    async def run(self, every: float = 5.0) -> None:
        """Deliver for ever, every so many seconds of the clock, until cancelled."""
        while True:
            await self.deliver()
            mine = asyncio.current_task()
            if mine is not None and mine.cancelling():
                # the SMTP client can swallow a cancellation that meets it while it says goodbye
                raise asyncio.CancelledError
            await self._clock.sleep(every)

    async def _carry(self, mail: ClaimedMail) -> str:
        try:
            await self._courier.carry(mail.mime, mail.recipients)
        except Refused as refusal:
            return self._failed(mail, Blame.REFUSED, str(refusal))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return self._failed(mail, Blame.PASSING, f"{type(error).__name__}: {error}")
        with database.session(self._engine) as session:
            outbox.mark_sent(session, mail, self._clock.now())
        log.info("mail sent: %s", mail.subject, extra={"event": "mail.sent", "attempts": mail.attempts})
        return "sent"

    def _failed(self, mail: ClaimedMail, blame: Blame, said: str) -> str:
        now, error = self._clock.now(), printable(said, 300)
        verdict = after_failure(mail.attempts, blame, now, self._settings)
        with database.session(self._engine) as session:
            match verdict:
                case Retry(at):
                    outbox.mark_failed(session, mail, at, error)
                    log.warning("mail not sent, will try again: %s (%s)", mail.subject, error,
                                extra={"event": "mail.failed", "attempts": mail.attempts})  # fmt: skip
                    return "failed"
                case GiveUp(reason):
                    outbox.mark_dead(session, mail, now, f"{reason}: {error}")
                    log.error("mail given up: %s (%s: %s)", mail.subject, reason, error,
                              extra={"event": "mail.dead", "attempts": mail.attempts})  # fmt: skip
                    return "dead"
