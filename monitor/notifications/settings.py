"""What the operator may set about mail."""

from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr

from core.duration import Duration
from core.incident import Severity
from core.settings import Settings
from monitor.notifications.channels.settings import ChannelSettings
from monitor.notifications.hours import Hours


def _address(text: str) -> str:
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(c in text for c in "\r\n\0"):
        raise ValueError(f"{text!r} is not a mail address; write it like ops@example.com")
    return f"{name} <{address}>" if name else address


MailAddress = Annotated[str, AfterValidator(_address)]


class StartTls(StrEnum):
    """How the connection to the SMTP host is encrypted."""

    AUTO = "auto"
    REQUIRED = "required"
    IMPLICIT = "implicit"
    NEVER = "never"


class SmtpSettings(Settings):
    """The host that carries Tidegate's own mail: never a route that Tidegate throttles.

    Either the engine, with a VirtualMTA that takes no leases, or another mail server.
    """

    host: str = Field(default="localhost", description="The host that takes the mail.")
    port: int = Field(default=25, ge=1, le=65_535, description="Its port.")
    starttls: StartTls = Field(
        default=StartTls.AUTO,
        description="auto encrypts when the host offers it, required insists, implicit starts with TLS.",
    )
    username: str = Field(default="", description="Name to log in with; empty means no login.")
    password: SecretStr = Field(default=SecretStr(""), description="Password to log in with.")
    virtual_mta: str | None = Field(
        default=None,
        description="With the engine as host: the VirtualMTA that the mail leaves through, one with "
        "takes-leases: false.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=30), description="How long one step may take (real time)."
    )


class Recipient(Settings):
    """One reader and the time zone that they live in."""

    address: MailAddress = Field(description="The reader's mail address.")
    time_zone: ZoneInfo | None = Field(
        default=None, description="The reader's zone; null means that of the section around it."
    )


class OutsideHours(StrEnum):
    """What becomes of a message outside a route's hours."""

    WAIT = "wait"
    SKIP = "skip"


class NotificationRoute(Settings):
    """Who is told about what, and when. Every route that fits is used."""

    ip_lists: list[str] = Field(
        default=[], description="Only IPs of these ip-lists; empty means everything, monitoring too."
    )
    minimum_severity: Severity = Field(
        default=Severity.INFO, description="Only incidents that are at least so severe."
    )
    hours: Hours | None = Field(
        default=None, description="Only at these hours, like mon-fri 08:00-18:00; null means always."
    )
    time_zone: ZoneInfo | None = Field(
        default=None,
        description="The zone of the hours and of its readers; null means notifications.time-zone.",
    )
    outside_hours: OutsideHours = Field(
        default=OutsideHours.WAIT,
        description="wait: until the hours begin, unless it is critical. skip: not at all, for another route "
        "has these hours; who has heard of an incident still hears how it goes on.",
    )
    recipients: list[MailAddress | Recipient] = Field(default=[], description="Who gets mail.")
    channels: list[str] = Field(default=[], description="Names of channels.")


class HeartbeatSettings(Settings):
    """A dead man's switch: an outside service that raises the alarm when Tidegate falls silent."""

    url: SecretStr | None = Field(
        default=None,
        description="Asked while all is well; URL/fail is posted to when messages do not get out "
        "(Healthchecks' words). Null means none.",
    )
    interval: Duration = Field(default=timedelta(minutes=5), description="How often.")


class NotificationSettings(Settings):
    """Mail and other messages about incidents."""

    enabled: bool = Field(default=True, description="Whether incidents are mailed at all.")
    sender: MailAddress = Field(
        default="Tidegate <tidegate@localhost>", alias="from", description="The From address."
    )
    reply_to: MailAddress | None = Field(default=None, description="A person who answers; empty means none.")
    recipients: list[MailAddress | Recipient] = Field(
        default=[], description="Who gets mail about every incident, at any hour."
    )
    routes: dict[str, NotificationRoute] = Field(
        default={}, description="Name to who else is told: by IP list, severity and hours."
    )
    channels: ChannelSettings = Field(default=ChannelSettings(), description="Ways other than mail.")
    heartbeat: HeartbeatSettings = Field(
        default=HeartbeatSettings(), description="Who notices when Tidegate itself falls silent."
    )
    smtp: SmtpSettings = Field(default=SmtpSettings(), description="Where the mail is handed over.")
    time_zone: ZoneInfo = Field(default=ZoneInfo("UTC"), description="The zone that times are written in.")
    web_url: str = Field(default="", description="Address of the web monitor, for links; empty means none.")
    minimum_severity: Severity = Field(
        default=Severity.INFO, description="Incidents below this are in the digest only."
    )
    group_wait: Duration = Field(
        default=timedelta(seconds=60),
        description="How long a first mail waits for what belongs to it, the controller's answer too.",
    )
    baseline_wait: Duration = Field(
        default=timedelta(minutes=10),
        description="How long the one mail about what was wrong at the first look waits to be complete.",
    )
    update_interval: Duration = Field(
        default=timedelta(minutes=15),
        description="At most one update in a thread per this time, then per twice as long, and so on.",
    )
    repeat_interval: Duration = Field(
        default=timedelta(hours=24), description="An open incident is mentioned again after this time."
    )
    repeat_cap: int = Field(default=7, ge=0, description="How often it is mentioned again at most.")
    flap_after: int = Field(
        default=3,
        ge=2,
        description="So many openings and ends of a problem within 24 hours are flapping: it is told once "
        "and kept open until it holds still for 24 hours.",
    )
    storm_after: int = Field(
        default=10, ge=1, description="More first mails than this at one moment become a single one."
    )
    retry_first: Duration = Field(
        default=timedelta(seconds=30), description="How long after a failed attempt a mail is tried again."
    )
    retry_longest: Duration = Field(
        default=timedelta(hours=1), description="The wait doubles with every attempt up to this."
    )
    attempts: int = Field(
        default=24, ge=1, description="After so many attempts a mail is given up, with a log line."
    )
    claim_for: Duration = Field(
        default=timedelta(minutes=5), description="How long a sender holds a mail before another may take it."
    )

    def in_zone(self, zone: ZoneInfo) -> "NotificationSettings":
        """The same for readers of another time zone."""
        return self.model_copy(update={"time_zone": zone})

    @property
    def envelope_sender(self) -> str:
        """The bare address for MAIL FROM."""
        return parseaddr(self.sender)[1]
