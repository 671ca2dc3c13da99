"""The numbers of the digest: volume and shares beside the week before, and trouble per day. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from core.incident import Incident, IncidentKind
from monitor.digest.facts import Facts
from monitor.digest.views import Figure, ProviderLine
from monitor.notifications import wording
from storage.scopes import COUNTS, ScopeHour

NO_DATA = "no data"
_BARS = "▁▃▅▇"
_counts = attrgetter(*COUNTS)


def figures(facts: Facts) -> tuple[Figure, ...]:
    """Volume, delivered, put off, refused, complaints, trap hits if SNDS tells: this week and the last."""
    start = facts.week.start
    this = _Sum(h for h in facts.hours if h.hour >= start)
    last = _Sum(h for h in facts.hours if h.hour < start)
    mail = tuple(
        Figure(name, this.show(field), last.show(field), this.against(last, field))
        for name, field in (
            ("Recipients attempted", "attempted"),
            ("Delivered", "delivered"),
            ("Put off (reputation)", "reputation_deferred"),
            ("Refused (reputation)", "blocked"),
            ("Hard bounces", "hard_bounced"),
            ("Complaints", "complaints"),
        )
    )
    return (*mail, *_traps(*facts.traps))


def has_any(facts: Facts) -> bool:
    """Whether a figure of these two weeks is known."""
    return any(h.attempted for h in facts.hours) or facts.traps != (None, None)


def _traps(this: int | None, last: int | None) -> tuple[Figure, ...]:
    if this is None and last is None:
        return ()
    shown_this, shown_last = (NO_DATA if hits is None else f"{hits:,}" for hits in (this, last))
    change = NO_DATA
    if this is not None and last is not None:
        change = "same" if this == last else f"{this - last:+,}"
    return (Figure("Spam trap hits (SNDS)", shown_this, shown_last, change),)


def providers(facts: Facts) -> tuple[ProviderLine, ...]:
    """The week at each provider, the one with most mail first."""
    hours: dict[str, list[ScopeHour]] = {}
    for hour in facts.hours:
        if hour.hour >= facts.week.start:
            hours.setdefault(hour.scope.provider, []).append(hour)
    sums = [(name, _Sum(mine)) for name, mine in hours.items()]
    sums = sorted((pair for pair in sums if pair[1].attempted), key=lambda pair: -pair[1].attempted)
    return tuple(
        ProviderLine(
            wording.provider(name),
            f"{each.attempted:,}",
            each.percent("delivered"),
            each.percent("reputation_deferred"),
            each.percent("blocked"),
        )
        for name, each in sums
    )


class _Sum:
    def __init__(self, hours: Iterable[ScopeHour]) -> None:
        columns = zip(*map(_counts, hours), strict=True)
        self._counts = dict.fromkeys(COUNTS, 0) | dict(zip(COUNTS, map(sum, columns), strict=False))

    @property
    def attempted(self) -> int:
        return self._counts["attempted"]

    def show(self, name: str) -> str:
        if not self.attempted:
            return NO_DATA
        if name == "attempted":
            return f"{self.attempted:,}"
        return f"{self._counts[name]:,} ({self.percent(name)})"

    def percent(self, name: str) -> str:
        return f"{self._share(name) * 100:.3g} %"

    def against(self, last: "_Sum", name: str) -> str:
        """The change: of the volume in per cent of it, of a share in points."""
        if not self.attempted or not last.attempted:
            return NO_DATA
        if name == "attempted":
            grown = (self.attempted / last.attempted - 1) * 100
            return f"{grown:+,.0f} %" if abs(grown) >= 10 else f"{grown:+.2g} %"
        points = (self._share(name) - last._share(name)) * 100  # noqa: SLF001 - of the same class
        return "same" if abs(points) < 0.005 else f"{points:+.2f} points"

    def _share(self, name: str) -> float:
        return self._counts[name] / self.attempted


def days_of(mine: Sequence[Incident], facts: Facts) -> tuple[int, ...]:
    """The worst of each day for the incidents of one IP: 0 clean, 1 notice, 2 warning, 3 critical."""
    return tuple(
        max((i.severity.rank + 1 for i in mine if _was_open(i, start, end)), default=0)
        for start, end in facts.days
    )


def troubled_per_day(facts: Facts) -> tuple[int, ...]:
    """How many IPs had an open incident at some moment of each day."""
    about_ips = [i for i in facts.incidents if i.kind is IncidentKind.IP]
    return tuple(len({i.ip for i in about_ips if _was_open(i, start, end)}) for start, end in facts.days)


def spark(levels: Sequence[int], top: int = 0) -> str:
    """Bars for a terminal, the lowest one for 0: `▁▁▅▇▇▁▁`."""
    highest = max(top, *levels) if levels else 0
    if not highest:
        return _BARS[0] * len(levels)
    return "".join(_BARS[0] if not n else _BARS[-(-n * (len(_BARS) - 1) // highest)] for n in levels)


def _was_open(incident: Incident, start: datetime, end: datetime) -> bool:
    return incident.opened_at < end and (incident.resolved_at is None or incident.resolved_at >= start)


def series(facts: Facts) -> tuple[int, int]:
    """How many series are watched, those without readings of their own included; how many are unknown now."""
    own = {(each.source, each.metric): each.series for each in facts.answers}
    families: Counter[int] = Counter(ip.version for ip in facts.watched)
    count, unknown = sum(own.values()), sum(each.unknown for each in facts.answers)
    for one in facts.lists:
        spoken_for = sum(families[family] for family in one.families) - own.get((one.source, one.metric), 0)
        count += max(0, spoken_for)
        unknown += max(0, spoken_for) if one.doubt else 0
    return count, unknown
