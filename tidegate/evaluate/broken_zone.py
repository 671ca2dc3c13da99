"""One DNS list that names every IP of a fleet for six hours: how many are throttled for nothing, how long.

The deciders are the production ones: self-test and fleet guard of the monitor, the lifecycle of incidents,
the guards of the controller. They are put together as `monitor.collectors.dnsbl` does, without the sockets.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from controller import fleet
from controller.settings import ControllerSettings, GuardSettings, Mode
from controller.state import ScopeReport, ScopeState
from core.address import IpAddress, parse_ip
from core.lease import Scope
from core.provider import OTHER
from core.rate import Rate
from core.reading import Reading, Status
from monitor.collectors import answers, fleet_guard, listing, self_test, sweep
from monitor.collectors.answers import Verdict, unknown
from monitor.collectors.fleet_guard import Guard
from monitor.collectors.self_test import Examined, Trust
from monitor.collectors.settings import DnsblSettings
from monitor.collectors.sweep import ZoneSweep
from monitor.collectors.zones import AskedZone
from monitor.detection import detect
from monitor.detection.settings import DetectionSettings
from monitor.resolver import Answer, AnswerKind
from storage.orders import Order, OrderKind
from tidegate.evaluate import calendar, watching
from tidegate.evaluate.register import Register

FLEET: Final = 1_000
BROKEN_HOURS: Final = 6
HOURS: Final = 72
"""How long is watched: a throttle outlasts its cause."""
_FIRST_BROKEN: Final = 2
_LISTED = Answer(AnswerKind.ADDRESSES, ("127.0.0.2",))
_CLEAN = Answer(AnswerKind.NXDOMAIN)
_SETTINGS, _RULES = DnsblSettings(), DetectionSettings()
_UNGUARDED = GuardSettings(hourly=1.0, total=1.0, source_share=1.0)


class Failure(StrEnum):
    """How the list is broken."""

    WORLD = "lists the whole world"
    FLEET = "lists this fleet alone"


@dataclass(frozen=True, slots=True)
class Defence:
    """Which walls stand."""

    name: str
    self_test: bool = False
    fleet_guard: bool = False
    controller: bool = False


DEFENCES: Final = (
    Defence("none"),
    Defence("self-test of the zone alone", self_test=True),
    Defence("fleet guard of the monitor alone", fleet_guard=True),
    Defence("guards of the controller alone", controller=True),
    Defence("all, as shipped", self_test=True, fleet_guard=True, controller=True),
)


def wrong_hours(failure: Failure, defence: Defence, size: int = FLEET) -> int:
    """IP-hours of throttling without cause."""
    drill = _Drill(failure, defence, size)
    return sum(drill.hour(hour) for hour in range(HOURS))


class _Drill:
    def __init__(self, failure: Failure, defence: Defence, size: int) -> None:
        self._failure, self._defence = failure, defence
        self._fleet = [parse_ip(f"10.0.{n // 250}.{n % 250 + 1}") for n in range(size)]
        entry = watching.zone(watching.CSS)
        self._zone = AskedZone(entry, entry.zone)
        self._tested: Examined | None = None
        self._listed: frozenset[IpAddress] = frozenset()
        self._history: dict[IpAddress, list[Reading]] = defaultdict(list)
        self._register = Register()
        self._states: dict[Scope, ScopeState] = {}
        self._asked: list[Order] = []
        self._suspect = False
        guard = GuardSettings() if defence.controller else _UNGUARDED
        self._settings = ControllerSettings(mode=Mode.ENFORCE, guard=guard)

    def hour(self, hour: int) -> int:
        """One round. Returns how many IPs are throttled at its end."""
        now = calendar.moment(hour)
        is_broken = _FIRST_BROKEN <= hour < _FIRST_BROKEN + BROKEN_HOURS
        again = self._take(self._round(now, is_broken=is_broken), now)
        for delay in _RULES.dnsbl.second_looks:
            later = now + delay
            again = self._take(self._second_look(again, later, is_broken=is_broken), later)
        return self._control(now + timedelta(minutes=6))

    def _round(self, now: datetime, *, is_broken: bool) -> list[Reading]:
        self._test(now, is_broken=is_broken, due=self._is_due(now))
        size = len(self._fleet)
        # a clean answer is a mark alone
        said = dict.fromkeys(self._fleet, _LISTED) if is_broken else {}
        clean = bytes(size) if is_broken else b"\x01" * size
        swept = ZoneSweep(self._zone, self._fleet, clean, said, self._doubt())
        if swept.doubt is None and swept.listed() - self._listed:
            # news: the zone is tested once more before it is believed
            self._test(now, is_broken=is_broken, due=True)
        suspicion = fleet_guard.judge(
            swept.listed(),
            self._listed,
            size,
            share=_SETTINGS.fleet_share,
            minimum=_SETTINGS.fleet_minimum,
        )
        self._suspect = self._defence.fleet_guard and suspicion.guard is Guard.SUSPECT
        judged = replace(swept, doubt=self._doubt())
        if judged.doubt is None:
            self._listed = judged.still_listed(self._listed)
        return [self._reading(ip, verdict, now) for ip, verdict in judged.each()]

    def _second_look(self, ips: Iterable[IpAddress], now: datetime, *, is_broken: bool) -> list[Reading]:
        answer = _LISTED if is_broken else _CLEAN
        verdict = self._doubt() or answers.classify(self._zone.entry, answer)
        return [self._reading(ip, verdict, now) for ip in ips]

    def _is_due(self, now: datetime) -> bool:
        return self_test.needed(self._tested, now, _SETTINGS.self_test_interval.total_seconds())

    def _test(self, now: datetime, *, is_broken: bool, due: bool) -> None:
        if not due:
            return
        lists_all = is_broken and self._failure is Failure.WORLD
        heard = {
            probe: _LISTED if lists_all or probe is self_test.Probe.LISTED else _CLEAN
            for probe in self_test.questions(self._zone.entry, "madeup")
        }
        trust, why = self_test.judge(self._zone.entry, heard)
        if not self._defence.self_test:
            trust, why = Trust.PASSED, "not tested"
        self._tested = self_test.merged(self._tested, Examined(trust, why, now))

    def _doubt(self) -> Verdict | None:
        if self._suspect:
            return unknown("the fleet guard does not believe it")
        return sweep.doubt_after(self._tested)

    def _reading(self, ip: IpAddress, verdict: Verdict, now: datetime) -> Reading:
        facts = {"tier": verdict.tier} if verdict.is_listing else {}
        return listing.reading(ip, self._zone.entry, verdict, now, facts)

    def _take(self, readings: Iterable[Reading], now: datetime) -> list[IpAddress]:
        """Returns the IPs that want a second look."""
        findings = []
        troubled = {incident.ip for incident in self._register.open}
        for reading in readings:
            past = self._history[reading.ip]
            repeated = bool(past) and past[-1].status is reading.status is not Status.BAD
            if repeated and reading.ip not in troubled:
                continue  # storage keeps it as one run, and the watcher does not look again
            past.append(reading)
            del past[: -detect.HISTORY]
            findings += detect.detect(past, _RULES)
        self._register.take(findings, now)
        return [f.ip for f in findings if f.look_again_at is not None and f.ip is not None]

    def _control(self, now: datetime) -> int:
        reports = [
            ScopeReport(Scope(source_ip=ip, provider=OTHER), Rate(10_000, 3_600)) for ip in self._fleet
        ]
        world = fleet.World(scopes=reports, incidents=self._register.open, orders=self._asked)
        verdict = fleet.judge(world, self._states, now, self._settings)
        self._asked = [_question(source, now) for source in verdict.held_back]
        self._states = {scope: d.state for scope, d in verdict.decisions.items() if d.state.is_throttled}
        return len({scope.source_ip for scope in self._states})


def _question(source: str, now: datetime) -> Order:
    """What the controller puts before a person; here nobody ever answers."""
    return Order(
        id=1, kind=OrderKind.GUARD, subject=source, author="controller", reason="held back", created_at=now
    )
