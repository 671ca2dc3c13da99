"""The catalogue of DNS lists: what each zone's answers mean, how much they weigh, where to be delisted.

It knows what may be asked and what an answer means; it asks nothing.
"""

from enum import StrEnum
from functools import cache
from importlib import resources
from ipaddress import IPv4Network
from typing import Any, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress

KEY_PLACE: Final = "{key}"
"""Where a subscriber's key stands in a zone name; also what people are shown in its place."""


class ZoneKind(StrEnum):
    """What being found in a zone means."""

    BLOCK = "block"
    SCORE = "score"
    MIXED = "mixed"


class ZoneStatus(StrEnum):
    """How well it is known that a zone works at all."""

    REPORTED_LIVE = "reported-live"
    UNVERIFIED = "unverified"
    CONFIGURED = "configured"


class ListingSeverity(StrEnum):
    """How much a listing hurts delivery, mildest first. `none`: the answer is no listing."""

    NONE = "none"
    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(ListingSeverity).index(self)


_TIERS = {ListingSeverity.CRITICAL: 1, ListingSeverity.HIGH: 2, ListingSeverity.MEDIUM: 2}
TOLD_ONLY: Final = 3
_EVERY_ZONE_REFUSES = {
    "127.255.255.252": "typing error in the zone name",
    "127.255.255.254": "public resolver",
    "127.255.255.255": "too many queries, or not registered",
}
"""https://www.spamhaus.org/news/article/788/: errors, never listings; others copy the convention."""


class Zone(BaseModel):
    """One DNS list of IP addresses.

    `zone` may hold `{key}`. `codes` maps the addresses that it answers to what they mean; `severity` holds
    for all of them but those in `code_severity`. `test_listed` and `test_not_listed` are the addresses of
    RFC 5782 section 5; None: the zone has no such entry. `per_day`, `gap_ms` (between two questions) and
    `concurrency` are what the list asks of those who ask, where it is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str
    name: str
    kind: ZoneKind = ZoneKind.BLOCK
    ipv4: bool = True
    ipv6: bool = False
    codes: dict[str, str]
    accept_any: IPv4Network | None = None
    severity: ListingSeverity
    code_severity: dict[str, ListingSeverity] = Field(default_factory=dict)
    tier: int | None = None
    code_tier: dict[str, int] = Field(default_factory=dict)
    error_codes: dict[str, str] = Field(default_factory=dict)
    test_listed: tuple[str, ...] | None = ("127.0.0.2",)
    test_not_listed: str | None = "127.0.0.1"
    scope: str = ""
    why: str = ""
    key: str = "none"
    public_resolver: str = "unknown"
    status: ZoneStatus = ZoneStatus.UNVERIFIED
    default_enabled: bool = False
    enabled_with_key: bool = False
    replaces: tuple[str, ...] = ()
    delist_url: str | None = None
    lookup_url: str | None = None
    expiry: str = ""
    volume_policy: str = ""
    per_day: int | None = None
    gap_ms: int = 0
    concurrency: int | None = None
    notes: str = ""
    sources: tuple[str, ...] = ()

    @property
    def is_keyed(self) -> bool:
        return KEY_PLACE in self.zone

    def covers(self, ip: IpAddress) -> bool:
        """Whether the zone lists addresses of this family at all."""
        return self.ipv4 if ip.version == 4 else self.ipv6

    def severity_of(self, code: str) -> ListingSeverity:
        """How much this answer hurts."""
        return self.code_severity.get(code, self.severity)

    def tier_of(self, code: str) -> int:
        """1 acts on all mail, 2 on some, 3 is told only (the caps are the controller's)."""
        explicit = self.code_tier.get(code, self.tier)
        return explicit if explicit is not None else _TIERS.get(self.severity_of(code), TOLD_ONLY)

    def refusal(self, code: str) -> str | None:
        """What an answer that is an error says, or None when it is no error."""
        if code not in self.error_codes and not code.startswith("127.255.255."):
            return None
        known = self.error_codes.get(code, "").removeprefix("ERROR: ")
        return _EVERY_ZONE_REFUSES.get(code) or known or "no reason known"


class Catalogue(BaseModel):
    """Every zone that Tidegate knows, the dead ones by name so that nobody enables them by mistake."""

    model_config = ConfigDict(frozen=True)

    zones: tuple[Zone, ...]
    dead: dict[str, str] = Field(default_factory=dict)

    def find(self, name: str) -> Zone | None:
        """The zone of this name, `{key}` written out literally."""
        return next((zone for zone in self.zones if zone.zone == name), None)

    def with_zones(self, extra: tuple[Zone, ...]) -> Self:
        """The same with the operator's own zones, which win over shipped ones of the same name."""
        names = {zone.zone for zone in extra}
        kept = tuple(zone for zone in self.zones if zone.zone not in names)
        return self.model_copy(update={"zones": (*kept, *extra)})


@cache
def shipped() -> Catalogue:
    """The catalogue in `monitor/data/dnsbls.yaml`."""
    text = (resources.files("monitor.data") / "dnsbls.yaml").read_text("utf-8")
    # our own file; the C loader reads its 2,700 lines ten times as fast
    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    dead = {entry["zone"].split(" ")[0]: entry["what"] for entry in document["dead"]}
    return Catalogue(zones=tuple(Zone.model_validate(entry) for entry in document["lists"]), dead=dead)
