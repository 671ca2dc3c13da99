"""What is wrong with the access to SNDS and Sender Score, and how to mend it. Decides only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from monitor.collectors import snds_access
from monitor.collectors.collected import Collected
from monitor.collectors.sender_score import REFUSED_RANGE
from monitor.collectors.settings import SenderScoreSettings
from monitor.collectors.snds_access import Door, Standing
from monitor.collectors.snds_settings import FetchMode, SndsAccount, SndsSettings
from monitor.collectors.snds_sign_in import advice
from monitor.health import OutcomeKind, SourceOutcome

PORTAL: Final = "https://substrate.office.com/ip-domain-management-snds/SNDS"
REGISTRATION: Final = (
    "Since March 2024 Validity answers registered resolvers only, and since February 2026 all others get "
    f"{REFUSED_RANGE}255 for every question. Register the address that your own recursing resolver asks "
    "from, as the world sees it (not the sending IPs), at my.validity.com: article 20961730681243 of "
    "Validity's help says how. Public resolvers cannot be registered: name your own under "
    "monitor.resolver.nameservers."
)
FREE_QUERIES: Final = 10_000
"""In 30 days for one resolver without a contract, as quoted in 2024; other sources say a day."""

_MONTH: Final = timedelta(days=30)


class Weight(StrEnum):
    """How a finding is meant."""

    FINE = "fine"
    UNWISE = "unwise"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding: what is so, and what to do about it (empty where nothing is to be done)."""

    about: str
    weight: Weight
    said: str
    mend: str = ""


def sender_score(settings: SenderScoreSettings, fleet: int, round_: Collected | None) -> list[Advice]:
    """About Sender Score, from a round of its collector; `fleet` is the number of IPv4 source IPs."""
    about = "sender score"
    if not settings.enabled:
        return [Advice(about, Weight.FINE, "not asked (monitor.sender-score.enabled)")]
    found = [_scored(one) for one in round_.outcomes] if round_ else []
    asked = round(fleet * (_MONTH / settings.interval))
    if asked > FREE_QUERIES:
        found.append(
            Advice(
                about,
                Weight.UNWISE,
                f"{fleet} IPs every {settings.interval} are {asked} questions in 30 days; without a contract "
                f"Validity is said to answer {FREE_QUERIES}",
                "write a longer monitor.sender-score.interval, or ask Validity for more",
            )
        )
    if settings.probe_ip is None:
        found.append(
            Advice(
                about,
                Weight.UNWISE,
                "no probe-ip is given, so a resolver that forges answers looks like IPs without a score",
                "name an IP that has a score, such as your busiest one, as monitor.sender-score.probe-ip",
            )
        )
    return found


def _scored(outcome: SourceOutcome) -> Advice:
    about = "sender score"
    if outcome.kind is OutcomeKind.ANSWERED:
        weight = Weight.UNWISE if outcome.reason else Weight.FINE
        return Advice(about, weight, outcome.reason or "Sender Score answers")
    return Advice(about, Weight.BROKEN, outcome.reason, REGISTRATION)


def snds(settings: SndsSettings, round_: Collected | None) -> list[Advice]:
    """About every SNDS account, from a round of its collector."""
    if not settings.enabled:
        return [Advice("SNDS", Weight.FINE, "not asked (monitor.snds.enabled)")]
    found: list[Advice] = []
    for account in settings.accounts:
        found += _account(account, round_)
    return found


def _account(account: SndsAccount, round_: Collected | None) -> Iterator[Advice]:
    about = f"SNDS account {account.name}"
    outcome = next((o for o in round_.outcomes if o.name == f"snds:{account.name}"), None) if round_ else None
    if outcome is not None and outcome.kind is OutcomeKind.ANSWERED:
        yield Advice(about, Weight.FINE, "answers")
    elif outcome is not None:
        yield Advice(about, Weight.BROKEN, outcome.reason, _way_in(account))
    for door in round_.access if round_ else ():
        if door.account == account.name and door.needs_somebody and door.door is not Door.SIGN_IN:
            weight = Weight.BROKEN if door.standing is Standing.CLOSED else Weight.UNWISE
            yield Advice(about, weight, door.said, f"the portal: {PORTAL}")
    for said in snds_access.unwise(account):
        yield Advice(about, Weight.UNWISE, said)


def _way_in(account: SndsAccount) -> str:
    match account.mode:
        case FetchMode.OAUTH:
            return advice(account.name)
        case FetchMode.LINK:
            return f"make new links at {PORTAL}, and put them and links-issued into the configuration"
        case FetchMode.KEY:
            return f"see the account at {PORTAL}; keys gave way to sign-ins and to links that expire"
