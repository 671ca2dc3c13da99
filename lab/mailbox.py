"""A mailbox that keeps what it is sent, waits for mail that matches, and shows it as text."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from core.clock import Clock
from lab.smtp import SmtpServer

_SHOWN = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted")


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it came: envelope, arrival on the lab's clock, and the parsed message."""

    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The text part, or empty."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML part, or empty."""
        return self._part("html")

    @property
    def ident(self) -> str:
        return str(self.message["Message-ID"] or "").strip()

    @property
    def ancestors(self) -> tuple[str, ...]:
        """The ids in References and In-Reply-To: what a mail reader threads by."""
        named = f"{self.message['References'] or ''} {self.message['In-Reply-To'] or ''}"
        return tuple(dict.fromkeys(named.split()))

    def answers(self, other: "Mail") -> bool:
        """Whether a mail reader puts both in one thread: one names the other, or they share an ancestor."""
        mine, theirs = {self.ident, *self.ancestors}, {other.ident, *other.ancestors}
        return bool(mine & theirs)

    def _part(self, kind: str) -> str:
        body = self.message.get_body(preferencelist=(kind,))
        return str(body.get_content()) if body is not None else ""


def render(mail: Mail) -> str:
    """Headers and text part for a terminal: columns kept, control characters taken out."""
    headers = [f"{name}: {mail.message[name]}" for name in _SHOWN if mail.message[name]]
    lines = [*headers, "", *mail.text.strip().splitlines()]
    return "\n".join("".join(c if c.isprintable() else " " for c in line).rstrip() for line in lines)


class Mailbox:
    """An SMTP server on loopback that accepts everything."""

    def __init__(self, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self.mails: list[Mail] = []
        self._clock = clock
        self._server = SmtpServer(self, host, port, "mailbox.lab")
        self._arrived = asyncio.Condition()

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    def matching(self, wanted: Callable[[Mail], bool]) -> list[Mail]:
        """The mails that match, oldest first."""
        return [mail for mail in self.mails if wanted(mail)]

    async def wait_for(self, wanted: Callable[[Mail], bool], seconds: float) -> Mail:
        """The first mail that matches, now or within so many real seconds. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: self.matching(wanted))
        return self.matching(wanted)[0]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = BytesParser(policy=policy.default).parsebytes(envelope.content)
        mail = Mail(self._clock.now(), envelope.mail_from, tuple(envelope.rcpt_tos), message)
        async with self._arrived:
            self.mails.append(mail)
            self._arrived.notify_all()
        return "250 2.0.0 Kept"
