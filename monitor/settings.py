"""The monitor's part of the configuration file, composed of what each package declares for itself."""

from pydantic import Field

from core.settings import Settings
from monitor.alerts.settings import AlertSettings
from monitor.collectors.settings import DnsblSettings, ResolverSettings, SenderScoreSettings
from monitor.collectors.snds_settings import SndsSettings
from monitor.detection.settings import DetectionSettings
from monitor.digest.settings import DigestSettings
from monitor.notifications.settings import NotificationSettings
from monitor.replies.settings import ReplySettings


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
