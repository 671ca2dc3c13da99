"""A week in which Microsoft SNDS gives no usable answer, each day in another way, and then works again.

Real HTTP, the real collector, detection, incidents and database; the clock is moved by hand, and the monitor is
started anew in the middle of it.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller import evidence
from core.clock import ManualClock
from core.incident import Incident, IncidentState, Rule
from core.reading import Source
from lab.snds import FilterResult, SndsStatus
from lab.snds_faults import SndsBehaviour
from lab.snds_server import SndsServer
from monitor.collectors.snds import SndsCollector
from monitor.collectors.snds_settings import SndsSettings
from monitor.watcher import Watcher
from storage import database, incidents, outbox, readings, snds
from tests.integration.snds_lab import IP, KEY, row, serving
from tests.unit.monitor.watching import message, monitor_settings

G, Y, R = FilterResult.GREEN, FilterResult.YELLOW, FilterResult.RED
START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ROUNDS_A_DAY = 4
OUTAGE = [
    SndsBehaviour.SIGN_IN,
    SndsBehaviour.ERROR,
    SndsBehaviour.MISSING,
    SndsBehaviour.EMPTY,
    SndsBehaviour.REDIRECT,
    SndsBehaviour.TRUNCATED,
    SndsBehaviour.NO_CONTENT,
]
BLOCKED = SndsStatus(IP, IP, True, "Blocked due to user complaints or other evidence of spamming")


class Story:
    """The monitor, its SNDS and its clock; a day is four rounds."""

    def __init__(self, server: SndsServer, clock: ManualClock, folder: Path) -> None:
        self.server = server
        self.clock = clock
        self.engine: Engine = database.open_database(f"sqlite:///{folder}/tidegate.db")
        database.upgrade(self.engine)
        self.settings = monitor_settings()
        self.verdicts: dict[date, FilterResult] = {}
        self.restart()

    def restart(self) -> None:
        self.watcher = Watcher(self.engine, self.clock, self.settings)

    def tomorrow(self, verdict: FilterResult) -> None:
        """Yesterday's row is published; then the rounds of a day go by."""
        day = (self.clock.now() - timedelta(days=1)).date()
        self.verdicts[day] = verdict
        self.server.book.publish(day, [row(day, verdict)])
        for _ in range(ROUNDS_A_DAY):
            asyncio.run(self._round())
            self.clock.advance(86_400 / ROUNDS_A_DAY)

    async def _round(self) -> None:
        account = {"name": "main", "key": KEY, "base-url": self.server.url}
        asked = SndsSettings.model_validate({"enabled": True, "accounts": [account], "timeout": "5s"})
        collector = SndsCollector(asked, self._read_through)
        try:
            self.watcher.take(await collector.collect([IP], self.clock.now()))
        finally:
            await collector.aclose()
        self.clock.advance(60)
        self.watcher.tick()

    def _read_through(self, account: str) -> date | None:
        with database.reading(self.engine) as session:
            return snds.read_through(session, account)

    def incidents(self, rule: Rule) -> list[Incident]:
        with database.reading(self.engine) as session:
            ever = incidents.between(session, START - timedelta(days=1), self.clock.now() + timedelta(days=1))
        return [one for one in ever if one.rule is rule]

    def is_open(self, rule: Rule) -> bool:
        return any(one.state is IncidentState.OPEN for one in self.incidents(rule))

    def known_days(self) -> dict[date, FilterResult]:
        with database.reading(self.engine) as session:
            kept = snds.days_of(session, IP, START.date() - timedelta(days=30))
        return {one.day: FilterResult(one.filter_result or "") for one in kept}

    def mails(self, about: str) -> list[EmailMessage]:
        with database.reading(self.engine) as session:
            mails = [message(mail.mime) for mail in outbox.pending(session)]
        return [mail for mail in mails if about in str(mail["Subject"])]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    clock = ManualClock(START)
    with serving(clock, days=0) as server:
        told = Story(server, clock, tmp_path)
        told.settings = told.settings.model_copy(
            update={"snds": SndsSettings.model_validate({"enabled": True, "accounts": [{"key": KEY}]})}
        )
        told.restart()
        yield told
        told.engine.dispose()


def until_the_outage(story: Story) -> None:
    """Three quiet days, then RED and blocked."""
    for verdict in (G, G, G):
        story.tomorrow(verdict)
    story.server.book.set_status(BLOCKED)
    story.tomorrow(R)
    assert story.is_open(Rule.SNDS_RED)
    assert story.is_open(Rule.SNDS_BLOCKED)


