"""The signature that goes with what we post: the receiver knows who wrote it, and when."""

import hashlib
import hmac

SIGNATURE = "Tidegate-Signature"
"""The header that carries it."""


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=TIME,v1=HEX`: HMAC-SHA256 over `TIME.BODY`, so that an old post cannot be played again."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
