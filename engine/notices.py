"""A few words to people, by mail through the engine itself: backoff-notify, disabled-source-ip-notify."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address

from engine.smtp.message import ReceivedMessage

_MOST_WAITING = 100
"""A storm of notices is worth no more than its beginning."""


class Notices:
    """Gathers notices until the engine mails them."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname
        self._waiting: list[tuple[tuple[str, ...], str, str]] = []

    def put(self, people: tuple[str, ...], subject: str, text: str) -> None:
        """Tell these people; nobody asked for, nothing done."""
        if people and len(self._waiting) < _MOST_WAITING:
            self._waiting.append((people, subject, text))

    def take(self, now: datetime) -> list[ReceivedMessage]:
        """The messages to send now."""
        taken, self._waiting = self._waiting, []
        return [self._message(people, subject, text, now) for people, subject, text in taken]

    def _message(self, people: tuple[str, ...], subject: str, text: str, now: datetime) -> ReceivedMessage:
        mail = EmailMessage()
        mail["From"] = f"Tidegate <postmaster@{self._hostname}>"
        mail["To"] = ", ".join(people)
        mail["Subject"] = f"[Tidegate] {subject}"
        mail["Date"] = format_datetime(now)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(
            f"{subject}.\n\n{text}\n\nSeen by {self._hostname} at {now:%Y-%m-%d %H:%M:%S} UTC.\n"
        )
        content = mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return ReceivedMessage(ip_address("127.0.0.1"), self._hostname, "", people, content)
