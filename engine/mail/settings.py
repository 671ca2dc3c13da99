"""Settings of what the engine does with messages: signatures, notifications, reports."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from core.duration import Duration
from core.settings import Settings
from engine.directives import one_or_many
from engine.mail.choices import SIGNED, Algorithm, Form

Words = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]


class DkimKeySettings(Settings):
    """A key that signs mail whose From is at its domain or below it (unless a nearer domain has keys)."""

    domain: str = Field(description="The d= of the signature: the domain of the From field, or a parent.")
    selector: str = Field(description="The s=: the public key is in DNS at SELECTOR._domainkey.DOMAIN.")
    key_file: Path = Field(description="The private key, PEM, without a passphrase.")
    algorithm: Algorithm = Field(
        Algorithm.AUTO, description="rsa-sha256 or ed25519-sha256; auto goes by the key. Two keys sign twice."
    )
    header_canonicalization: Form = Field(
        Form.RELAXED, description="relaxed or simple: what may change in the header on the way."
    )
    body_canonicalization: Form = Field(
        Form.RELAXED, description="relaxed or simple: what may change in the body on the way."
    )
    headers: Words = Field(
        SIGNED, description="Fields that are signed where they are present; From always is, and once more."
    )


class DsnSettings(Settings):
    """What is told to the sender of mail that could not be delivered (RFC 3464)."""

    enabled: bool = Field(True, description="Whether senders are told by mail; accounting tells in any case.")
    from_name: str = Field("Mail Delivery System", description="The name in its From field.")
    virtual_mta: str | None = Field(
        None, description="The VirtualMTA that it leaves through; left out, default-virtual-mta."
    )


class FeedbackLoopSettings(Settings):
    """Addresses to which mailbox providers send complaints (ARF, Microsoft's JMRP)."""

    addresses: Words = Field(
        (), description="Mail to these is not relayed but read; everybody may send to them."
    )
    forward_unparsed_to: str | None = Field(
        None, description="Who gets what is no report, such as the provider's own questions."
    )


class BounceProcessorSettings(Settings):
    """Addresses to which bounces come that were not said in SMTP (RFC 3464)."""

    addresses: Words = Field(
        (), description="Envelope senders of our mail; their VERP forms are known by themselves."
    )
    domains: Words = Field((), description="Domains whose every address is read so.")
    forward_unparsed_to: str | None = Field(
        None, description="Who gets what is no report, such as answers of people."
    )


class SentLogSettings(Settings):
    """What was sent from where, so that a later report finds its source IP."""

    retention: Duration = Field(timedelta(days=14), description="How long a report may take to come.")
    max_size: int = Field(
        4 * 1024 * 1024 * 1024, ge=1024 * 1024, description="Bytes on disk; beyond them the oldest go."
    )
