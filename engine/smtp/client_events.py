"""What a client's session reports."""

from typing import NamedTuple

from engine.smtp.outcome import TransactionResult
from engine.smtp.reply import Reply


class ShakeHands(NamedTuple):
    """The peer awaits our TLS handshake: perform it, then call `secured`."""

    reply: Reply


class Ready(NamedTuple):
    """Greetings were exchanged; the session takes transactions."""

    reply: Reply


class Rejected(NamedTuple):
    """The peer does not want us, or was lost, before any transaction."""

    reply: Reply


class Finished(NamedTuple):
    """A transaction is over."""

    result: TransactionResult


class Closed(NamedTuple):
    """The session ended between transactions, or after QUIT."""

    reply: Reply


Event = ShakeHands | Ready | Rejected | Finished | Closed
