"""The route of Tidegate's own mail: somebody answers there, and it is not a route that Tidegate throttles."""

from collections.abc import Sequence
from typing import Final

import aiosmtplib

from core.text import printable
from monitor.notifications import routing
from monitor.notifications.smtp import dial
from tidegate.config.notifying import leaves_through
from tidegate.doctor.finding import Finding, Patient, broken, fine, unwise

_CHECK: Final = "mail"


async def mail(patient: Patient) -> Sequence[Finding]:
    """Connects, greets, logs in, and says goodbye; sends nothing."""
    settings = patient.config.monitor.notifications
    if not settings.enabled:
        return [fine(_CHECK, "notifications are off")]
    smtp = settings.smtp
    where = f"{smtp.host}:{smtp.port}"
    if leaves_through(smtp, patient.config.engine):
        return [
            unwise(
                _CHECK,
                f"{where} is the engine whose IPs the mail is about",
                "name a virtual-mta with takes-leases: false, or another mail server, under "
                "monitor.notifications.smtp",
            )
        ]
    try:
        host = dial(smtp, settings.envelope_sender)
        async with host:
            await host.noop()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        said = printable(f"{type(error).__name__}: {error}", 200)
        return [
            broken(
                _CHECK,
                f"{where} does not take our mail: {said}",
                "see monitor.notifications.smtp; then tidegate notify test",
            )
        ]
    if not routing.everybody(settings):
        return [
            unwise(_CHECK, f"{where} answers, and nobody is told", "add monitor.notifications.recipients")
        ]
    return [fine(_CHECK, f"{where} answers; tidegate notify test sends a mail")]
