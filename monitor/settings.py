"""The monitor's part of the configuration file, composed of what each package declares for itself."""

from datetime import timedelta
from typing import Final, Self

from pydantic import Field, model_validator

from core.duration import Duration
from core.settings import Settings
from monitor.alerts.settings import AlertSettings
from monitor.collectors.settings import DnsblSettings, ResolverSettings, SenderScoreSettings
from monitor.collectors.snds_settings import SndsSettings
from monitor.detection.settings import DetectionSettings
from monitor.digest.settings import DigestSettings
from monitor.notifications.settings import NotificationSettings
from monitor.replies.settings import ReplySettings

_LOOK_BACK: Final = timedelta(days=60)
_DIGEST: Final = timedelta(days=14)


class RetentionSettings(Settings):
    """How long records are kept. What is known last about a series stays for ever."""

    readings: Duration = Field(
        default=timedelta(weeks=56),
        description="What sources said about an IP, after it stopped being true; at least 60d, which is as "
        "far back as detection looks.",
    )
    messages: Duration = Field(
        default=timedelta(weeks=13),
        description="Messages that went out or were given up; at least 14d. Those about an incident that "
        "is still open stay.",
    )

    history: Duration = Field(
        default=timedelta(weeks=104),
        description="Incidents that are over, changes of limits, orders that have ended and the audit; at "
        "least 60d. The newest change of each limit stays.",
    )

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.readings < _LOOK_BACK:
            raise ValueError("readings must be kept for at least 60d: detection looks that far back")
        if self.history < _LOOK_BACK:
            raise ValueError("history must be kept for at least 60d: a look back and a replay read it")
        if self.messages < _DIGEST:
            raise ValueError("messages must be kept for at least 14d: the digest tells of a week's")
        return self


class MonitorSettings(Settings):
    """What is watched, when it means trouble, and who hears about it."""

    resolver: ResolverSettings = Field(
        default=ResolverSettings(),
        description="The resolver that DNS lists and Sender Score are asked through.",
    )
    dnsbl: DnsblSettings = Field(default=DnsblSettings(), description="DNS lists of IP addresses.")
    sender_score: SenderScoreSettings = Field(
        default=SenderScoreSettings(), description="Validity's Sender Score."
    )
    snds: SndsSettings = Field(default=SndsSettings(), description="Microsoft's Smart Network Data Services.")
    alerts: AlertSettings = Field(
        default=AlertSettings(), description="Alerts that other monitors post (see web)."
    )
    replies: ReplySettings = Field(
        default=ReplySettings(), description="What mail servers reply to the engine, kept as history."
    )
    detection: DetectionSettings = Field(
        default=DetectionSettings(), description="When readings mean trouble."
    )
    notifications: NotificationSettings = Field(
        default=NotificationSettings(), description="Mail about incidents."
    )
    digest: DigestSettings = Field(default=DigestSettings(), description="The weekly digest.")
    retention: RetentionSettings = Field(
        default=RetentionSettings(), description="How long records are kept; looked at once a day."
    )
