"""Links pasted from the portal stop working after 30 days: told a week before, told when it is so, and over."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.incident import Incident, IncidentKind, IncidentState, Rule, Severity
from lab.snds_server import SndsServer
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_settings import SndsSettings
from monitor.watcher import Watcher
from storage import database, incidents, outbox
from tests.integration.snds_lab import IP, row, serving
from tests.unit.monitor.watching import message, monitor_settings, text_of

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


class Story:
    """A monitor that reads by link, one round a day."""

    def __init__(self, server: SndsServer, clock: ManualClock, folder: Path) -> None:
        self.server, self.clock = server, clock
        self.engine = database.open_database(f"sqlite:///{folder}/tidegate.db")
        database.upgrade(self.engine)
        self.issue()

    def issue(self) -> None:
        """New links, made today, and pasted into the configuration; the monitor starts anew."""
        self.server.links_issued = self.clock.now().date()
        account: dict[str, Any] = {
            "name": "main",
            "data-link": self.server.data_link,
            "status-link": self.server.status_link,
            "links-issued": self.server.links_issued,
        }
        self.snds = SndsSettings.model_validate({"enabled": True, "accounts": [account]})
        settings = monitor_settings(repeat_cap=1).model_copy(update={"snds": self.snds})
        self.watcher = Watcher(self.engine, self.clock, settings)

    def day(self) -> None:
        self.clock.advance(86_400)
        self.server.book.publish(self.yesterday, [row(self.yesterday)])
        asyncio.run(self._round())

    async def _round(self) -> None:
        collector = SndsCollector(self.snds)
        try:
            self.watcher.take(await collector.collect([IP], self.clock.now()))
        finally:
            await collector.aclose()
        for _ in range(3):
            self.clock.advance(61)
            self.watcher.tick()

    @property
    def yesterday(self) -> date:
        return (self.clock.now() - timedelta(days=1)).date()

    @property
    def age(self) -> int:
        assert self.server.links_issued
        return (self.clock.now().date() - self.server.links_issued).days

    def open(self, rule: Rule) -> Incident | None:
        with database.reading(self.engine) as session:
            return next((one for one in incidents.open_incidents(session) if one.rule is rule), None)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    clock = ManualClock(START)
    with serving(clock, days=2) as server:
        told = Story(server, clock, tmp_path)
        yield told
        told.engine.dispose()


def test_links_are_told_about_before_when_and_after_they_stop_working(story: Story) -> None:
    for _ in range(40):
        story.day()
        found = story.open(Rule.ACCESS)
        expected = None if story.age < 23 else Severity.WARNING if story.age < 30 else Severity.CRITICAL
        assert (found.severity if found else None) is expected, story.age
        assert (story.open(Rule.BLIND) is not None) == (story.age >= 32), story.age
    assert found is not None
    assert (found.kind, found.ip) == (IncidentKind.SOURCE, None), "about monitoring: it throttles nobody"
    story.issue()
    story.day()
    assert story.open(Rule.ACCESS) is None
    assert story.open(Rule.BLIND) is None
    with database.reading(story.engine) as session:
        ever = incidents.between(session, START, story.clock.now())
        mails = [message(mail.mime) for mail in outbox.pending(session)]
    assert [(one.rule, one.state) for one in ever] == [
        (Rule.ACCESS, IncidentState.RESOLVED), (Rule.BLIND, IncidentState.RESOLVED),
    ]  # fmt: skip
    expiry = [mail for mail in mails if "links of account main expire" in str(mail["Subject"])]
    assert "stop working on 2026-12-02, in 7 days" in " ".join(text_of(expiry[0]).split())
    assert any("stopped working on 2026-12-02" in " ".join(text_of(mail).split()) for mail in expiry[1:])
    assert "canary" not in "".join(mail.as_string() for mail in mails)


def test_links_renewed_in_time_are_news_that_is_over(story: Story) -> None:
    for _ in range(25):
        story.day()
    assert story.open(Rule.ACCESS) is not None
    story.issue()
    story.day()
    assert story.open(Rule.ACCESS) is None
