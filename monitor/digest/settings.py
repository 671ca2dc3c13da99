"""What the operator may set about the weekly digest."""

from zoneinfo import ZoneInfo

from pydantic import Field

from core.settings import Settings
from monitor.notifications.settings import MailAddress, Recipient


class DigestSettings(Settings):
    """The digest of the week that ended."""

    enabled: bool = Field(default=True, description="Whether the digest is mailed.")
    cron: str = Field(default="0 7 * * mon", description="When it is mailed, in the reader's time zone.")
    time_zone: ZoneInfo = Field(default=ZoneInfo("UTC"), description="The zone that weeks are counted in.")
    recipients: list[MailAddress | Recipient] = Field(
        default=[], description="Who reads it; empty means the recipients of the notifications."
    )
    only_if_news: bool = Field(
        default=False, description="Whether a week in which nothing happened sends no digest at all."
    )
    rows: int = Field(default=20, ge=1, description="How many IPs are shown one by one, worst first.")
