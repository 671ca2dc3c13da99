"""What the engine counts for those who judge it: per source IP × provider × minute."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from core.address import IpAddress


class ScopeMinute(BaseModel):
    """One minute of one scope, in recipients.

    `deferred` and `bounced` are the peer's replies alone: own delays (rate, lease, pause) are never in them.
    `reputation_deferred` and `blocked` are those replies whose subject is the source IP: 4xx, and 5xx or
    "blocked" texts. `hard_bounced` are 5xx about the recipient. `domain_replies` and `content_replies` are
    deferrals and refusals about the sending domain (its authentication, too) and about what was sent: no
    reason to throttle an IP. `last_reply` is the newest reputation reply, verbatim, for evidence.
    """

    model_config = ConfigDict(frozen=True)

    source_ip: IpAddress
    provider: str
    minute: datetime
    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    reputation_deferred: int = 0
    blocked: int = 0
    hard_bounced: int = 0
    complaints: int = 0
    domain_replies: int = 0
    content_replies: int = 0
    last_reply: str = ""
