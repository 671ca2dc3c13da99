"""The overview: one sentence about everything, then figures, what needs a look, thirty days, live events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from controller.settings import Mode
from core.address import IpAddress, by_number, parse_ip
from core.incident import IncidentKind, Severity
from storage.orders import OrderKind
from tidegate.web.views import charts
from tidegate.web.views.events import Event, events
from tidegate.web.views.figures import Figure, figures
from tidegate.web.views.glance import Glance
from tidegate.web.views.incidents import IncidentRow, incident_row
from tidegate.web.views.ips import IpRow
from tidegate.web.views.leases import LeaseRow, lease_row, strictest_first
from tidegate.web.views.parts import Tone, provider

SHOWN = 12
"""IPs with their thirty days."""
_ATTENTION = 5
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence, how it stands, and what else is to be said, each with where to look."""

    tone: Tone
    word: str
    sentence: str
    also: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The page."""

    verdict: Verdict
    figures: tuple[Figure, ...]
    chart: charts.Chart
    incidents: tuple[IncidentRow, ...]
    more_incidents: int
    leases: tuple[LeaseRow, ...]
    more_leases: int
    ips: tuple[IpRow, ...]
    more_ips: int
    events: tuple[Event, ...]


def overview(facts: Glance, rows: Sequence[IpRow]) -> Overview:
    """The page; `rows` are the worst IPs."""
    now = facts.now
    by_weight = sorted(facts.fleet.incidents, key=lambda i: (-i.severity.rank, -i.number))
    held = sorted((lease_row(one, now) for one in facts.leases), key=strictest_first)
    happened = charts.happenings((), facts.changes, ())
    return Overview(
        verdict=verdict(facts),
        figures=figures(facts),
        chart=charts.delivery("Mail an hour", facts.hours, happened, now - _DAY, now),
        incidents=tuple(incident_row(one, now) for one in by_weight[:_ATTENTION]),
        more_incidents=max(0, len(by_weight) - _ATTENTION),
        leases=tuple(held[:_ATTENTION]),
        more_leases=max(0, len(held) - _ATTENTION),
        ips=tuple(rows),
        more_ips=max(0, len(facts.fleet.listed) - len(rows)),
        events=events(facts),
    )


def verdict(facts: Glance) -> Verdict:
    """What a person who has three seconds must know."""
    total = len(facts.fleet.listed)
    also = tuple(_also(facts))
    if facts.trouble:
        return Verdict(
            Tone.BAD, "no engine", "The engine does not answer: whether mail flows is unknown.", also
        )
    if not total:
        return Verdict(Tone.UNKNOWN, "empty", "No source IP is watched: write yours under ip-lists.", also)
    about_ips = (i.ip for i in facts.fleet.incidents if i.kind is IncidentKind.IP and i.ip)
    troubled = _in_order(about_ips)
    held = _in_order(parse_ip(lease["scope"]["source_ip"]) for lease in facts.leases)
    if not held and not troubled:
        tone = Tone.UNKNOWN if also else Tone.OK
        return Verdict(tone, "well", f"{_all(total)} well, and nothing is held back.", also)
    worst = max((i.severity for i in facts.fleet.incidents), key=lambda s: s.rank, default=Severity.INFO)
    tone = Tone.BAD if worst is Severity.CRITICAL else Tone.WARN
    if not held:
        sentence = f"{_some(troubled, total)} in trouble; nothing is held back{_why_not(facts.mode)}."
        return Verdict(tone, "trouble", sentence, also)
    who = _all(total) if len(held) == total else _some(held, total)
    free = total - len(held)
    rest = (
        ""
        if not free
        else "; the other one sends freely"
        if free == 1
        else f"; the other {free:,} send freely"
    )
    return Verdict(tone, "holding", f"{who} held back{_where(facts, held)}{rest}.", also)


def _in_order(ips: Iterable[IpAddress]) -> list[str]:
    return [str(ip) for ip in sorted(set(ips), key=by_number)]


def _all(total: int) -> str:
    return "The one IP is" if total == 1 else f"All {total:,} IPs are"


def _some(ips: Sequence[str], total: int) -> str:
    if len(ips) == 1:
        return f"{ips[0]} is"
    if len(ips) <= 3:
        return f"{', '.join(ips[:-1])} and {ips[-1]} are"
    return f"{len(ips):,} of {total:,} IPs are"


def _where(facts: Glance, held: Sequence[str]) -> str:
    if len(held) > 1:
        return ""
    places = [f"{provider(one['scope']['provider'])} to {one['value']}" for one in facts.leases]
    return f" at {places[0]}" if len(places) == 1 else f" at {len(places)} providers"


def _why_not(mode: Mode) -> str:
    return "" if mode is Mode.ENFORCE else f", for the mode is {mode}"


def _also(facts: Glance) -> Iterable[tuple[str, str]]:
    if facts.trouble:
        yield facts.trouble, "/queues"
    stops = [o for o in facts.orders if o.kind is OrderKind.STOP]
    for order in stops:
        yield f"The controller is switched off by {order.author}: {order.reason}", "/leases"
    questions = sum(o.kind is OrderKind.GUARD for o in facts.orders)
    if questions:
        yield f"The guard asks {questions} question{'' if questions == 1 else 's'}", "/leases"
    blind = facts.blind
    if blind:
        many = f"{len(blind)} sources cannot" if len(blind) > 1 else f"{blind[0].name} cannot"
        yield f"{many} be relied on now: what they would say is unknown", "/sources"
    if facts.mode is not Mode.ENFORCE:
        yield f"The controller is in mode {facts.mode}: it {facts.mode.meaning}", "/settings?q=mode"
