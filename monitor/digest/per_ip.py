"""One line for each IP: how its week was, what is said about it now, what became of its mail. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from core.address import IpAddress, by_number, parse_ip
from core.incident import Incident
from core.reading import Quality, Reading, Source, Status
from core.text import printable
from monitor.digest import figures
from monitor.digest.facts import Facts
from monitor.digest.views import IpLine
from monitor.notifications import wording
from storage.coverage import with_implied
from storage.scopes import ScopeHour

_STATES = ("clean", "notice", "warning", "critical")
_NAMED_LISTS = 2


def lines(facts: Facts) -> list[IpLine]:
    """Every IP that was in trouble on one of the week's days, the worst first; without its signals."""
    ill: dict[IpAddress, list[Incident]] = {}
    for incident in facts.incidents:
        if incident.ip is not None:
            ill.setdefault(incident.ip, []).append(incident)
    hours = _hours(facts)
    found = [_line(ip, ill[ip], hours.get(ip, []), facts) for ip in sorted(ill, key=by_number)]
    return sorted(
        (line for line in found if any(line.days)),
        key=lambda line: (-_rank(line.state), -max(line.days), -sum(line.days)),
    )


def watched(facts: Facts) -> frozenset[IpAddress]:
    """Every IP that something is known about, or that lists are asked about."""
    return facts.known | {i.ip for i in facts.incidents if i.ip is not None} | facts.watched.keys()


def is_open(incident: Incident, facts: Facts) -> bool:
    """Whether an incident of the week went on beyond it."""
    return incident.resolved_at is None or incident.resolved_at >= facts.week.end


def signals(newest: list[Reading]) -> str:
    """What the sources say now: `listed on Spamhaus ZEN; SNDS YELLOW; score 91`."""
    parts = [_lists([r for r in newest if r.source is Source.DNSBL])]
    for reading in newest:
        if reading.quality is Quality.NO_DATA:
            continue
        if reading.source is Source.SNDS_DATA and reading.metric == "filter-result":
            parts.append(f"SNDS {wording.value(reading)}")
        elif reading.source is Source.SENDER_SCORE:
            parts.append(f"score {wording.value(reading)}")
    return "; ".join(filter(None, parts)) or "no data"


def _lists(asked: list[Reading]) -> str:
    bad = [printable(wording.label(r), 40) for r in asked if r.status is Status.BAD]
    if bad:
        more = f" and {len(bad) - _NAMED_LISTS} more" if len(bad) > _NAMED_LISTS else ""
        return f"listed on {', '.join(bad[:_NAMED_LISTS])}{more}"
    unknown = sum(r.status is Status.UNKNOWN for r in asked)
    if asked and unknown == len(asked):
        return "lists unknown"
    return "on no list" + (f" ({unknown} unknown)" if unknown else "") if asked else ""


def with_signals(shown: Sequence[IpLine], facts: Facts) -> list[IpLine]:
    """The lines with what the sources say now, which takes longest."""
    own: dict[IpAddress, list[Reading]] = {parse_ip(line.ip): [] for line in shown}
    for reading in facts.readings:
        if reading.ip in own:
            own[reading.ip].append(reading)
    lists = {(one.source, one.metric): one for one in facts.lists}
    return [
        replace(line, signals=signals(with_implied(ip, mine, facts.watched.get(ip), lists)))
        for line, (ip, mine) in zip(shown, own.items(), strict=True)
    ]


def _hours(facts: Facts) -> dict[IpAddress, list[ScopeHour]]:
    found: dict[IpAddress, list[ScopeHour]] = {}
    for hour in facts.hours:
        if hour.hour >= facts.week.start:
            found.setdefault(hour.scope.source_ip, []).append(hour)
    return found


def _line(ip: IpAddress, mine: list[Incident], hours: list[ScopeHour], facts: Facts) -> IpLine:
    days = figures.days_of(mine, facts)
    worst = max((i.severity.rank + 1 for i in mine if is_open(i, facts)), default=0)
    attempted = sum(h.attempted for h in hours)
    turned_away = sum(h.reputation_deferred + h.blocked for h in hours)
    return IpLine(
        ip=str(ip),
        state=_STATES[worst] if worst else ("recovered" if any(days) else "clean"),
        incidents=len(mine),
        days=days,
        spark=figures.spark(days, top=3),
        signals="",
        attempted=f"{attempted:,}" if attempted else figures.NO_DATA,
        turned_away=f"{turned_away / attempted * 100:.3g} %" if attempted else figures.NO_DATA,
    )


def _rank(state: str) -> int:
    return _STATES.index(state) if state in _STATES else 0
