"""What carries a message out of the house, and what may come of it."""

from datetime import timedelta
from typing import Protocol

from storage.outbox import ClaimedMail


class Refused(Exception):  # noqa: N818 - reads as what happened
    """This message will never be taken there (5xx to RCPT or DATA, 400 to a post)."""


class Postponed(Exception):  # noqa: N818 - reads as what happened
    """It was not taken now; not before `wait` has passed, where the other side says so."""

    def __init__(self, said: str, wait: timedelta = timedelta(0)) -> None:
        super().__init__(said)
        self.wait = wait


class Courier(Protocol):
    """One hand-over per message. Time-outs run in real seconds."""

    async def carry(self, message: ClaimedMail) -> None:
        """Hand a message over. Raises Refused or Postponed, nothing else."""
        ...