def through_the_outage(story: Story, verdicts: str) -> None:
    """Nothing is seen, so nothing may change but the one incident about not seeing."""
    for number, (behaviour, letter) in enumerate(zip(OUTAGE, verdicts, strict=True)):
        story.server.behaviour = behaviour
        story.tomorrow({"G": G, "Y": Y, "R": R}[letter])
        assert story.is_open(Rule.SNDS_RED), behaviour
        assert story.is_open(Rule.SNDS_BLOCKED), behaviour
        assert story.is_open(Rule.BLIND) == (number >= 2), "three days without an answer"
        if number == 4:
            story.restart()
    with database.reading(story.engine) as session:
        blind = evidence.blind_sources(incidents.open_incidents(session))
    assert evidence.is_blind(evidence.SNDS, blind), "recovery is frozen"
    assert max(story.known_days()) == (START + timedelta(days=2)).date(), "and nothing was made up"


def test_what_got_better_meanwhile_is_over_once_it_is_known_and_not_before(story: Story) -> None:
    until_the_outage(story)
    story.server.book.set_status()
    through_the_outage(story, "RRYGGGG")
    story.server.behaviour = SndsBehaviour.NORMAL
    story.tomorrow(G)
    assert story.known_days() == story.verdicts, "every missed day was filled in"
    assert not story.is_open(Rule.SNDS_RED)
    assert not story.is_open(Rule.SNDS_BLOCKED)
    assert not story.is_open(Rule.BLIND)
    for rule in (Rule.SNDS_RED, Rule.SNDS_BLOCKED, Rule.BLIND):
        assert len(story.incidents(rule)) == 1, rule


def test_what_stayed_bad_stays_one_open_incident(story: Story) -> None:
    until_the_outage(story)
    through_the_outage(story, "RRRRRRR")
    story.server.behaviour = SndsBehaviour.NORMAL
    story.tomorrow(R)
    assert story.known_days() == story.verdicts
    assert story.is_open(Rule.SNDS_RED)
    assert story.is_open(Rule.SNDS_BLOCKED)
    assert not story.is_open(Rule.BLIND)
    for rule in (Rule.SNDS_RED, Rule.SNDS_BLOCKED, Rule.BLIND):
        assert len(story.incidents(rule)) == 1, rule


def test_a_bad_day_in_the_middle_of_the_outage_is_judged_when_it_is_found(story: Story) -> None:
    for verdict in (G, G, G, G):
        story.tomorrow(verdict)
    for behaviour, verdict in zip(OUTAGE, (G, R, R, Y, G, R, R), strict=True):
        story.server.behaviour = behaviour
        story.tomorrow(verdict)
        assert not story.is_open(Rule.SNDS_RED)
    story.server.behaviour = SndsBehaviour.NORMAL
    story.tomorrow(R)
    assert story.known_days() == story.verdicts
    assert story.is_open(Rule.SNDS_RED)
    with database.reading(story.engine) as session:
        past = readings.history(session, IP, Source.SNDS_DATA, "filter-result")
    assert "".join(one.detail[0] for one in past) == "GGGGGRRYGRRR"


def test_people_hear_of_the_outage_in_one_thread_that_ends(story: Story) -> None:
    until_the_outage(story)
    through_the_outage(story, "RRYGGGG")
    story.server.behaviour = SndsBehaviour.NORMAL
    story.tomorrow(G)
    mails = story.mails("blind on Microsoft SNDS")
    assert [mail["X-Tidegate-State"] for mail in mails][:1] == ["firing"]
    assert [mail["X-Tidegate-State"] for mail in mails][-1:] == ["resolved"]
    threads = {mail["References"] or mail["Message-ID"] for mail in mails}
    assert len(threads) == 1
    assert KEY not in "".join(mail.as_string() for mail in mails)


def test_the_new_start_in_mid_outage_forgets_no_missed_day(story: Story) -> None:
    until_the_outage(story)
    before = story._read_through("main")
    through_the_outage(story, "GGGGGGG")
    after = story._read_through("main")
    assert before is not None
    assert after is not None
    assert after - before <= timedelta(days=1)
    story.server.behaviour = SndsBehaviour.NORMAL
    story.server.asked.clear()
    story.tomorrow(G)
    first_round = [day for path, day in story.server.asked if path == "/data.aspx"]
    wanted = (story.clock.now() - timedelta(days=1)).date() - after
    assert len(set(first_round)) >= wanted.days
