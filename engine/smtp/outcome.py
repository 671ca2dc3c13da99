"""What became of a transaction, recipient by recipient."""

from enum import StrEnum
from typing import NamedTuple

from engine.smtp.dsn import Wishes
from engine.smtp.reply import Reply


class Stage(StrEnum):
    """What the deciding reply answered, or what we waited for when there was none."""

    CONNECT = "connect"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    FINAL_DOT = "final dot"


class Envelope(NamedTuple):
    """What to deliver. `content` has CR LF line ends throughout (`data.normalise`) and is not dot-stuffed.

    `wishes` go on to a peer that offers DSN.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    eight_bit: bool = False
    smtp_utf8: bool = False
    wishes: Wishes | None = None


class RecipientOutcome(NamedTuple):
    """One recipient's final answer. `reply.speaker` says whether the peer gave it or we did."""

    recipient: str
    reply: Reply
    stage: Stage


class TransactionResult(NamedTuple):
    """One outcome per recipient, in the envelope's order; whether the connection can take another message.

    An outcome at FINAL_DOT whose speaker is ourselves is the window of RFC 1047: the peer may have taken
    the message and we do not know.
    """

    outcomes: tuple[RecipientOutcome, ...]
    usable: bool
