"""One line for each IP: how its week was, what is said about it now, what became of its mail. Pure."""

from core.address import IpAddress
from core.incident import Incident
from core.reading import Quality, Reading, Source, Status
from core.text import printable
from monitor.digest import figures
from monitor.digest.facts import Facts
from monitor.digest.views import IpLine
from monitor.notifications import wording

_STATES = ("clean", "notice", "warning", "critical")
_NAMED_LISTS = 2


def lines(facts: Facts) -> list[IpLine]:
    """Every IP that is watched, the worst first."""
    ips = {r.ip for r in facts.readings} | {i.ip for i in facts.incidents if i.ip is not None}
    found = [_line(ip, facts) for ip in sorted(ips, key=lambda ip: (ip.version, int(ip)))]
    return sorted(found, key=lambda line: (-_STATES.index(line.state) if line.state in _STATES else 0,
                                           -max(line.days), -sum(line.days)))  # fmt: skip


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


def _line(ip: IpAddress, facts: Facts) -> IpLine:
    mine = [i for i in facts.incidents if i.ip == ip]
    days = figures.days_of(ip, facts)
    worst = max((i.severity.rank + 1 for i in mine if is_open(i, facts)), default=0)
    hours = [h for h in facts.hours if h.scope.source_ip == ip and h.hour >= facts.week.start]
    attempted = sum(h.attempted for h in hours)
    turned_away = sum(h.reputation_deferred + h.blocked for h in hours)
    return IpLine(
        ip=str(ip),
        state=_STATES[worst] if worst else ("recovered" if any(days) else "clean"),
        incidents=len(mine),
        days=days,
        spark=figures.spark(days, top=3),
        signals=signals([r for r in facts.readings if r.ip == ip]),
        attempted=f"{attempted:,}" if attempted else figures.NO_DATA,
        turned_away=f"{turned_away / attempted * 100:.2g} %" if attempted else figures.NO_DATA,
    )
