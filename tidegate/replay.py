"""What-if: detection and policy once more over the records, before anybody lets the controller act.

Readings and hourly counts are history; limits, settings and protected VirtualMTAs are those of today. Orders
and blindness of the past are left out: what is shown is what the rules alone would have done.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from controller import replay
from controller.fleet import World
from controller.replay import STEP, Frame, Replay
from controller.settings import ControllerSettings
from controller.state import ScopeReport
from core.address import IpAddress
from core.incident import Incident
from core.lease import Directive, Scope
from core.provider import EVERY
from core.reading import Reading
from core.statistics import ScopeMinute
from engine.settings import EngineSettings
from engine.shaping.book import ShapingBook
from engine.shaping.leases import LeaseBook
from engine.shaping.limiters import Limiters
from monitor.detection import replay as detection
from monitor.detection.replay import Firing
from monitor.detection.settings import DetectionSettings
from monitor.incidents import hindsight
from monitor.incidents.hindsight import Turn
from storage import readings, scopes
from storage.scopes import COUNTS, ScopeHour
from tidegate.config.model import addresses_of

_ALL = 100_000
_LEAD = timedelta(days=1)
"""How much earlier the fold begins, so that the first look that is shown finds its states."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is applied to history."""

    controller: ControllerSettings
    detection: DetectionSettings
    engine: EngineSettings


@dataclass(frozen=True, slots=True)
class History:
    """What the records hold: hourly counts by time, and each series of readings."""

    hours: Sequence[ScopeHour]
    series: Sequence[Sequence[Reading]]


def recorded(session: Session, since: datetime, ip: IpAddress | None, rules: Rules) -> History:
    """Read the history of all IPs, or one: counts from before `since` too, which bases are measured by."""
    first = since - _LEAD - rules.controller.base.window
    newest = readings.latest(session) if ip is None else readings.latest_for(session, ip)
    series = [readings.history(session, one.ip, one.source, one.metric, _ALL) for one in newest]
    hours = sorted(scopes.hours(session, first, ip), key=lambda hour: hour.hour)
    return History(hours, series)


def what_if(history: History, since: datetime, now: datetime, rules: Rules) -> Replay:
    """What would have been done from `since` on."""
    turns = hindsight.turns(history.series, rules.detection)
    frames = _frames(history.hours, turns, since - _LEAD, now, rules)
    return replay.replay(frames, since, rules.controller)


def fired(history: History, since: datetime, rules: Rules, fleet: int) -> list[Firing]:
    """Every rule that would have fired, got worse or been over from `since` on, by time."""
    told = (reading for series in history.series for reading in series)
    turns = detection.replay(told, history.hours, rules.detection, fleet)
    return [turn for turn in turns if turn.at >= since]


def _frames(
    hours: Sequence[ScopeHour], turns: Sequence[Turn], begin: datetime, end: datetime, rules: Rules
) -> Iterator[Frame]:
    reports = _reports(hours, turns, rules.engine)
    protected = addresses_of(rules.engine, rules.controller.protected_virtual_mtas)
    standing: dict[str, Incident] = {}
    upcoming = list(reversed(turns))
    now = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + STEP
    while now <= end:
        while upcoming and upcoming[-1].at <= now:
            turn = upcoming.pop()
            standing.pop(turn.fingerprint, None)
            if turn.incident is not None:
                standing[turn.fingerprint] = turn.incident
        past = _between(hours, now - rules.controller.base.window, now)
        world = World(
            scopes=reports,
            incidents=list(standing.values()),
            minutes=[_as_minute(hour) for hour in _between(hours, now - STEP, now)],
            hours=past,
            protected=protected,
        )
        yield Frame(now, world, _volume(_between(hours, now, now + STEP)))
        now += STEP


def _between(hours: Sequence[ScopeHour], begin: datetime, end: datetime) -> Sequence[ScopeHour]:
    first = bisect_left(hours, begin, key=lambda hour: hour.hour)
    return hours[first : bisect_left(hours, end, key=lambda hour: hour.hour)]


def _as_minute(hour: ScopeHour) -> ScopeMinute:
    """Minutes are not kept: an hour's counts stand at its beginning, where the last look was."""
    counts = {name: getattr(hour, name) for name in COUNTS}
    return ScopeMinute(
        source_ip=hour.scope.source_ip, provider=hour.scope.provider, minute=hour.hour, **counts
    )


def _volume(hours: Sequence[ScopeHour]) -> dict[Scope, int]:
    """Recipients accepted by scope, and by whole IP."""
    found: dict[Scope, int] = defaultdict(int)
    for hour in hours:
        found[hour.scope] += hour.delivered
        found[Scope(source_ip=hour.scope.source_ip, provider=EVERY)] += hour.delivered
    return dict(found)


def _reports(hours: Sequence[ScopeHour], turns: Sequence[Turn], engine: EngineSettings) -> list[ScopeReport]:
    """Every scope that history knows, with the limits that are configured now."""
    book = ShapingBook(engine.provider_map(), LeaseBook(), Limiters(started=0), engine.warm_up)
    known = {hour.scope for hour in hours}
    known |= {Scope(source_ip=scope.source_ip, provider=EVERY) for scope in known}
    named = {turn.incident.ip for turn in turns if turn.incident is not None}
    known |= {Scope(source_ip=ip, provider=EVERY) for ip in named if ip is not None}
    return [
        ScopeReport(
            scope,
            book.operator_limit(scope, Directive.SOURCE_IP_MAX_MSG_RATE),
            book.operator_limit(scope, Directive.SOURCE_IP_MAX_CONNECT_RATE),
        )
        for scope in sorted(known, key=lambda one: (str(one.source_ip), one.provider))
    ]
