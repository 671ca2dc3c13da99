"""What the monitor's tests share: readings in a line, and a watcher on a database in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any

from sqlalchemy import Engine

from core.clock import ManualClock
from core.reading import Quality, Reading, Source, Status
from monitor.collectors.collected import Collected
from monitor.notifications.settings import NotificationSettings
from monitor.settings import MonitorSettings
from monitor.watcher import Watcher, WatchResult
from storage import database, outbox

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
IP = ip_address("203.0.113.7")
OTHER_IP = ip_address("203.0.113.8")
ZEN = "zen.spamhaus.org"
LISTED = {
    "zone": ZEN,
    "zone_name": "Spamhaus ZEN (SBL+CSS+XBL+PBL)",
    "answer": ["127.0.0.2"],
    "codes": {"127.0.0.2": "SBL"},
    "tier": 1,
    "reason": "https://check.spamhaus.org/sbl/query/SBL000001",
    "delist_url": "https://check.spamhaus.org/",
}


def listed(at: datetime, ip: Any = IP, zone: str = ZEN, **evidence: Any) -> Reading:
    return Reading(
        ip=ip, source=Source.DNSBL, metric=zone, period_start=at, period_end=at, observed_at=at,
        status=Status.BAD, value=1.0, detail="listed: SBL [127.0.0.2]", evidence=LISTED | {"zone": zone} | evidence,
    )  # fmt: skip


def clean(at: datetime, ip: Any = IP, zone: str = ZEN) -> Reading:
    return Reading(
        ip=ip, source=Source.DNSBL, metric=zone, period_start=at, period_end=at, observed_at=at,
        status=Status.GOOD, detail="not listed", evidence={"zone_name": LISTED["zone_name"]},
    )  # fmt: skip


def unknown(at: datetime, ip: Any = IP, zone: str = ZEN) -> Reading:
    return Reading(
        ip=ip, source=Source.DNSBL, metric=zone, period_start=at, period_end=at, observed_at=at,
        status=Status.UNKNOWN, quality=Quality.ERROR, detail="query refused: public resolver (127.255.255.254)",
    )  # fmt: skip


def score(day: int, value: int, ip: Any = IP) -> Reading:
    at = START + timedelta(days=day)
    status = Status.GOOD if value >= 80 else Status.WARN if value >= 70 else Status.BAD
    return Reading(
        ip=ip, source=Source.SENDER_SCORE, period_start=at, period_end=at, observed_at=at,
        status=status, value=float(value), detail=str(value),
    )  # fmt: skip


def snds(day: int, metric: str, *, status: Status, value: float | None = None, detail: str = "") -> Reading:
    start = START + timedelta(days=day)
    end = start + timedelta(days=1)
    return Reading(
        ip=IP, source=Source.SNDS_DATA, metric=metric, period_start=start, period_end=end,
        observed_at=end + timedelta(hours=12), status=status, value=value, detail=detail,
    )  # fmt: skip


class Rig:
    """A watcher, its clock and its outbox."""

    def __init__(self, engine: Engine, settings: MonitorSettings, start: datetime = START) -> None:
        self.engine = engine
        self.settings = settings
        self.clock = ManualClock(start)
        self.watcher = Watcher(engine, self.clock, settings)

    def take(self, *readings: Reading) -> WatchResult:
        return self.watcher.take(Collected("test", list(readings)))

    def later(self, **span: float) -> WatchResult:
        self.clock.advance(timedelta(**span).total_seconds())
        return self.watcher.tick()

    def mails(self) -> list[EmailMessage]:
        with database.reading(self.engine) as session:
            stored = outbox.pending(session)
        return [message(mail.mime) for mail in stored]


def message(mime: bytes) -> EmailMessage:
    parsed = message_from_bytes(mime, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def monitor_settings(**notifications: Any) -> MonitorSettings:
    told = {"sender": "Tidegate <tidegate@mta.example>", "recipients": ["ops@example.com"]} | notifications
    return MonitorSettings(notifications=NotificationSettings(**told))


@contextmanager
def rig(settings: MonitorSettings | None = None, start: datetime = START) -> Iterator[Rig]:
    engine = database.open_database("sqlite://")
    database.upgrade(engine)
    try:
        yield Rig(engine, settings or monitor_settings(), start)
    finally:
        engine.dispose()
