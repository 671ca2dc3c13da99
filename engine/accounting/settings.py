"""Where accounting goes."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from core.duration import Duration
from core.settings import Settings


class RecordKind(StrEnum):
    """What an accounting record tells of; PowerMTA's letters are in `records`."""

    RECEIVED = "received"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    QUEUE_DEFERRED = "queue-deferred"
    COMPLAINT = "complaint"
    REMOTE_BOUNCE = "remote-bounce"


class AccountingFormat(StrEnum):
    """How records are written."""

    JSONL = "jsonl"
    CSV = "csv"


ALL_KINDS = tuple(RecordKind)
_MEGABYTE = 1024 * 1024


class AccountingFileSettings(Settings):
    """One accounting file."""

    path: Path = Field(description="The file that is being written.")
    format: AccountingFormat = Field(
        AccountingFormat.JSONL, description="jsonl, or csv with PowerMTA's columns and a header line."
    )
    records: tuple[RecordKind, ...] = Field(
        ALL_KINDS,
        min_length=1,
        description="received, delivered, deferred, bounced, queue-deferred, complaint, remote-bounce.",
    )
    move_interval: Duration = Field(
        timedelta(days=1), description="The file is set aside, with the time in its name, this often."
    )
    max_size: int = Field(
        250 * _MEGABYTE, ge=4096, description="Bytes at which the file is set aside before its time."
    )
    delete_after: Duration | None = Field(
        timedelta(days=8), description="How long files set aside are kept; null keeps them for ever."
    )


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not a web address; write https://HOST/PATH")
    if parts.username or parts.password:
        raise ValueError("leave user and password out of the address; sign with secret instead")
    return url


class WebhookSettings(Settings):
    """Records posted to a web address in batches of JSON lines."""

    url: Annotated[str, AfterValidator(_web_address)] = Field(
        description="Where batches are posted; redirects are not followed."
    )
    secret: SecretStr | None = Field(
        None, description="Signs each batch: Tidegate-Signature: t=TIME,v1=HMAC-SHA256 of TIME.BODY."
    )
    secret_file: Path | None = Field(None, description="A file that holds the secret, instead of secret.")
    records: tuple[RecordKind, ...] = Field(ALL_KINDS, min_length=1, description="Which records are posted.")
    batch_size: int = Field(500, ge=1, le=10_000, description="At most so many records in one post.")
    buffer: Path = Field(Path("data/webhook"), description="A directory for batches not yet taken.")
    max_buffer: int = Field(
        256 * _MEGABYTE, ge=65_536, description="Bytes of that directory; beyond it the oldest batch goes."
    )
    timeout: Duration = Field(timedelta(seconds=10), description="How long the receiver may take.")
    retry_after: Duration = Field(
        timedelta(seconds=1), description="The first wait after a failure; it doubles each time."
    )
    max_retry_after: Duration = Field(timedelta(minutes=5), description="The longest wait after a failure.")
    give_up_after: Duration = Field(
        timedelta(days=1), description="A batch older than this that the receiver does not take is dropped."
    )
