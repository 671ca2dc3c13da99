"""The mail of a script as streams that a traffic source offers: who gets how much of what. Decides only.

Mailboxes say by their names what mail comes to them. Providers judge by that, as real ones do by what is in
a message, and it tells what was refused, too, whose content nobody ever saw.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lab.realtime.manners import PROVIDERS
from lab.simulation.physics import BAD, GOOD, HOURS
from lab.simulation.scenarios import GOOD_DEAD, Script
from lab.traffic import Stream

VMTA: Final = "mail"
CAMPAIGN: Final = "campaign"
"""The job of the unwanted mail: what a person deletes by."""
ORDINARY: Final = "ordinary"
_AT_ONCE: Final = 5
"""Recipients of one message of a campaign: less work for the machine, as many for the world."""


class Mailbox(StrEnum):
    """Whom mail is for; the word begins the address."""

    READER = "reader"
    NOBODY = "nobody"
    LEAD = "lead"
    STALE = "stale"

    @classmethod
    def of(cls, address: str) -> "Mailbox":
        """Raises ValueError for an address of nobody here."""
        return cls(address.partition("@")[0].rstrip("0123456789"))

    @property
    def kind(self) -> int:
        """The kind of mail, as an index of the simulation."""
        return BAD if self in {Mailbox.LEAD, Mailbox.STALE} else GOOD

    @property
    def exists(self) -> bool:
        return self in {Mailbox.READER, Mailbox.LEAD}

    @property
    def counts(self) -> bool:
        """Whether its mail is part of what is to be delivered; ordinary mail has dead mailboxes on top."""
        return self is not Mailbox.NOBODY


def streams(script: Script, step: int, worth: float) -> Mapping[str, list[Stream]]:
    """What is offered in a step, by job: of the script's recipients, one in `worth`."""
    step = min(step, script.steps - 1)
    dead = script.campaign.dead if script.campaign else 0.0
    wanted, unwanted = [], []
    for place, provider in enumerate(PROVIDERS):
        good, bad = (float(script.arrivals[0, step, place, kind]) / HOURS / worth for kind in (GOOD, BAD))
        wanted += [
            Stream(provider.domain, VMTA, good, ORDINARY, mailbox=Mailbox.READER),
            Stream(provider.domain, VMTA, good * GOOD_DEAD, ORDINARY, mailbox=Mailbox.NOBODY),
        ]
        living = bad * (1 - dead) / _AT_ONCE
        unwanted += [
            Stream(provider.domain, VMTA, living, CAMPAIGN, recipients=_AT_ONCE, mailbox=Mailbox.LEAD),
            Stream(provider.domain, VMTA, bad * dead, CAMPAIGN, mailbox=Mailbox.STALE),
        ]
    return {ORDINARY: wanted, CAMPAIGN: unwanted}
