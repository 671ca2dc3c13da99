"""Who the lab's three mailbox providers are: names, domains, tempers and the words they refuse in.

The names are made up; `ident` is the provider whose rules the product applies, and the replies imitate that
one's (samples: smtp_replies.yaml) with the lab's addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lab.judge import Stage, Temper, Verdict

_TSS04 = (
    "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints"
    " - 4.16.55.1; see https://postmaster.yahooligan.test/error-codes"
)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who a provider is: names, domain, manners. `replies` are templates with `{ip}`."""

    name: str
    ident: str
    domain: str
    host: str
    replies: Mapping[Verdict, str]
    refuses_at: Stage = Stage.MAIL
    temper: Temper = field(default_factory=Temper)
    consults: tuple[str, ...] = ()

    @property
    def exchanger(self) -> str:
        return f"mx1.{self.domain}"


OUTLANDISH = Provider(
    "Outlandish",
    "microsoft",
    "outlandish.test",
    "127.0.2.1",
    {
        Verdict.DISGRACE: "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to "
        "IP reputation. For e-mail delivery information, see https://postmaster.outlandish.test (S775)",
        Verdict.VOLUME: "451 4.7.652 The mail server [{ip}] has exceeded the maximum number of "
        "connections. (S3115)",
        Verdict.BLOCKED: "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your "
        "Internet service provider since part of their network is on our block list (S3140).",
    },
)
GEEMAIL = Provider(
    "Geemail",
    "google",
    "geemail.test",
    "127.0.2.2",
    {
        Verdict.DISGRACE: "421 4.7.0 This message is suspicious due to the very low reputation of the "
        "sending IP address [{ip}]. To protect our users, mail from it has been temporarily rate limited.",
        Verdict.VOLUME: "421 4.7.28 Geemail has detected an unusual rate of mail originating from your IP "
        "address [{ip}]. Mail has been temporarily rate limited.",
        Verdict.BLOCKED: "550 5.7.1 [{ip}] This message is likely suspicious due to the very low reputation "
        "of the sending IP address. To best protect our users, the message has been blocked.",
    },
    refuses_at=Stage.DATA,
)
YAHOOLIGAN = Provider(
    "Yahooligan",
    "yahoo",
    "yahooligan.test",
    "127.0.2.3",
    {
        Verdict.DISGRACE: _TSS04,
        Verdict.VOLUME: _TSS04,
        Verdict.BLOCKED: "553 5.7.1 [BL21] Connections will not be accepted from {ip}, because the ip is "
        "in Spamhaus's list; see https://postmaster.yahooligan.test/550-bl23",
    },
)
PROVIDERS = (OUTLANDISH, GEEMAIL, YAHOOLIGAN)


def with_temper(provider: Provider, temper: Temper, *consults: str) -> Provider:
    """The provider with another temper and the DNS lists that it asks."""
    return replace(provider, temper=temper, consults=consults)
