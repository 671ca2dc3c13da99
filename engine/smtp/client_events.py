"""What a client's session reports."""

from dataclasses import dataclass

from engine.smtp.outcome import TransactionResult
from engine.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class ShakeHands:
    """The peer awaits our TLS handshake: perform it, then call `secured`."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Ready:
    """Greetings were exchanged; the session takes transactions."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Rejected:
    """The peer does not want us, or was lost, before any transaction."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Finished:
    """A transaction is over."""

    result: TransactionResult


@dataclass(frozen=True, slots=True)
class Closed:
    """The session ended between transactions, or after QUIT."""

    reply: Reply


Event = ShakeHands | Ready | Rejected | Finished | Closed
