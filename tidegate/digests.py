"""When the digest goes out: once per time zone that its readers live in."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from core.clock import Clock
from monitor.digest import mail
from monitor.digest.settings import DigestSettings
from monitor.notifications.settings import Recipient
from monitor.settings import MonitorSettings
from storage import database, readings
from tidegate.jobs import Jobs, latest

_SETTLE: Final = timedelta(seconds=20)
"""Time for the first answers after a start."""

AtDesk = Callable[[Callable[[], object]], Awaitable[object]]


def by_zone(settings: MonitorSettings) -> dict[str, DigestSettings]:
    """The digest's settings for each zone, with the readers of that zone alone.

    A reader's week is over when it is over where they live, so each zone has its own moment.
    """
    readers: dict[str, list[Recipient]] = defaultdict(list)
    for reader in mail.readers(settings.digest, settings.notifications):
        readers[str(reader.time_zone or settings.digest.time_zone)].append(reader)
    return {zone: settings.digest.model_copy(update={"recipients": found}) for zone, found in readers.items()}


def plan(jobs: Jobs, engine: Engine, clock: Clock, settings: MonitorSettings, at_desk: AtDesk) -> None:
    """Give each zone its cron job, and make up for a digest that was due while nobody was here.

    A digest that is in the outbox already is not put there again.
    """
    if not settings.digest.enabled:
        return
    for zone, digest in by_zone(settings).items():
        work = _work(engine, clock, digest, settings, at_desk)
        jobs.cron(f"digest:{zone}", digest.cron, zone, work)
        if is_overdue(engine, digest.cron, zone, clock.now()):
            jobs.once(f"digest that was missed:{zone}", _SETTLE, work)


def is_overdue(engine: Engine, cron: str, zone: str, now: datetime) -> bool:
    """Whether cron's last moment lies behind us, and there was something to tell by then."""
    due = latest(cron, zone, now)
    with database.reading(engine) as session:
        since = readings.watched_since(session)
    return due is not None and since is not None and since < due


def _work(
    engine: Engine, clock: Clock, digest: DigestSettings, settings: MonitorSettings, at_desk: AtDesk
) -> Callable[[], Awaitable[object]]:
    def put() -> None:
        with database.session(engine) as session:
            mail.put_digests(session, clock.now(), digest, settings.notifications)

    return lambda: at_desk(put)
