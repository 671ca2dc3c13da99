"""A mailbox provider on real sockets that judges each recipient as the toy world would."""

from typing import Any

from lab.judge import Stage, Verdict
from lab.providers import MailboxProvider
from lab.realtime.books import Books
from lab.realtime.complaints import Complainants
from lab.realtime.mail import Mailbox
from lab.simulation.physics import STEPS_PER_HOUR
from lab.simulation.postmaster import Postmaster

_OK = "250 2.1.5 OK"
_NO_MAILBOX = "550 5.1.1 No such user here"


class WorldProvider(MailboxProvider):
    """One of the world's providers, at a `place` in its order. `join` it to a world before mail comes."""

    def join(self, place: int, postmaster: Postmaster, books: Books, people: Complainants) -> None:
        """Who judges, who counts, and who may complain."""
        self._place = place
        self._postmaster = postmaster
        self._books = books
        self._people = people

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's hook
        self, _server: Any, session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        self._tally(self._address(session)).rcpt_commands += 1
        mailbox = Mailbox.of(address)
        verdict = self._postmaster.judge(self._place)
        self._books.answered(address, verdict)
        if verdict is not Verdict.ACCEPT:
            return self._refuse(session, Stage.RCPT, verdict, address)
        reply = _OK if mailbox.exists else _NO_MAILBOX
        if mailbox.exists:
            envelope.rcpt_tos.append(address)
        elif mailbox.counts:
            self._postmaster.reach(self._place, mailbox.kind, is_mailbox=False)
        self._log(session, Stage.RCPT, reply, address)
        return reply

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self._tally(self._address(session)).data_commands += 1
        hour = self._postmaster.step // STEPS_PER_HOUR
        for recipient in envelope.rcpt_tos:
            self._postmaster.reach(self._place, Mailbox.of(recipient).kind)
            self._books.delivered(recipient)
            self._people.got(self._place, hour, recipient, envelope.content)
        return "250 2.0.0 OK queued"
