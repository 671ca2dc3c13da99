"""Hands mail to the SMTP host: the engine on a route that no lease touches, or a smarthost."""

import aiosmtplib

from core.text import printable
from monitor.notifications.courier import Postponed, Refused
from monitor.notifications.settings import SmtpSettings, StartTls
from storage.outbox import ClaimedMail

_START_TLS = {
    StartTls.AUTO: None,
    StartTls.REQUIRED: True,
    StartTls.IMPLICIT: False,
    StartTls.NEVER: False,
}


class SmtpCourier:
    """One SMTP hand-over per mail."""

    def __init__(self, settings: SmtpSettings, sender: str) -> None:
        self._settings = settings
        self._sender = sender

    async def carry(self, message: ClaimedMail) -> None:
        try:
            await self._send(self._routed(message.mime), list(message.recipients))
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(each.code >= 500 for each in error.recipients):
                raise Refused(_said(error.recipients[0])) from error
            raise Postponed(_said(error)) from error
        except aiosmtplib.SMTPDataError as error:
            raise (Refused if error.code >= 500 else Postponed)(_said(error)) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Postponed(_said(error)) from error

    async def _send(self, mime: bytes, recipients: list[str]) -> None:
        async with dial(self._settings, self._sender) as host:
            await host.sendmail(self._sender, recipients, mime)

    def _routed(self, mime: bytes) -> bytes:
        """With the header that the engine takes the route from, and takes off."""
        name = self._settings.virtual_mta
        return mime if name is None else b"X-Virtual-MTA: " + name.encode() + b"\r\n" + mime


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


def _said(error: Exception) -> str:
    return printable(f"{type(error).__name__}: {error}", 300)
