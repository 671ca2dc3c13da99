"""What an operator may choose about signatures."""

from enum import StrEnum
from typing import Final

SIGNED: Final = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version",
    "content-type", "content-transfer-encoding", "in-reply-to", "references", "resent-date", "resent-from",
    "resent-sender", "resent-to", "resent-cc", "resent-message-id", "list-id", "list-help",
    "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
    "feedback-id",
)  # fmt: skip
"""RFC 6376 section 5.4.1; the List-Unsubscribe pair must be signed (RFC 8058 section 4)."""


class Algorithm(StrEnum):
    """The a= tag; auto goes by what is in the key file."""

    AUTO = "auto"
    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"


class Form(StrEnum):
    """How much a message may change on its way without breaking the signature."""

    SIMPLE = "simple"
    RELAXED = "relaxed"
