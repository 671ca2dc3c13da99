"""The production monitor over one world's signals: its readings, its detection, its incidents."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from core.address import IpAddress, parse_ip
from core.incident import Incident
from core.reading import Reading, Source, Status
from lab.simulation.signals import Signals, SndsDay
from monitor import health
from monitor.catalogue import Zone, shipped
from monitor.collectors import answers, listing, sender_score, snds_parser, snds_readings
from monitor.collectors.settings import SenderScoreSettings
from monitor.collectors.snds_parser import FilterResult
from monitor.collectors.snds_settings import SndsSettings
from monitor.detection import blind, detect
from monitor.detection.settings import DetectionSettings
from monitor.health import OutcomeKind, SourceHealth, SourceOutcome
from monitor.resolver import Answer, AnswerKind
from tidegate.evaluate import calendar
from tidegate.evaluate.register import Register

IP: Final = parse_ip("203.0.113.7")
CSS, SPAMCOP = "zen.spamhaus.org", "bl.spamcop.net"
_CODES = {CSS: "127.0.0.3", SPAMCOP: "127.0.0.2"}
_SNDS = "snds:main"
_RULES, _SNDS_SETTINGS, _SCORES = DetectionSettings(), SndsSettings(), SenderScoreSettings()
Series = tuple[IpAddress, Source, str]


class Watch:
    """One IP's monitor. `changed` is set when an incident moved, until it is read."""

    def __init__(self, ip: IpAddress = IP) -> None:
        self._ip = ip
        self._zones = {name: zone(name) for name in (CSS, SPAMCOP)}
        self._history: dict[Series, list[Reading]] = defaultdict(list)
        self._register = Register()
        self._health: dict[str, SourceHealth] = {}
        self._again: list[tuple[datetime, str]] = []

    @property
    def incidents(self) -> list[Incident]:
        return self._register.open

    def hour(self, signals: Signals, at: float, now: datetime, *, erring: bool, blind_on_snds: bool) -> bool:
        """The hourly round at world hour `at`. Returns whether an incident moved."""
        listed = {CSS: signals.lists.css.at(at) or erring, SPAMCOP: signals.lists.spamcop.at(at)}
        moved = [self._ask(zone, now, is_listed=on) for zone, on in listed.items()]
        outcomes = [SourceOutcome(f"dnsbl:{zone}", OutcomeKind.ANSWERED) for zone in listed]
        rows = [] if blind_on_snds else signals.snds(at)
        if rows:
            moved.append(self._take(_of_snds(rows, self._ip, now), now))
        kind = OutcomeKind.FAILED if blind_on_snds else OutcomeKind.ANSWERED
        outcomes.append(SourceOutcome(_SNDS, kind, "503 Service Unavailable" if blind_on_snds else ""))
        if at % 24 == 6:
            moved.append(self._take([_of_score(signals.sender_score(), self._ip, now)], now))
        return any([*moved, self._look_for_silence(outcomes, now)])

    def look_again(self, signals: Signals, at: float, now: datetime, *, erring: bool) -> bool:
        """Second looks that are due. Returns whether an incident moved."""
        due = [zone for when, zone in self._again if when <= now]
        self._again = [(when, zone) for when, zone in self._again if when > now]
        listed = {CSS: signals.lists.css.at(at) or erring, SPAMCOP: signals.lists.spamcop.at(at)}
        moved = [self._ask(zone, now, is_listed=listed[zone]) for zone in due]
        return any(moved)

    @property
    def waits_for_a_look(self) -> bool:
        return bool(self._again)

    def _ask(self, name: str, now: datetime, *, is_listed: bool) -> bool:
        entry = self._zones[name]
        answer = Answer(AnswerKind.ADDRESSES, (_CODES[name],)) if is_listed else Answer(AnswerKind.NXDOMAIN)
        verdict = answers.classify(entry, answer)
        facts = {"zone_name": entry.name, "tier": verdict.tier} if verdict.is_listing else {}
        return self._take([listing.reading(self._ip, entry, verdict, now, facts)], now)

    def _take(self, readings: list[Reading], now: datetime) -> bool:
        touched = {}
        for reading in readings:
            series = (reading.ip, reading.source, reading.metric)
            past = self._history[series]
            # one more good answer where nothing is open tells nothing new: storage keeps it as one run
            dull = past and past[-1].status is reading.status is Status.GOOD
            if dull and reading.source is Source.DNSBL and not self._is_watched(series):
                continue
            past.append(reading)
            del past[: -detect.HISTORY]
            touched[series] = past
        findings = [f for past in touched.values() for f in detect.detect(past, _RULES)]
        self._again += [(f.look_again_at, f.metric) for f in findings if f.look_again_at]
        return self._register.take(findings, now)

    def _is_watched(self, series: Series) -> bool:
        return self._register.is_open(*series) or any(zone == series[2] for _, zone in self._again)

    def _look_for_silence(self, outcomes: list[SourceOutcome], now: datetime) -> bool:
        for outcome in outcomes:
            before = self._health.get(outcome.name, SourceHealth(name=outcome.name))
            self._health[outcome.name], _ = health.after(before, outcome, now)
        failing = any(h.consecutive_failures for h in self._health.values())
        if not failing and all(incident.ip for incident in self.incidents):
            return False
        findings = blind.blind([], self._health.values(), now, calendar.BEGINNING, _RULES)
        return self._register.take(findings, now)


def zone(name: str) -> Zone:
    """A zone of the shipped catalogue."""
    found = shipped().find(name)
    if found is None:
        raise LookupError(f"the catalogue has no {name}")
    return found


def _of_score(score: int, ip: IpAddress, now: datetime) -> Reading:
    read = sender_score.read(Answer(AnswerKind.ADDRESSES, (f"127.0.4.{score}",)), _SCORES)
    return sender_score.reading(ip, read, now, _SCORES)


def _of_snds(days: list[SndsDay], ip: IpAddress, now: datetime) -> list[Reading]:
    body = "\r\n".join(_line(day, ip) for day in days).encode()
    return snds_readings.of_rows(snds_parser.parse_data(body), {ip}, None, now, _SNDS_SETTINGS)


def _line(day: SndsDay, ip: IpAddress) -> str:
    """A day as SNDS writes it, in fourteen columns."""
    start = calendar.moment(day.day * 24.0)
    end = start + timedelta(hours=23, minutes=59)
    # a rate too small to tell is a bound
    rate = "< 0.1%" if day.complaints < 0.001 else f"{100 * day.complaints:.1f}%"
    counts = [day.messages] * 3
    period = [f"{moment:%m/%d/%Y %I:%M %p}" for moment in (start, end)]
    return ",".join(map(str, [ip, *period, *counts, _colour(day.spam), rate, "", "", day.traps, "", "", ""]))


def _colour(spam: float) -> FilterResult:
    """GREEN under 10 % spam verdicts, RED above 90 % (SNDS' own legend)."""
    if spam < 0.10:
        return FilterResult.GREEN
    return FilterResult.RED if spam > 0.90 else FilterResult.YELLOW
