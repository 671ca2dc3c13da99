"""The `engine:` part of the configuration file."""

from datetime import date, timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveInt, SecretStr

from core.address import IpAddress, IpNetwork, SourceIp
from core.duration import Duration
from core.provider import EVERY
from core.rate import UNLIMITED, Rate
from core.settings import Settings
from engine.accounting.settings import AccountingFileSettings, WebhookSettings
from engine.directives import DEFAULTS, DomainSettings, RateLines, one_or_many
from engine.mail.settings import (
    BounceProcessorSettings,
    DkimKeySettings,
    DsnSettings,
    FeedbackLoopSettings,
    SentLogSettings,
)
from engine.providers import SHIPPED_PROVIDERS
from engine.submitters import Submitter


class TokenScope(StrEnum):
    """What a bearer token may do; each includes the one before."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def allows(self, wanted: "TokenScope") -> bool:
        order = list(TokenScope)
        return order.index(self) >= order.index(wanted)


Network = Annotated[IpNetwork, BeforeValidator(lambda v: ip_network(v) if isinstance(v, str) else v)]


class Token(Settings):
    """One bearer token of the control API."""

    name: str = Field(description="Who holds it; appears in the audit.")
    token: SecretStr | None = Field(None, description="The token itself, best from ${ENV}.")
    token_file: Path | None = Field(None, description="A file that holds the token, instead of token.")
    scope: TokenScope = Field(
        TokenScope.READ, description="read, operate or admin; each includes the ones before."
    )
    rate: Rate = Field(UNLIMITED, description="How many requests it may make, like 600/m.")


class ControlApiSettings(Settings):
    """The control API."""

    listen: str = Field(
        "unix:data/control.sock",
        description="unix:PATH (whoever may open the socket is admin) or ADDRESS:PORT.",
    )
    tokens: tuple[Token, ...] = Field(
        (), description="Bearer tokens; needed when it listens on ADDRESS:PORT."
    )


class EngineResolverSettings(Settings):
    """Where MX records are looked up."""

    nameservers: tuple[str, ...] = Field(
        (), description="ADDRESS[:PORT] each; empty means the system's resolvers."
    )
    timeout: Duration = Field(timedelta(seconds=5), description="How long one query may take.")
    tries: int = Field(2, ge=1, description="How often a query is sent before giving up.")


class RouteSettings(Settings):
    """A static route, used instead of an MX lookup."""

    hosts: tuple[str, ...] = Field((), description="HOST[:PORT] in order of preference.")
    provider: str | None = Field(
        None, description="The provider that the domain counts for; left out, by host name."
    )


class ProviderSettings(Settings):
    """A mailbox provider, known by its MX names, and the limits of each source IP towards all its domains."""

    mx: tuple[str, ...] = Field((), description="MX host names; * stands for any labels.")
    source_ip_max_msg_rate: RateLines = Field(
        (), description="Attempted recipients per period for each source IP."
    )
    source_ip_max_connect_rate: RateLines = Field(
        (), description="Connections per period for each source IP."
    )


class VirtualMtaSettings(Settings):
    """A named set of source IPs."""

    source_ips: tuple[SourceIp, ...] = Field(
        (), description="Addresses (their bind is found in ip-lists), used in turn, one per connection."
    )
    takes_leases: bool = Field(
        True,
        description="false: no lease holds for its source IPs, which the controller does not see. For the "
        "route of Tidegate's own mail.",
    )
    domains: dict[str, DomainSettings] = Field(
        {}, description="Domain blocks that hold for this VirtualMTA alone; stronger than the global ones."
    )


class VirtualMtaPoolSettings(Settings):
    """A weighted set of VirtualMTAs; its name is used where a VirtualMTA's may be."""

    members: dict[str, int] = Field(
        {}, description="VirtualMTA to weight; a weight of 2 gets twice the mail of 1."
    )
    domains: dict[str, DomainSettings] = Field(
        {}, description="Domain blocks that its members inherit; stronger than the global ones."
    )


class WarmUpSettings(Settings):
    """A day-by-day allowance for a new source IP; what is above it goes out through the others."""

    source_ip: IpAddress = Field(description="The new source IP.")
    provider: str = Field(EVERY, description="For one provider, or * for each of them.")
    started: date = Field(description="The first day (UTC), YYYY-MM-DD.")
    per_day: tuple[PositiveInt, ...] = Field(
        description="Attempted recipients in any 24 hours on the first day, the second, and so on; after the "
        "last day nothing is limited."
    )


class ReplyPattern(Settings):
    """One line of an smtp-pattern-list."""

    reply: str = Field(description="A regular expression between slashes, matched anywhere, ignoring case.")
    actions: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = Field(
        description="mode=backoff, mode=normal, disable-source-ip, skip-mx, bounce-queue, bounce-rcpt, "
        "defer-queue; with reenable-after=TIME and backoff-to-normal-after=TIME."
    )
    trigger: Rate | None = Field(
        None, description="How many matches in which time it takes, like 5/10m; left out, one."
    )
    provider: str | None = Field(None, description="Only for this provider; left out, for all.")


