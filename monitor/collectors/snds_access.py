"""Whether the way into SNDS stays open: links expire, IPs are attested anew, sign-ins end. Decides only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from monitor.collectors.snds_settings import FetchMode, SndsAccount, SndsSettings

LINK_LIFE: Final = timedelta(days=30)
"""Automated-access links made in the portal stop working after this (reference: signals.md 1.0)."""

ATTESTATION_LIFE: Final = timedelta(days=300)
"""About ten months, as users report it (reference: signals.md 1.0)."""

ATTESTATION_WARNING: Final = timedelta(days=30)


_CLOSED_HOSTS: Final = frozenset({"sendersupport.olc.protection.outlook.com", "postmaster.live.com"})


class Door(StrEnum):
    """What lets us in."""

    LINKS = "links"
    ATTESTATION = "attestation"
    SIGN_IN = "sign-in"


class Standing(StrEnum):
    """How a door stands. UNKNOWN says nothing, as everywhere."""

    OPEN = "open"
    CLOSING = "closing soon"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Access:
    """One account's door. `said` is a sentence with what to do, empty where it is open."""

    account: str
    door: Door
    standing: Standing
    said: str = ""

    @property
    def needs_somebody(self) -> bool:
        return self.standing in {Standing.CLOSING, Standing.CLOSED}


def of_account(
    account: SndsAccount, settings: SndsSettings, now: datetime, signed_in: Access | None = None
) -> list[Access]:
    """Every door of an account as it stands at `now`; what is not configured has none."""
    return [*_dated(account, settings, now), *([signed_in] if signed_in else [])]


def sign_in(account: SndsAccount, *, over: str = "", answered: bool = False) -> Access | None:
    """The sign-in after a round: `over` why it has ended. Neither that nor an answer: nothing is known."""
    if account.mode is not FetchMode.OAUTH:
        return None
    if over:
        return Access(account.name, Door.SIGN_IN, Standing.CLOSED, over)
    return Access(account.name, Door.SIGN_IN, Standing.OPEN if answered else Standing.UNKNOWN)


def unwise(account: SndsAccount) -> Iterator[str]:
    """Sentences about what is allowed in an account's settings and yet will not do."""
    if account.mode is FetchMode.LINK and account.links_issued is None:
        yield (
            f"nobody can be told before the links of the SNDS account {account.name!r} stop working: "
            "write links-issued, the day on which they were made"
        )
    if account.mode is FetchMode.KEY and urlsplit(account.base_url).hostname in _CLOSED_HOSTS:
        yield (
            f"the SNDS account {account.name!r} takes its key to a host of Microsoft that takes none since "
            "June 2026: write sign-in-file and run tidegate snds login, or paste links"
        )


def _dated(account: SndsAccount, settings: SndsSettings, now: datetime) -> Iterator[Access]:
    today = now.astimezone(UTC).date()
    if account.mode is FetchMode.LINK and account.links_issued is not None:
        last = account.links_issued + LINK_LIFE
        remedy = "make new ones in the SNDS portal and put them and links-issued into the configuration"
        yield _until(account, Door.LINKS, today, last, settings.expiry_warning, remedy)
    if account.attested is not None:
        last = account.attested + ATTESTATION_LIFE
        remedy = "confirm the IPs in the SNDS portal and put the day into the configuration as attested"
        yield _until(account, Door.ATTESTATION, today, last, ATTESTATION_WARNING, remedy)


def _until(
    account: SndsAccount, door: Door, today: date, last: date, warning: timedelta, remedy: str
) -> Access:
    subject = "the SNDS links" if door is Door.LINKS else "Microsoft's leave to see the IPs at SNDS"
    named = f"{subject} of account {account.name}"
    if today >= last:
        verb = "stopped working" if door is Door.LINKS else "ended"
        return Access(account.name, door, Standing.CLOSED, f"{named} {verb} on {last}: {remedy}")
    if today >= last - warning:
        verb = "stop working" if door is Door.LINKS else "ends"
        left = (last - today).days
        when = f"on {last}, in {left} day{'' if left == 1 else 's'}"
        return Access(account.name, door, Standing.CLOSING, f"{named} {verb} {when}: {remedy}")
    return Access(account.name, door, Standing.OPEN)
