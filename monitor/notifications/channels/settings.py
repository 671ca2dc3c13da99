"""What the operator may set about channels other than mail. Addresses that let anybody post are secrets."""

from datetime import timedelta

from pydantic import Field, SecretStr

from core.duration import Duration
from core.settings import Settings


class WebhookSettings(Settings):
    """An address that takes bulletins as JSON (docs/notifications.md)."""

    url: SecretStr = Field(default=SecretStr(""), description="Where bulletins are posted.")
    secret: SecretStr | None = Field(
        default=None, description="Signs them: Tidegate-Signature: t=TIME,v1=HEX is HMAC-SHA256 of TIME.BODY."
    )


class SlackSettings(Settings):
    """A channel in Slack, or in what understands Slack's incoming webhooks (Mattermost, Rocket.Chat)."""

    url: SecretStr = Field(default=SecretStr(""), description="The incoming webhook's address.")


class PagerDutySettings(Settings):
    """A service in PagerDuty, by Events API v2; one alert for each thread, resolved when it is over."""

    routing_key: SecretStr = Field(default=SecretStr(""), description="The integration key of the service.")
    url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        description="The Events API; https://events.eu.pagerduty.com/v2/enqueue in the EU.",
    )


class AlertmanagerSettings(Settings):
    """An Alertmanager that is told, again and again, which incidents are open; it does its own routing."""

    url: str = Field(default="", description="Its address, like http://127.0.0.1:9093.")
    username: str = Field(default="", description="Name for basic authentication; empty means none.")
    password: SecretStr | None = Field(default=None, description="Password for basic authentication.")
    interval: Duration = Field(
        default=timedelta(minutes=1), description="How often it is told; an alert ends after three silences."
    )


class AppriseSettings(Settings):
    """Any of the services that the Apprise library knows (pip install 'tidegate[apprise]')."""

    urls: list[SecretStr] = Field(default=[], description="Apprise addresses, like ntfy://topic.")


class ChannelSettings(Settings):
    """Named ways to people; routes say who is told over which."""

    timeout: Duration = Field(
        default=timedelta(seconds=15), description="How long one post may take (real time)."
    )
    webhooks: dict[str, WebhookSettings] = Field(default={}, description="Name to a web address.")
    slack: dict[str, SlackSettings] = Field(default={}, description="Name to a channel in Slack.")
    pagerduty: dict[str, PagerDutySettings] = Field(default={}, description="Name to a PagerDuty service.")
    alertmanager: dict[str, AlertmanagerSettings] = Field(default={}, description="Name to an Alertmanager.")
    apprise: dict[str, AppriseSettings] = Field(default={}, description="Name to services of Apprise.")

    @property
    def names(self) -> list[str]:
        """Every channel's name, once for each time it is given."""
        kinds = (self.webhooks, self.slack, self.pagerduty, self.alertmanager, self.apprise)
        return [name for kind in kinds for name in kind]
