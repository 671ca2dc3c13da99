"""One source IP: what is said about it, what was done about it, and what its mail came to, over time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.address import IpAddress
from core.incident import Incident
from core.limit import LimitChain
from core.reading import Reading, Source, Status
from core.text import printable
from monitor.detection import wording
from storage.audit import AuditEntry
from storage.leases import LeaseChange
from storage.orders import Order
from storage.scopes import COUNTS, ScopeHour
from tidegate.cli import story_view
from tidegate.web.views import charts, strips
from tidegate.web.views.chains import Chain, chains
from tidegate.web.views.incidents import IncidentRow, incident_row
from tidegate.web.views.leases import LeaseRow, OrderRow, lease_row, order_row
from tidegate.web.views.parts import STATUS, Badge, Tone, When, when

SHOWN = timedelta(days=7)
_WORST = (Status.BAD, Status.WARN, Status.UNKNOWN, Status.GOOD)
Series = tuple[str, Source, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one IP. `stories` are those of its scopes; `trouble`: why the engine says nothing."""

    ip: IpAddress
    listed_in: str
    bind: IpAddress
    now: datetime
    readings: Sequence[Reading] = ()
    histories: Mapping[Series, Sequence[Reading]] = field(default_factory=dict)
    incidents: Sequence[Incident] = ()
    changes: Sequence[LeaseChange] = ()
    acts: Sequence[AuditEntry] = ()
    orders: Sequence[Order] = ()
    hours: Sequence[ScopeHour] = ()
    leases: Sequence[Mapping[str, Any]] = ()
    chains: Sequence[LimitChain] = ()
    stories: Sequence[Mapping[str, Any]] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """One series: what it says now, and its thirty days."""

    name: str
    state: Badge
    said: str
    seen: When | None
    strip: strips.Strip


@dataclass(frozen=True, slots=True)
class Story:
    """One scope's story in five parts, as `tidegate explain` tells it."""

    head: str
    is_held: bool
    level: float
    parts: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class IpView:
    """The page."""

    ip: str
    address: str
    listed_in: str
    bind: str
    state: Badge
    verdict: str
    tone: Tone
    delivery: charts.Chart
    score: charts.Chart | None
    signals: tuple[Signal, ...]
    quiet: str
    stories: tuple[Story, ...]
    chains: tuple[Chain, ...]
    leases: tuple[LeaseRow, ...]
    orders: tuple[OrderRow, ...]
    incidents: tuple[IncidentRow, ...]
    trouble: str


def ip(facts: Facts) -> IpView:
    """The page from what is known."""
    now = facts.now
    said = [r.status for r in facts.readings]
    said += [i.severity.status for i in facts.incidents if i.resolved_at is None]
    worst = min(said, key=_said_worst, default=Status.UNKNOWN)
    stories = tuple(story(one, now) for one in facts.stories)
    verdict, tone = _verdict(facts, worst)
    signals, quiet = _signals(facts)
    happened = charts.happenings(facts.incidents, facts.changes, facts.acts)
    scores = next((h for (_, source, _m), h in facts.histories.items() if source is Source.SENDER_SCORE), ())
    return IpView(
        ip=str(facts.ip),
        address=f"/ips/{facts.ip}",
        listed_in=facts.listed_in,
        bind="" if facts.bind == facts.ip else str(facts.bind),
        state=STATUS[worst],
        verdict=verdict,
        tone=tone,
        delivery=charts.delivery("Mail an hour", _hourly(facts.hours), happened, now - SHOWN, now),
        score=charts.scores(scores, now),
        signals=signals,
        quiet=quiet,
        stories=tuple(sorted(stories, key=lambda one: (not one.is_held, one.level))),
        chains=chains(facts.chains, now),
        leases=tuple(lease_row(one, now) for one in facts.leases),
        orders=tuple(order_row(one, now) for one in facts.orders),
        incidents=tuple(incident_row(one, now) for one in reversed(facts.incidents)),
        trouble=facts.trouble,
    )


def story(told: Mapping[str, Any], now: datetime) -> Story:
    """One scope's story."""
    parts = tuple(
        (label.strip(" 0123456789"), tuple(printable(line, 1_000) for line in lines))
        for label, lines in story_view.parts(told, now)
    )
    return Story(story_view.head(told), told["rate"] is not None, float(told["level"]), parts)


def _said_worst(status: Status) -> int:
    """Unknown is never worse than what is known."""
    return (Status.BAD, Status.WARN, Status.GOOD, Status.UNKNOWN).index(status)


def _verdict(facts: Facts, worst: Status) -> tuple[str, Tone]:
    opened = [i for i in facts.incidents if i.resolved_at is None]
    about = "; ".join(f"{i.label} {i.title}" for i in opened[:2])
    if facts.leases:
        rows = [lease_row(one, facts.now) for one in facts.leases]
        where = [f"at {row.provider} to {row.value}" for row in rows]
        said = ", ".join(where[:-1]) + (" and " if where[1:] else "") + where[-1]
        why = about or f"{rows[0].set_by}: {rows[0].reason}"
        return f"Held back {said}: {why}", Tone.BAD if worst is Status.BAD else Tone.WARN
    if opened:
        return f"{about}; nothing holds its mail back", Tone.BAD if worst is Status.BAD else Tone.WARN
    if worst is Status.UNKNOWN:
        return "Nothing is known about it yet", Tone.UNKNOWN
    return "Nothing speaks against it, and nothing holds its mail back", Tone.OK


def _signals(facts: Facts) -> tuple[tuple[Signal, ...], str]:
    """A row for each series that ever said something of its own; the lists that never did are counted."""
    own = [r for r in facts.readings if r.series in facts.histories]
    silent = [r for r in facts.readings if r.series not in facts.histories]
    rows = [_signal(r, facts.histories[r.series], facts.now) for r in sorted(own, key=_order)]
    clean = sum(r.status is Status.GOOD for r in silent)
    unknown = len(silent) - clean
    parts = [f"{clean} more lists call it clean"] if clean else []
    parts += [f"{unknown} more are unknown now"] if unknown else []
    return tuple(rows), "; ".join(parts)


def _order(reading: Reading) -> tuple[int, str, str]:
    return (_WORST.index(reading.status), reading.source, reading.metric)


def _signal(reading: Reading, history: Sequence[Reading], now: datetime) -> Signal:
    known = reading.status is not Status.UNKNOWN
    said = wording.said(reading) if known else (reading.detail or str(reading.quality))
    return Signal(
        name=wording.metric_name(reading.source, reading.metric),
        state=STATUS[reading.status],
        said=printable(said, 200),
        seen=when(reading.observed_at, now),
        strip=strips.of_readings(history, now),
    )


def _hourly(hours: Iterable[ScopeHour]) -> list[tuple[datetime, Mapping[str, int]]]:
    """All providers of an IP in one: counts by hour."""
    found: dict[datetime, dict[str, int]] = {}
    for one in hours:
        counts = found.setdefault(one.hour, dict.fromkeys(COUNTS, 0))
        for name in COUNTS:
            counts[name] += getattr(one, name)
    return list(found.items())
