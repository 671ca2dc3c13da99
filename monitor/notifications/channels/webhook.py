"""A bulletin as JSON to an address of one's own, signed. Pure."""

from datetime import datetime
from typing import Final

from core.signature import SIGNATURE, signature
from monitor.notifications.bulletin import Bulletin
from monitor.notifications.channels.post import Post
from monitor.notifications.channels.settings import WebhookSettings

KEY: Final = "Idempotency-Key"
"""The same for the same bulletin, so that a receiver can tell a repetition."""


def worded(settings: WebhookSettings, bulletin: Bulletin, now: datetime) -> Post:
    """The bulletin itself; signed with the time of this attempt."""
    body = bulletin.model_dump_json().encode()
    headers = {KEY: bulletin.key}
    if settings.secret is not None:
        headers[SIGNATURE] = signature(settings.secret.get_secret_value(), int(now.timestamp()), body)
    return Post(settings.url.get_secret_value(), body, headers)
