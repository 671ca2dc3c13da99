"""When the way into a source is about to close, or has closed: told apart from blindness, and before it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from core.incident import IncidentKind, Rule, Severity
from core.reading import Source
from monitor.collectors.snds_access import Access, Door, Standing
from monitor.detection.finding import Finding, FindingState

_STATES: Final = {
    Standing.OPEN: FindingState.CLEAR,
    Standing.CLOSING: FindingState.ACTIVE,
    Standing.CLOSED: FindingState.ACTIVE,
}
_TITLES: Final = {
    Door.LINKS: "the SNDS links of account {account} expire",
    Door.ATTESTATION: "the SNDS account {account} has to confirm its IPs",
    Door.SIGN_IN: "the SNDS account {account} has to sign in again",
}


def findings(doors: Iterable[Access], now: datetime) -> Iterator[Finding]:
    """One finding per door that something is known about."""
    for door in doors:
        if door.standing in _STATES:
            yield _finding(door, now)


def _finding(door: Access, now: datetime) -> Finding:
    return Finding(
        fingerprint=f"source:{Source.SNDS_DATA}:{Rule.ACCESS}:{door.account}:{door.door}",
        kind=IncidentKind.SOURCE,
        ip=None,
        source=Source.SNDS_DATA,
        metric=f"{door.account}:{door.door}",
        rule=Rule.ACCESS,
        # what becomes worse is told anew: first that it will close, then that it has
        severity=Severity.CRITICAL if door.standing is Standing.CLOSED else Severity.WARNING,
        title=_TITLES[door.door].format(account=door.account),
        summary=door.said or "it is open again",
        evidence={"said": door.said} if door.said else {},
        evidence_end=now,
        state=_STATES[door.standing],
    )
