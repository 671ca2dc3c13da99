"""How alerts of other monitors are read: where the IP stands in them, what they weigh, how long they hold."""

from datetime import timedelta

from pydantic import Field

from core.duration import Duration
from core.incident import Severity
from core.settings import Settings


class AlertSettings(Settings):
    """Alerts that other monitors post to `web.listen`."""

    expires_after: Duration = Field(
        default=timedelta(hours=24),
        description="How long an alert holds that says no end of its own and is not sent again; "
        "more than the repeat-interval of your Alertmanager (4h by default).",
    )
    hetrixtools_expires_after: Duration = Field(
        default=timedelta(days=7),
        description="The same for HetrixTools, which tells changes alone and never repeats.",
    )
    shortest: Duration = Field(
        default=timedelta(minutes=10),
        description="An alert that says an earlier end of its own holds at least this long.",
    )
    longest: Duration = Field(
        default=timedelta(days=30), description="No alert holds longer than this without being sent again."
    )
    most: int = Field(
        default=1_000, ge=1, description="How many alerts may stand at once; further ones are refused."
    )
    ip_labels: list[str] = Field(
        default=["ip", "source_ip", "address", "instance"],
        description="Labels of Alertmanager in which the IP is looked for, in this order; a port is cut off.",
    )
    provider_labels: list[str] = Field(
        default=["mailbox_provider", "provider"],
        description="Labels that name the mailbox provider; without one the alert is about all mail.",
    )
    providers: dict[str, str] = Field(
        default={"outlook": "microsoft", "hotmail": "microsoft", "gmail": "google"},
        description="Your names of providers to ours, for labels that say it otherwise.",
    )
    severity_labels: list[str] = Field(
        default=["severity", "priority"], description="Labels that say how bad it is."
    )
    severities: dict[str, Severity] = Field(
        default={
            "critical": Severity.CRITICAL,
            "page": Severity.CRITICAL,
            "error": Severity.CRITICAL,
            "high": Severity.CRITICAL,
            "warning": Severity.WARNING,
            "warn": Severity.WARNING,
            "medium": Severity.WARNING,
            "info": Severity.INFO,
            "none": Severity.INFO,
            "low": Severity.INFO,
        },
        description="Your words for severities to critical (cuts hard), warning (cuts) and info (is told).",
    )
    default_severity: Severity = Field(
        default=Severity.WARNING, description="The severity of alerts that say none, or one not named above."
    )
