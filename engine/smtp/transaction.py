"""The books of one outgoing transaction: what to say, who was answered what."""

from collections.abc import Mapping

from engine.smtp import address
from engine.smtp.data import stuff
from engine.smtp.dsn import Wishes
from engine.smtp.outcome import Envelope, RecipientOutcome, Stage
from engine.smtp.reply import Reply, local

_BAD_SENDER = local(553, "5.1.7", "the sender address cannot be written in an SMTP command")
_BAD_RECIPIENT = local(553, "5.1.3", "the recipient address cannot be written in an SMTP command")
_NEEDS_UTF8 = local(550, "5.6.7", "the message needs SMTPUTF8, which the peer does not offer")


class Transaction:
    """One envelope on its way. Recipients whose address could inject anything are answered by ourselves."""

    __slots__ = ("_envelope", "_needs_utf8", "_next", "_outcomes", "_sent", "_wishes", "accepted")

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._outcomes: list[RecipientOutcome | None] = [None] * len(envelope.recipients)
        self._sent: list[int] = []
        self._next = 0
        self._wishes: Wishes | None = None
        self.accepted = 0
        for place, recipient in enumerate(envelope.recipients):
            if address.is_mailbox(recipient):
                self._sent.append(place)
            else:
                self._settle(place, _BAD_RECIPIENT, Stage.RCPT)
        addresses = [envelope.sender, *(envelope.recipients[place] for place in self._sent)]
        self._needs_utf8 = envelope.smtp_utf8 or not all(map(str.isascii, addresses))

    @property
    def outcomes(self) -> tuple[RecipientOutcome, ...]:
        """The outcomes that are known; all of them once the transaction is over."""
        return tuple(outcome for outcome in self._outcomes if outcome is not None)

    @property
    def has_work(self) -> bool:
        """Whether there is anybody to deliver to."""
        return bool(self._sent)

    @property
    def is_answered(self) -> bool:
        """Whether every RCPT has its reply."""
        return self._next == len(self._sent)

    def obstacle(self, extensions: Mapping[str, str]) -> Reply | None:
        """Why this peer cannot be given this message at all, or None."""
        envelope = self._envelope
        if envelope.sender and not address.is_mailbox(envelope.sender):
            return _BAD_SENDER
        if self._needs_utf8 and "SMTPUTF8" not in extensions:
            return _NEEDS_UTF8
        limit = extensions.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < len(envelope.content):
            text = f"the message has {len(envelope.content)} octets, the peer takes at most {limit}"
            return local(552, "5.3.4", text)
        return None

    def mail_command(self, extensions: Mapping[str, str]) -> bytes:
        """MAIL with the parameters that the peer understands."""
        words = [f"MAIL FROM:<{self._envelope.sender}>"]
        if "SIZE" in extensions:
            words.append(f"SIZE={len(self._envelope.content)}")
        if self._envelope.eight_bit and "8BITMIME" in extensions:
            words.append("BODY=8BITMIME")
        if self._needs_utf8:
            words.append("SMTPUTF8")
        line = " ".join(words)
        if self._envelope.wishes and "DSN" in extensions:
            self._wishes = self._envelope.wishes
            line += self._wishes.mail_words()
        return line.encode() + b"\r\n"

    def rcpt_command(self) -> bytes:
        """RCPT for the recipient whose reply is next."""
        return self._rcpt(self._sent[self._next])

    def rcpt_commands(self) -> bytes:
        """RCPT for everybody."""
        return b"".join([self._rcpt(place) for place in self._sent])

    def wire_content(self) -> bytes:
        """What follows 354, final dot included; the lone dot when nobody was accepted (RFC 2920, 3.1)."""
        return stuff(self._envelope.content) if self.accepted else b".\r\n"

    def take_rcpt(self, reply: Reply) -> None:
        """The next recipient's reply."""
        place = self._sent[self._next]
        self._next += 1
        if self._outcomes[place] is not None:
            return  # MAIL had failed: what RCPT is told after that means nothing
        if reply.is_positive:
            self.accepted += 1
        else:
            self._settle(place, reply, Stage.RCPT)

    def settle_rest(self, reply: Reply, stage: Stage) -> None:
        """The answer for everybody who has none yet."""
        self.accepted = 0
        for place, outcome in enumerate(self._outcomes):
            if outcome is None:
                self._settle(place, reply, stage)

    def _settle(self, place: int, reply: Reply, stage: Stage) -> None:
        self._outcomes[place] = RecipientOutcome(self._envelope.recipients[place], reply, stage)

    def _rcpt(self, place: int) -> bytes:
        wish = str(self._wishes.of(place)) if self._wishes else ""
        return f"RCPT TO:<{self._envelope.recipients[place]}>{wish}\r\n".encode()
