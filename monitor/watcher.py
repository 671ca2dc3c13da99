"""Takes what the collectors bring, and lets incidents and mails follow from it: one transaction each time.

It decides nothing: monitor.detection says what the readings mean, monitor.incidents what becomes of the
incidents and who is to be told.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session

from core.address import IpAddress
from core.clock import Clock
from core.incident import Incident, Severity
from core.reading import Reading, Source, Status
from monitor import coverage, health
from monitor.alerts import evidence
from monitor.collectors.collected import Collected
from monitor.detection import access, blind, detect
from monitor.detection.finding import Finding
from monitor.incidents import record
from monitor.incidents.lifecycle import Move
from monitor.notifications import announce
from monitor.notifications.routing import Background
from monitor.settings import MonitorSettings
from storage import coverage as stored_coverage
from storage import database, incidents, readings, scopes, snds
from storage import health as stored_health
from storage.readings import Recorded

log = logging.getLogger(__name__)

BLIND_CHECK: Final = timedelta(minutes=1)
"""How often sources are checked for silence: cheap against their cadence of hours, dear with many IPs."""

ANNOUNCE_EVERY: Final = timedelta(seconds=4)
"""Less than a tick, so that every tick announces."""

Series = tuple[IpAddress, Source, str]


@dataclass(frozen=True, slots=True)
class LookAgain:
    """A request to ask one source about one IP again at a moment."""

    ip: IpAddress
    source: Source
    metric: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one incident."""

    move: Move
    incident: Incident
    reason: str


@dataclass(frozen=True, slots=True)
class WatchResult:
    """What followed. `mails` counts mails that went to the outbox."""

    look_again: list[LookAgain] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    mails: int = 0


