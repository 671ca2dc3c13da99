"""What became of the mail, counted outside of the engine, in the simulation's own ledger."""

from collections.abc import Iterable

import numpy as np

from lab.judge import Verdict
from lab.realtime.mail import Mailbox
from lab.simulation.physics import BAD, HOURS, Floats
from lab.simulation.world import Ledger, empty_ledger


class Books:
    """Recipients of one sender, in its own numbers."""

    def __init__(self) -> None:
        self.ledger: Ledger = empty_ledger(1)

    def arrived(self, recipients: Iterable[str]) -> None:
        """The engine has promised to deliver to these."""
        for mailbox in map(Mailbox.of, recipients):
            self.ledger.arrived[0, mailbox.kind] += mailbox.counts

    def answered(self, recipient: str, verdict: Verdict) -> None:
        """A provider has answered an attempt; what it said for good is kept."""
        mailbox = Mailbox.of(recipient)
        if verdict is Verdict.BLOCKED or (verdict is Verdict.ACCEPT and not mailbox.exists):
            self.ledger.lost[0, mailbox.kind] += mailbox.counts

    def delivered(self, recipient: str) -> None:
        """A provider has taken a message for this recipient."""
        self.ledger.delivered[0, Mailbox.of(recipient).kind] += 1

    def purged(self) -> None:
        """Somebody has deleted the unwanted mail that waited."""
        self.ledger.lost[0, BAD] += self._waiting()[0, BAD]

    def pass_step(self) -> None:
        """One more step of waiting for whatever waits."""
        self.ledger.waited += self._waiting() * HOURS

    def _waiting(self) -> Floats:
        ledger = self.ledger
        # a message may be delivered before its sender has read that it was taken
        return np.maximum(0.0, ledger.arrived - ledger.delivered - ledger.lost)
