"""What the operator may set about asking the sources."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    model_validator,
)

from core.address import parse_ip
from core.duration import Duration
from core.settings import Settings
from monitor.catalogue import ListingSeverity, Zone, ZoneStatus


class Nameserver(BaseModel):
    """`host:port`, the host an IP address; an IPv6 one in brackets. Port 53 when none is written."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int = Field(default=53, ge=1, le=65_535)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _nameserver(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    host, _, port = text, "", ""
    if text.startswith("[") and "]" in text:
        host, _, port = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    port = port.removeprefix(":") or "53"
    if not port.isdigit():
        raise ValueError(f"{value!r} has no port number; write it like 127.0.0.1:53 or [::1]:53")
    return Nameserver(host=str(parse_ip(host)), port=int(port))


NameserverField = Annotated[Nameserver, BeforeValidator(_nameserver), PlainSerializer(str, return_type=str)]


class ResolverClient(StrEnum):
    """Who puts the questions on the wire."""

    BUILTIN = "builtin"
    AIODNS = "aiodns"


class ResolverSettings(Settings):
    """The recursing resolver that DNS lists and Sender Score are asked through."""

    client: ResolverClient = Field(
        default=ResolverClient.BUILTIN,
        description="builtin: our own UDP client, made for large fleets; aiodns: the c-ares library instead.",
    )

    nameservers: list[NameserverField] = Field(
        default=[],
        description="Your own recursing resolver as address:port, all on one port; empty: the system's. "
        "Public resolvers are refused by most lists.",
    )
    second_nameservers: list[NameserverField] = Field(
        default=[],
        description="Another resolver, asked when a new listing is looked at again; empty: the same.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=3), description="How long one try of one question may take (real time)."
    )
    tries: int = Field(
        default=2, ge=1, le=5,
        description="How many times that long a question may take before it is given up; builtin sends it "
        "again as often as the resolver's own pace suggests.",
    )  # fmt: skip
    window: int = Field(
        default=200, ge=1, le=1_000,
        description="How many questions may be open at one name server; builtin alone, which asks for "
        "fewer while answers get lost.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_port_each(self) -> Self:
        for servers in (self.nameservers, self.second_nameservers):
            if len({server.port for server in servers}) > 1:
                raise ValueError("nameservers that stand together must use one port")
        return self


class ExtraZone(Settings):
    """A private or local DNS list, in the catalogue's words."""

    zone: str = Field(description="The zone's name; {key} stands for a key given under keys.")
    name: str = Field(default="", description="What people call it; empty means the zone's name.")
    codes: dict[str, str] = Field(
        default={"127.0.0.2": "listed"}, description="What each address that it answers means."
    )
    any_code: bool = Field(default=False, description="Whether every 127.0.0.x means listed.")
    severity: ListingSeverity = Field(
        default=ListingSeverity.MEDIUM,
        description="critical acts on all mail, high and medium on some; the others are told only.",
    )
    code_severity: dict[str, ListingSeverity] = Field(
        default={}, description="Severities of single codes; none means that the answer is no listing."
    )
    ipv4: bool = Field(default=True, description="Whether it lists IPv4 addresses.")
    ipv6: bool = Field(default=False, description="Whether it lists IPv6 addresses.")
    test_listed: str | None = Field(
        default="127.0.0.2",
        description="An address that it always lists (RFC 5782); null means there is none.",
    )
    test_not_listed: str | None = Field(
        default="127.0.0.1", description="An address that it never lists; null means there is none."
    )
    delist_url: str | None = Field(default=None, description="Where to ask for removal.")
    lookup_url: str | None = Field(default=None, description="Where to look an address up by hand.")

    def as_zone(self) -> Zone:
        """The same as a catalogue entry."""
        given = self.model_dump(exclude={"any_code", "test_listed", "name"}, by_alias=False)
        return Zone(
            **given,
            name=self.name or self.zone,
            accept_any="127.0.0.0/24" if self.any_code else None,
            test_listed=(self.test_listed,) if self.test_listed else None,
            status=ZoneStatus.CONFIGURED,
        )


class ZoneManners(Settings):
    """How one list wants to be asked; what is left out follows the catalogue."""

    interval: Duration | None = Field(default=None, description="How often it is asked about an IP.")
    concurrency: int | None = Field(
        default=None, ge=1, le=1_000, description="How many questions may be open at once."
    )
    gap_ms: int | None = Field(
        default=None, ge=0, description="A pause after each question, in real milliseconds."
    )
    per_day: int | None = Field(
        default=None, ge=1, description="How many questions a day it tolerates; spread over all rounds."
    )


class DnsblSettings(Settings):
    """DNS lists of IP addresses."""

    enabled: bool = Field(default=True, description="Whether DNS lists are asked at all.")
    interval: Duration = Field(
        default=timedelta(hours=1),
        description="How often a list is asked about IPs that send mail or are in trouble.",
    )
    minor_interval: Duration = Field(
        default=timedelta(hours=24), description="The same for lists that are told about only (tier 3)."
    )
    quiet_interval: Duration = Field(
        default=timedelta(hours=6), description="How often a list is asked about IPs that are quiet."
    )
    busy_from: int = Field(
        default=100, ge=1,
        description="An IP with fewer recipients than this in the last day is quiet. Where nothing is known "
        "about traffic, nobody is.",
    )  # fmt: skip
    zones: list[str] = Field(
        default=[], description="Catalogue zones to ask; empty means the catalogue's usual ones."
    )
    without_zones: list[str] = Field(default=[], description="Zones to leave out of the usual ones.")
    keys: dict[str, SecretStr] = Field(
        default={},
        description="Subscriber keys by the end of the zone's name, such as dq.spamhaus.net.",
    )
    extra_zones: list[ExtraZone] = Field(default=[], description="Lists that the catalogue does not know.")
    concurrency: int = Field(
        default=200, ge=1, le=1_000, description="How many questions may be open at once in all."
    )
    zone_concurrency: int = Field(default=32, ge=1, le=1_000, description="How many may be open at one list.")
    manners: dict[str, ZoneManners] = Field(
        default={}, description="How single lists want to be asked, by their names."
    )
    self_test_interval: Duration = Field(
        default=timedelta(hours=4),
        description="How long a list stays trusted after it passed its self-test (RFC 5782).",
    )
    fleet_share: float = Field(
        default=0.10, gt=0, le=1,
        description="A list that newly lists more than this share of your IPs in one sweep is not believed.",
    )  # fmt: skip
    fleet_minimum: int = Field(
        default=5, ge=1, description="At least so many new listings before the share above counts."
    )


class SenderScoreSettings(Settings):
    """Validity's Sender Score, asked over DNS. The resolver's egress address must be registered there."""

    enabled: bool = Field(default=False, description="Whether Sender Score is asked at all.")
    interval: Duration = Field(default=timedelta(hours=24), description="How often every IP is asked for.")
    zone: str = Field(default="score.senderscore.com", description="The zone that answers 127.0.4.N.")
    probe_ip: IPv4Address | None = Field(
        default=None,
        description="An address known to have a score; asked first, and only when it has one are the others.",
    )
    good_from: int = Field(default=80, ge=0, le=100, description="Scores from here up are good.")
    bad_below: int = Field(
        default=70, ge=0, le=100, description="Scores below this are bad; between: a warning."
    )
    concurrency: int = Field(default=8, ge=1, le=100, description="How many questions may be open at once.")
