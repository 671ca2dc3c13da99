"""What a DNS list's answer means, in three values. NXDOMAIN alone means clean; doubt is never a listing."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from core.reading import Quality, Status
from monitor.catalogue import ListingSeverity, Zone
from monitor.resolver import Answer, AnswerKind
from storage.coverage import CLEAN

_LOOPBACK = IPv4Network("127.0.0.0/8")
_HURTS = {ListingSeverity.CRITICAL, ListingSeverity.HIGH, ListingSeverity.MEDIUM}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer's meaning. `codes` are the listing addresses; `severity` and `tier` are the worst's."""

    status: Status
    quality: Quality
    detail: str
    codes: tuple[str, ...] = ()
    severity: ListingSeverity | None = None
    tier: int | None = None

    @property
    def is_listing(self) -> bool:
        return bool(self.codes)


NOT_LISTED: Final = Verdict(Status.GOOD, Quality.OK, CLEAN)


def unknown(detail: str, quality: Quality = Quality.ERROR) -> Verdict:
    """We do not know, and why."""
    return Verdict(Status.UNKNOWN, quality, detail)


def classify(zone: Zone, answer: Answer) -> Verdict:
    """Read an answer by the catalogue entry of the zone that gave it (RFC 5782 section 2.1)."""
    if answer.kind is AnswerKind.NXDOMAIN:
        return NOT_LISTED
    if answer.kind is not AnswerKind.ADDRESSES or not answer.addresses:
        return unknown(str(answer.kind))
    strange = [address for address in answer.addresses if IPv4Address(address) not in _LOOPBACK]
    if strange:
        # parked or taken-over domains, and resolvers that rewrite NXDOMAIN
        return unknown(f"answered {strange[0]}, which is outside 127.0.0.0/8", Quality.INVALID_SOURCE)
    for address in answer.addresses:
        refusal = zone.refusal(address)
        if refusal:
            return unknown(f"query refused: {refusal} ({address})")
    return _by_codes(zone, sorted(set(answer.addresses), key=IPv4Address))


def _by_codes(zone: Zone, addresses: list[str]) -> Verdict:
    known = [address for address in addresses if _is_known(zone, address)]
    listing = [code for code in known if zone.severity_of(code) is not ListingSeverity.NONE]
    if listing:
        return _listing(zone, listing)
    if len(known) < len(addresses):
        strange = next(address for address in addresses if address not in known)
        return unknown(f"answered {strange}, which the catalogue does not know")
    return Verdict(Status.GOOD, Quality.OK, f"no listing: {_meanings(zone, known)}")


def _listing(zone: Zone, codes: list[str]) -> Verdict:
    severity = max((zone.severity_of(code) for code in codes), key=lambda s: s.rank)
    return Verdict(
        status=Status.BAD if severity in _HURTS else Status.WARN,
        quality=Quality.OK,
        detail=f"listed: {_meanings(zone, codes)}",
        codes=tuple(codes),
        severity=severity,
        tier=min(zone.tier_of(code) for code in codes),
    )


def _is_known(zone: Zone, address: str) -> bool:
    return address in zone.codes or (zone.accept_any is not None and IPv4Address(address) in zone.accept_any)


def _meanings(zone: Zone, codes: list[str]) -> str:
    return ", ".join(f"{zone.codes.get(code, 'listed')} [{code}]" for code in codes)
