"""PowerMTA's domain directives: their types, their defaults, and how they merge from general to specific."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from core.address import IpAddress, IpNetwork
from core.duration import Duration
from core.errors import OperatorError
from core.rate import UNLIMITED, Rate
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class SourceIpRate:
    """One line of `source-ip-max-msg-rate [CIDR] RATE`; without a CIDR it holds for each source IP."""

    rate: Rate
    network: IpNetwork | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `100/m` or `203.0.113.0/24 100/m`. Raises ValueError."""
        words = text.split(maxsplit=1)
        if len(words) == 2 and not words[0].endswith("/") and ("." in words[0] or ":" in words[0]):
            return cls(Rate.parse(words[1]), ip_network(words[0]))
        return cls(Rate.parse(text))

    def __str__(self) -> str:
        return f"{self.network} {self.rate}" if self.network else str(self.rate)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> SourceIpRate:
            return value if isinstance(value, SourceIpRate) else cls.parse(str(value))

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )


def one_or_many(value: object) -> object:
    """A directive written once may be written without a list."""
    return (value,) if isinstance(value, str) else value


SourceIpRates = tuple[SourceIpRate, ...]
RateLines = Annotated[SourceIpRates, BeforeValidator(one_or_many)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
Waits = Annotated[tuple[Duration, ...], BeforeValidator(one_or_many), Field(min_length=1)]


def rate_for(rates: SourceIpRates, address: IpAddress) -> Rate:
    """The rate of the most specific line that covers the address; unlimited if none does."""
    covering = [r for r in rates if r.network is None or address in r.network]
    if not covering:
        return UNLIMITED
    return max(covering, key=lambda r: r.network.prefixlen if r.network else -1).rate


class DomainSettings(Settings):
    """The directives of one domain block. What is left out is inherited from a more general block."""

    max_msg_rate: Rate | None = Field(
        None, description="Attempted recipients per period for the queue, all its source IPs together."
    )
    source_ip_max_msg_rate: RateLines | None = Field(
        None,
        description="Attempted recipients per period for each source IP; a list of [CIDR] RATE, the most "
        "specific CIDR wins.",
    )
    max_connect_rate: Rate | None = Field(None, description="Connections opened per period for the queue.")
    source_ip_max_connect_rate: RateLines | None = Field(
        None, description="Connections opened per period for each source IP; a list of [CIDR] RATE."
    )
    max_smtp_out: int | None = Field(None, ge=1, description="Simultaneous connections of the queue.")
    source_ip_max_smtp_out: int | None = Field(
        None, ge=1, description="Simultaneous connections of the queue from each source IP."
    )
    max_msg_per_connection: int | None = Field(
        None, ge=0, description="Messages sent over one connection before it is closed; 0 is no limit."
    )
    max_rcpt_per_message: int | None = Field(
        None, ge=1, description="Recipients of one message sent in one transaction."
    )
    connection_idle_timeout: Duration | None = Field(
        None, description="How long an idle connection is kept for the next message."
    )
    max_errors_per_connection: int | None = Field(
        None, ge=0, description="Refused recipients after which a connection is closed; 0 is no limit."
    )
    smtp_421_means_mx_unavailable: bool | None = Field(
        None, description="A 421 turns to the next MX host instead of letting the source IP wait."
    )
    connect_timeout: Duration | None = Field(None, description="How long opening a connection may take.")
    smtp_greeting_timeout: Duration | None = Field(None, description="How long a greeting may take.")
    data_send_timeout: Duration | None = Field(
        None, description="How long a peer may take none of the data we send."
    )
    use_starttls: bool | None = Field(
        None,
        description="Encrypt with STARTTLS where the peer offers it, whatever its certificate; a handshake "
        "that fails is done without for an hour.",
    )
    require_starttls: bool | None = Field(
        None, description="Send with TLS or not at all; without it, connections fail and mail waits."
    )
    tls_verify: bool | None = Field(
        None, description="Require TLS with a certificate that is valid for the MX host's name."
    )
    dkim_sign: bool | None = Field(
        None, description="Sign with the dkim-keys of the From domain, for a message with such a recipient."
    )
    verp: bool | None = Field(
        None,
        description="Write the recipient into the envelope sender, sender+user=domain@..., so that bounces "
        "tell whom they are about; each recipient is then sent alone.",
    )
    queue_priority: int | None = Field(
        None, ge=1, le=100, description="The queue's share where queues wait for one limit; 50 is usual."
    )
    queue_to: str | None = Field(
        None, description="The queue (a domain) that recipients of this domain are put into instead."
    )
    retry_upon_new_mail: bool | None = Field(
        None, description="New mail ends the waits of the queue's lanes."
    )
    retry_after: Waits | None = Field(
        None,
        description="Waits of a source IP's lane after failed connections, in order; the last repeats, "
        "a delivery starts it over.",
    )
    retry_recipients_after: Waits | None = Field(
        None, description="Waits of a recipient after each 4xx reply; the last repeats."
    )
    bounce_after: Duration | None = Field(
        None, description="How long a message is tried before it is returned."
    )
    smtp_pattern_list: str | None = Field(
        None, description="The smtp-pattern-list that remote replies are held against."
    )
    backoff_max_msg_rate: Rate | None = Field(
        None, description="max-msg-rate while the queue is in backoff mode; left out, max-msg-rate stays."
    )
    backoff_max_connect_rate: Rate | None = Field(
        None, description="max-connect-rate in backoff mode; left out, max-connect-rate stays."
    )
    backoff_max_smtp_out: int | None = Field(
        None, ge=1, description="max-smtp-out in backoff mode; left out, max-smtp-out stays."
    )
    backoff_retry_after: Waits | None = Field(None, description="retry-after in backoff mode.")
    backoff_to_normal_after: Duration | None = Field(
        None, description="Backoff mode ends after this time; left out, it does not end by time."
    )
    backoff_to_normal_after_delivery: bool | None = Field(
        None, description="Backoff mode ends with the first delivery."
    )
    backoff_upon_all_sources_disabled: bool | None = Field(
        None, description="Backoff mode begins when the last of the queue's source IPs is disabled."
    )
    backoff_reroute_to_virtual_mta: str | None = Field(
        None, description="The VirtualMTA that takes the queue's mail over while it is in backoff mode."
    )
    backoff_notify: Addresses | None = Field(
        None, description="Who gets a mail when the queue enters or leaves backoff mode."
    )
    reenable_source_ip_after: Duration | None = Field(
        None, description="How long disable-source-ip lasts; left out, until it is enabled by hand."
    )
    disabled_source_ip_notify: Addresses | None = Field(
        None, description="Who gets a mail when a source IP is disabled or enabled again."
    )


DEFAULTS = DomainSettings(
    max_msg_rate=UNLIMITED,
    source_ip_max_msg_rate=(),
    max_connect_rate=UNLIMITED,
    source_ip_max_connect_rate=(),
    max_smtp_out=20,
    source_ip_max_smtp_out=20,
    max_msg_per_connection=100,
    max_rcpt_per_message=100,
    max_errors_per_connection=0,
    smtp_421_means_mx_unavailable=False,
    connect_timeout=timedelta(minutes=2),
    smtp_greeting_timeout=timedelta(minutes=5),
    data_send_timeout=timedelta(minutes=3),
    use_starttls=True,
    require_starttls=False,
    tls_verify=False,
    dkim_sign=True,
    verp=False,
    queue_priority=50,
    retry_upon_new_mail=False,
    connection_idle_timeout=timedelta(seconds=5),
    retry_after=(timedelta(minutes=10),),
    retry_recipients_after=(timedelta(minutes=10),),
    bounce_after=timedelta(days=4, hours=12),
    smtp_pattern_list="default",
    backoff_retry_after=(timedelta(hours=1),),
    backoff_to_normal_after=timedelta(hours=1),
    backoff_to_normal_after_delivery=False,
    backoff_upon_all_sources_disabled=False,
    backoff_notify=(),
    disabled_source_ip_notify=(),
)

_PATTERN = re.compile(r"(\*|(?:\[\*\.\]|\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)\Z")


@dataclass(frozen=True, slots=True)
class DomainPattern:
    """`*`, `domain`, `*.domain` (subdomains only) or `[*.]domain` (both)."""

    text: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises OperatorError that shows the four forms."""
        low = text.strip().lower()
        if not _PATTERN.match(low):
            raise OperatorError(
                f"{text!r} is not a domain pattern; write *, example.com, *.example.com or [*.]example.com"
            )
        return cls(low, low.removeprefix("[*.]").removeprefix("*.") if low != "*" else "")

    def matches(self, domain: str) -> bool:
        if self.text == "*":
            return True
        below = domain.endswith("." + self.domain)
        if self.text.startswith("*."):
            return below
        if self.text.startswith("[*.]"):
            return below or domain == self.domain
        return domain == self.domain

    @property
    def specificity(self) -> tuple[int, int]:
        """Sorts general before specific: longer domains later, an exact one last."""
        forms = 0 if self.text == "*" else 1 if self.text.startswith("*.") else 2
        return (len(self.domain), forms if not self.text.startswith("[*.]") else 1)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A domain block as written: its pattern, its directives, and where it stands."""

    pattern: DomainPattern
    settings: DomainSettings
    where: str


@dataclass(frozen=True, slots=True)
class Effective:
    """The directives that hold for one queue, each with the block it came from."""

    settings: DomainSettings
    origins: Mapping[str, str]


class Level:
    """The domain blocks of one level of the configuration, found by walking a domain's labels."""

    def __init__(self, domains: Mapping[str, DomainSettings] | None = None, where: str = "") -> None:
        self._by_domain: dict[str, list[Block]] = {}
        for text, settings in (domains or {}).items():
            block = Block(DomainPattern.parse(text), settings, f"{where} domain {text}")
            self._by_domain.setdefault(block.pattern.domain, []).append(block)
        for same in self._by_domain.values():
            same.sort(key=lambda block: block.pattern.specificity)

    def matching(self, domain: str) -> Iterator[Block]:
        """The blocks that match, general before specific, whatever their order in the file."""
        labels = domain.split(".")
        suffixes = ["", *(".".join(labels[place:]) for place in range(len(labels) - 1, -1, -1))]
        for suffix in suffixes:
            yield from (b for b in self._by_domain.get(suffix, ()) if b.pattern.matches(domain))


def matching(domain: str, levels: Iterable[Level]) -> tuple[Block, ...]:
    """The blocks that hold for a domain, weakest first: level by level (global, pool, VirtualMTA)."""
    return tuple(block for level in levels for block in level.matching(domain))


def merge(held: Iterable[Block]) -> Effective:
    """The directives that the blocks come to, each with the block it came from."""
    values = dict(DEFAULTS)
    origins = {name: "default" for name, value in DEFAULTS if value is not None}
    for block in held:
        said = {name: value for name, value in block.settings if value is not None}
        values.update(said)
        origins.update(dict.fromkeys(said, block.where))
    if values["verp"]:
        values["max_rcpt_per_message"], origins["max_rcpt_per_message"] = 1, f"verp of {origins['verp']}"
    return Effective(DomainSettings.model_construct(**values), origins)
