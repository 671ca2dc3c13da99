"""When the digest goes out to whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.clock import Clock
from monitor.settings import MonitorSettings
from tests.unit.monitor.watching import clean, monitor_settings, rig
from tidegate import digests
from tidegate.digests import by_zone
from tidegate.jobs import Jobs, Work, latest


def test_each_zone_has_its_own_readers_and_nobody_reads_twice() -> None:
    settings = MonitorSettings.model_validate(
        {
            "digest": {
                "time-zone": "Europe/Amsterdam",
                "recipients": [
                    "a@example.com",
                    {"address": "b@example.com", "time-zone": "America/New_York"},
                    {"address": "c@example.com"},
                ],
            }
        }
    )
    found = {
        zone: [r.address for r in one.recipients if not isinstance(r, str)]
        for zone, one in by_zone(settings).items()
    }
    assert found == {
        "Europe/Amsterdam": ["a@example.com", "c@example.com"],
        "America/New_York": ["b@example.com"],
    }


def test_those_who_are_told_about_incidents_read_the_digest_where_nobody_is_named() -> None:
    settings = MonitorSettings.model_validate({"notifications": {"recipients": ["ops@example.com"]}})
    [(zone, digest)] = by_zone(settings).items()
    assert ZoneInfo(zone) == settings.digest.time_zone
    assert [r.address for r in digest.recipients if not isinstance(r, str)] == ["ops@example.com"]


MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


async def _missed(now: datetime, watching_since: datetime, restarts: int = 1) -> list[str]:
    """Subjects of the digests that a start (or several) at `now` puts into the outbox by itself."""
    settings = monitor_settings()
    with rig(settings, start=watching_since) as monitor:
        monitor.take(clean(watching_since))
        monitor.clock.advance((now - watching_since).total_seconds())
        for _ in range(restarts):
            jobs = Instantly(monitor.clock)
            digests.plan(jobs, monitor.engine, monitor.clock, settings, _at_once)
            for work in jobs.soon:
                await work()
        return [mail["Subject"] for mail in monitor.mails()]


class Instantly(Jobs):
    """Remembers what would be done once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.soon: list[Work] = []

    def once(self, name: str, delay: timedelta, work: Work) -> None:
        self.soon.append(work)


async def _at_once(work: Callable[[], object]) -> object:
    return work()


async def test_a_digest_that_was_due_while_nobody_was_here_is_made_up_for_once() -> None:
    told = await _missed(MONDAY + timedelta(days=1), MONDAY - timedelta(days=3), restarts=3)
    assert told == ["[Tidegate] Weekly: The IP clean all week, every check answers - week 47, 2026"]


@pytest.mark.parametrize(
    ("now", "since", "why"),
    [
        (MONDAY - timedelta(minutes=1), MONDAY - timedelta(days=3), "it is not due yet"),
        (MONDAY + timedelta(days=2), MONDAY + timedelta(days=1), "nobody watched by then"),
    ],
)
async def test_what_was_not_missed_is_not_made_up_for(now: datetime, since: datetime, why: str) -> None:
    assert await _missed(now, since) == [], why


def test_the_last_moment_of_a_cron_expression() -> None:
    assert latest("0 7 * * mon", "UTC", MONDAY + timedelta(days=6, hours=23)) == MONDAY
    assert latest("0 7 * * mon", "UTC", MONDAY) == MONDAY
    assert latest("0 7 29 2 *", "UTC", MONDAY) is None