class Watcher:
    """The monitor's doer. `take` after every round of a collector, `tick` every few seconds."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        settings: MonitorSettings,
        background: Background | None = None,
        fleet: int = 1,
    ) -> None:
        self._engine = engine
        self._fleet = fleet
        self._clock = clock
        self._settings = settings
        self._background = background or Background()
        self._watching_since = clock.now()
        self._blind_checked: datetime | None = None
        self._watched: Sequence[IpAddress] | None = None
        self._announced: datetime | None = None

    def take(self, collected: Collected) -> WatchResult:
        """Record one round, judge every series that it touched, and tell what is due."""
        now = self._clock.now()
        with database.session(self._engine) as session:
            _note_health(session, collected, now)
            touched = _record(session, self._completed(session, collected))
            _keep_activity(session, collected)
            self._note_coverage(session, collected)
            findings = [f for one in touched for f in self._judge(session, one)]
            findings += self._judge_counts(session, touched, now)
            findings += access.findings(collected.access, now)
            changes = self._apply(session, findings, now)
            mails = self._announce(session, now)
        if collected.coverage:
            self._watched = collected.fleet
        _log(changes)
        return WatchResult(_look_again(findings), changes, mails)

    def tick(self) -> WatchResult:
        """What time alone changes: silence that means blindness, waits that are over, reminders."""
        now = self._clock.now()
        with database.session(self._engine) as session:
            changes = self._apply(session, self._look_for_silence(session, now), now)
            changes += self._apply(session, self._look_for_ends(session, now), now)
            mails = self._announce(session, now)
        _log(changes)
        return WatchResult(changes=changes, mails=mails)

    def _note_coverage(self, session: Session, collected: Collected) -> None:
        if not collected.coverage:
            return
        if collected.fleet is not self._watched:
            coverage.watch(session, collected)
        coverage.note(session, collected)

    def _completed(self, session: Session, collected: Collected) -> list[Reading]:
        """What was brought, and what a summary says about series that have readings of their own."""
        settled = coverage.settled_when(self._settings.detection.dnsbl)
        for reading in coverage.before(session, collected.readings, settled):
            readings.record(session, reading)
        if not collected.coverage:
            return collected.readings
        open_series = [(i.ip, i.source, i.metric) for i in incidents.open_incidents(session)]
        summed_up = coverage.readings_of(session, collected, settled, open_series)
        return [*collected.readings, *summed_up]

    def _judge(self, session: Session, touched: "Touched") -> list[Finding]:
        ip, source, metric = touched.series
        past = readings.history(session, ip, source, metric, detect.HISTORY)
        is_first = len(past) <= touched.count and source is not Source.ALERT  # somebody found it worth saying
        return [
            record.as_baseline(finding) if is_first else finding
            for finding in detect.detect(past, self._settings.detection)
        ]

    def _judge_counts(self, session: Session, touched: Iterable["Touched"], now: datetime) -> list[Finding]:
        """Exact hours say more than readings do; they are written before the readings of the same look."""
        metrics: dict[IpAddress, list[str]] = {}
        for ip, source, metric in (one.series for one in touched):
            if source is Source.REPLIES:
                metrics.setdefault(ip, []).append(metric)
        found: list[Finding] = []
        for ip, mine in metrics.items():
            hours = scopes.hours(session, now - self._settings.detection.counts.memory, ip)
            for metric in mine:
                [newest] = readings.history(session, ip, Source.REPLIES, metric, 1)
                found += detect.counted(newest, hours, self._settings.detection, self._fleet)
        return found

    def _apply(self, session: Session, findings: Iterable[Finding], now: datetime) -> list[Change]:
        flap_after = self._settings.notifications.flap_after
        changes = []
        for finding in findings:
            action, incident = record.apply(session, finding, now, flap_after)
            if incident is not None and action.move not in {Move.NOTHING, Move.REFRESH}:
                changes.append(Change(action.move, incident, action.reason))
        return changes

    def _announce(self, session: Session, now: datetime) -> int:
        """Not at every round of a storm: what waits a minute to be told may wait for the next tick."""
        if self._announced is not None and timedelta(0) <= now - self._announced < ANNOUNCE_EVERY:
            return 0
        self._announced = now
        return announce.announce(session, now, self._settings.notifications, self._background)

    def _look_for_silence(self, session: Session, now: datetime) -> list[Finding]:
        if self._blind_checked is not None and now - self._blind_checked < BLIND_CHECK:
            return []
        self._blind_checked = now
        enabled = self._enabled()
        rows = stored_coverage.load(session)
        sights = [
            _sight(session, newest)
            for newest in readings.latest(session)
            if newest.source in enabled and (newest.source, newest.metric) not in rows
        ]
        cadences = {unit: row.cadence for unit, row in rows.items()}
        sources = [health.from_row(row) for row in stored_health.load_all(session)]
        kept = [s for s in sources if blind.source_of(s.name) in enabled]
        return blind.blind(sights, kept, now, self._watching_since, self._settings.detection, cadences)

    def _look_for_ends(self, session: Session, now: datetime) -> list[Finding]:
        """Alerts that ran out, and those that were over while they flapped."""
        found: list[Finding] = []
        for standing in incidents.open_incidents(session):
            if standing.source is not Source.ALERT or standing.ip is None:
                continue
            past = readings.history(session, standing.ip, standing.source, standing.metric, 1)
            over = evidence.expired(past[-1], now) if past else None
            if over is not None:
                readings.record(session, over)
            newest = over or (past[-1] if past else None)
            if newest is not None and not evidence.is_firing(newest):
                found += detect.detect([newest], self._settings.detection)
        return found

    def _enabled(self) -> set[Source]:
        mine = self._settings
        polled = {
            Source.DNSBL: mine.dnsbl.enabled,
            Source.SENDER_SCORE: mine.sender_score.enabled,
            Source.SNDS_DATA: mine.snds.enabled,
            Source.REPLIES: mine.replies.enabled,
        }
        return {source for source, on in polled.items() if on}


@dataclass(frozen=True, slots=True)
class Touched:
    """A series that must be judged again, and how many readings of it were new in this round."""

    series: Series
    count: int


def _record(session: Session, brought: Iterable[Reading]) -> list[Touched]:
    counts: dict[Series, int] = {}
    moved: set[Series] = set()
    open_series = incidents.open_series(session)
    for reading in brought:
        series = (reading.ip, reading.source, reading.metric)
        recorded = readings.record(session, reading)
        # SNDS tells the last days again every time: only what was not known is new
        counts[series] = counts.get(series, 0) + (recorded is not Recorded.REPEATED)
        # one more good answer changes nothing where nothing is open: most of a sweep is skipped here
        dull = recorded in {Recorded.EXTENDED, Recorded.REPEATED} and reading.status is Status.GOOD
        if not dull or reading.series in open_series:
            moved.add(series)
    return [Touched(series, count) for series, count in counts.items() if series in moved]


def _note_health(session: Session, collected: Collected, now: datetime) -> None:
    for outcome in collected.outcomes:
        known = stored_health.find(session, outcome.name)
        before = health.from_row(known) if known else health.SourceHealth(name=outcome.name)
        later, event = health.after(before, outcome, now)
        stored_health.save(session, health.to_row(later))
        if event is not None:
            log.info("%s: %s", outcome.name, event.value, extra={"event": "source.changed"})


def _keep_activity(session: Session, collected: Collected) -> None:
    """In one transaction with the readings: a day counts as read when what it said is kept."""
    snds.record(session, collected.activity)
    for account, day in collected.read_through.items():
        snds.set_read_through(session, account, day)


def _sight(session: Session, newest: Reading) -> blind.Sight:
    if blind.is_answer(newest):
        return blind.sight([newest])
    return blind.sight(readings.history(session, newest.ip, newest.source, newest.metric, detect.HISTORY))


def _look_again(findings: Iterable[Finding]) -> list[LookAgain]:
    return [
        LookAgain(f.ip, f.source, f.metric, f.look_again_at)
        for f in findings
        if f.ip is not None and f.look_again_at is not None
    ]


def _log(changes: Iterable[Change]) -> None:
    for change in changes:
        incident = change.incident
        level = logging.WARNING if incident.severity is not Severity.INFO else logging.INFO
        log.log(
            level,
            "%s %s: %s (%s)", incident.label, incident.title, change.move.value, change.reason,
            extra={"event": "incident.changed", "incident": incident.number, "move": change.move.name},
        )  # fmt: skip