class TlsSettings(Settings):
    """Our own certificate, for those who hand us mail."""

    certificate: Path | None = Field(
        None, description="PEM file with the certificate and its chain; renewals are noticed."
    )
    key: Path | None = Field(None, description="PEM file with the private key.")


class EngineSettings(Settings):
    """The delivery engine."""

    hostname: str = Field("localhost", description="The name it greets with, in SMTP and in Received.")
    listen: tuple[str, ...] = Field(
        ("127.0.0.1:2525",), description="ADDRESS:PORT each on which it takes mail."
    )
    relay_from: tuple[Network, ...] = Field(
        (ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="Networks it takes mail from for anybody.",
    )
    tls: TlsSettings = Field(
        TlsSettings(), description="The certificate for STARTTLS on the listener; without one it offers none."
    )
    submitters: tuple[Submitter, ...] = Field(
        (), description="Users who may log in with AUTH, inside TLS, and then send from anywhere to anybody."
    )
    clear_login_on_loopback: bool = Field(
        False, description="Offer AUTH without TLS to clients on this machine."
    )
    tls_trust: Path | None = Field(
        None, description="PEM file of the authorities that tls-verify trusts; null takes the system's."
    )
    spool: Path = Field(Path("data/spool"), description="The directory that accepted mail is kept in.")
    max_message_size: int = Field(
        50 * 1024 * 1024, ge=1024, description="Bytes; larger messages are refused."
    )
    max_sessions: int = Field(1000, ge=1, description="Submitters connected at once.")
    smtp_port: int = Field(
        25, ge=1, le=65535, description="The port of the mail servers that MX records name."
    )
    accounting_files: tuple[AccountingFileSettings, ...] = Field(
        (AccountingFileSettings(path=Path("data/accounting.jsonl")),),
        description="Where every event is written down; an empty list keeps no accounting.",
    )
    accounting_webhooks: tuple[WebhookSettings, ...] = Field(
        (), description="Web addresses that accounting records are posted to, signed and in batches."
    )
    spool_low: int = Field(
        1024 * 1024 * 1024, ge=0, description="Bytes free on the spool's disk below which a warning is given."
    )
    control_api: ControlApiSettings = Field(ControlApiSettings(), description="How it is watched and driven.")
    resolver: EngineResolverSettings = Field(
        EngineResolverSettings(), description="Where MX records are looked up."
    )
    routes: dict[str, RouteSettings] = Field({}, description="Domain to static route.")
    providers: dict[str, ProviderSettings] = Field(
        {},
        description="Provider to MX names and limits; added to the shipped map, a name replaces its MX list.",
    )
    default_virtual_mta: str = Field("default", description="For messages without an x-virtual-mta header.")
    virtual_mtas: dict[str, VirtualMtaSettings] = Field(
        {"default": VirtualMtaSettings()},
        description="Name to source IPs. No source IPs: the system picks one.",
    )
    virtual_mta_pools: dict[str, VirtualMtaPoolSettings] = Field(
        {}, description="Name to weighted VirtualMTAs; x-virtual-mta may name one."
    )
    warm_up: tuple[WarmUpSettings, ...] = Field((), description="Day-by-day allowances of new source IPs.")
    domains: dict[str, DomainSettings] = Field(
        {"*": DEFAULTS}, description="Domain pattern to directives: *, domain, *.domain, [*.]domain."
    )
    dkim_keys: tuple[DkimKeySettings, ...] = Field(
        (), description="Keys that sign mail by the domain of its From field."
    )
    dsn: DsnSettings = Field(DsnSettings(), description="What is told to senders of mail that bounced.")
    feedback_loop: FeedbackLoopSettings = Field(
        FeedbackLoopSettings(), description="Complaints that providers send by mail."
    )
    bounce_processor: BounceProcessorSettings = Field(
        BounceProcessorSettings(), description="Bounces that come by mail after a peer took the message."
    )
    sent_log: SentLogSettings = Field(
        SentLogSettings(),
        description="Remembers which source IP sent what, while feedback-loop or bounce-processor is on.",
    )
    smtp_pattern_lists: dict[str, tuple[ReplyPattern, ...]] = Field(
        {},
        description="Name to patterns; the first that matches a remote reply acts. The list default is there "
        "already: the reputation replies of the large providers.",
    )

    @property
    def lease_free(self) -> frozenset[IpAddress]:
        """The source IPs of VirtualMTAs that take no leases."""
        free = (one for one in self.virtual_mtas.values() if not one.takes_leases)
        return frozenset(source.address for one in free for source in one.source_ips)

    def provider_map(self) -> dict[str, ProviderSettings]:
        """The shipped providers with the configured ones laid over them."""
        merged = {name: ProviderSettings(mx=mx) for name, mx in SHIPPED_PROVIDERS.items()}
        for name, said in self.providers.items():
            shipped = merged.get(name, ProviderSettings())
            merged[name] = said if said.mx else said.model_copy(update={"mx": shipped.mx})
        return merged
