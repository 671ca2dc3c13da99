"""What a chart of an incident shows: the signal and the limit over time, and what happened when. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from core.incident import Incident
from core.lease import Directive, Scope
from core.reading import Reading, Source, Status
from core.text import printable
from monitor.notifications import wording
from monitor.notifications.facts import Facts
from storage.leases import LeaseChange

COLUMNS: Final = 44
_SPANS: Final = tuple(timedelta(hours=h) for h in (6, 12, 24, 48, 96, 168, 336, 720))
_DAILY: Final = timedelta(days=14)
_TICKS: Final = 4
_PATIENCE: Final = 3
"""After so many usual gaps without an answer, the last one holds no longer."""
_LEVELS: Final = {Status.GOOD: 0.3, Status.WARN: 0.65, Status.BAD: 1.0, Status.UNKNOWN: 0.15}
_BARS: Final = "▁▂▃▄▅▆▇█"
_COUNTED: Final = {"complaint-rate", "trap-hits"}
_WORDS: Final = {Status.GOOD: "good", Status.WARN: "warning", Status.BAD: "bad", Status.UNKNOWN: "not known"}
_LIST_WORDS: Final = _WORDS | {Status.GOOD: "clean", Status.BAD: "listed"}


@dataclass(frozen=True, slots=True)
class Block:
    """One stretch: from and to as shares of the width, a height from 0 to 1, and what it means."""

    left: float
    right: float
    height: float
    tone: Status


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened to the incident, at a share of the width."""

    place: float
    words: str
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Two lanes over the same time: the signal above, the limit below (empty where none was set)."""

    name: str
    span: str
    signal: tuple[Block, ...]
    limit: tuple[Block, ...]
    limit_name: str
    marks: tuple[Mark, ...]
    ticks: tuple[str, ...]
    words: str
    tones: tuple[tuple[Status, str], ...]
    is_counted: bool

    @property
    def spark(self) -> str:
        """The signal for a terminal; `·` where it is not known."""
        return _spark(self.signal)

    @property
    def limit_spark(self) -> str:
        """The limit for a terminal."""
        return _spark(self.limit)

    @property
    def pointer(self) -> str:
        """A line below the spark that points at where the incident opened and ended."""
        line = [" "] * COLUMNS
        for mark in self.marks:
            line[min(COLUMNS - 1, int(mark.place * COLUMNS))] = "^"
        return "".join(line).rstrip()


def chart(facts: Facts, topic: Incident, zone: ZoneInfo) -> Chart | None:
    """The chart of the incident that the mail is mostly about; None when there is too little to show."""
    trail = facts.trail
    if topic.ip is None or len(trail) < 2:
        return None
    window = _window(trail, facts.now - topic.opened_at)
    # a little beyond now, so that what has only just begun is seen
    start, end = facts.now - window, facts.now + window / 24
    signal = tuple(_signal(trail, start, end))
    scope, limit = _limit(facts, topic, start, end)
    words = _LIST_WORDS if topic.source is Source.DNSBL else _WORDS
    seen = dict.fromkeys(block.tone for block in signal)
    name = wording.label(trail[-1])
    limit_name = f"limit to {wording.provider(scope.provider)}" if scope and limit else ""
    return Chart(
        name=name,
        span=wording.span(window),
        signal=signal,
        limit=limit,
        limit_name=limit_name,
        marks=tuple(_marks(topic, start, end)),
        ticks=(*(wording.tick(start + (end - start) * n / _TICKS, zone) for n in range(_TICKS)), "now"),
        words=" ".join(
            [
                f"{name} over {wording.span(window)}: {_story(trail, start, zone, words)}.",
                *_limit_words(facts, scope, limit_name),
            ]
        ),
        tones=tuple((tone, words[tone]) for tone in seen),
        is_counted=_is_counted(trail[-1]),
    )


def _window(trail: Sequence[Reading], age: timedelta) -> timedelta:
    wanted = max(age * 1.5, _DAILY if _is_daily(trail[-1]) else _SPANS[0])
    return next((span for span in _SPANS if span >= wanted), _SPANS[-1])


def _signal(trail: Sequence[Reading], start: datetime, end: datetime) -> Iterable[Block]:
    begins = [r.period_start for r in trail]
    usual = timedelta(seconds=median([(b - a).total_seconds() for a, b in pairwise(begins)]))
    top = max((r.value or 0 for r in trail), default=0) or 1
    known_until = start
    for reading, following in zip(trail, [*begins[1:], end], strict=True):
        since = reading.period_start
        until = max(reading.period_end, min(following, since + usual * _PATIENCE))
        left, right = _share(max(since, known_until), start, end), _share(until, start, end)
        if right <= left:
            continue
        gap = _share(known_until, start, end)
        if left > gap:
            yield Block(gap, left, _LEVELS[Status.UNKNOWN], Status.UNKNOWN)
        yield Block(left, right, _height(reading, top), reading.status)
        known_until = max(known_until, until)
    if known_until < end:
        yield Block(_share(known_until, start, end), 1.0, _LEVELS[Status.UNKNOWN], Status.UNKNOWN)


def _height(reading: Reading, top: float) -> float:
    if not _is_counted(reading) or reading.value is None or reading.status is Status.UNKNOWN:
        return _LEVELS[reading.status]
    return max(0.04, reading.value / (100 if reading.source is Source.SENDER_SCORE else top))


def _limit(
    facts: Facts, topic: Incident, start: datetime, end: datetime
) -> tuple[Scope | None, tuple[Block, ...]]:
    """The lane of the scope whose limit went lowest, of the incident's provider where that was limited."""
    done = [
        c for c in facts.changes if c.directive is Directive.SOURCE_IP_MAX_MSG_RATE and c.mode == "enforce"
    ]
    cut = [c for c in done if c.after is not None and c.scope.source_ip == topic.ip]
    if not cut:
        return None, ()
    mine = [c for c in cut if c.scope.provider == topic.provider] or cut
    scope = min(mine, key=lambda c: c.after.per_hour if c.after else 0).scope
    steps = [c for c in done if c.scope == scope]
    base = facts.bases.get(scope) or steps[0].before
    top = base.per_hour if base and not base.is_unlimited else _highest(steps)
    begins = [start, *(c.at for c in steps), end]
    heights = [1.0, *(min(1.0, c.after.per_hour / top) if c.after else 1.0 for c in steps)]
    spans = zip(pairwise(begins), heights, strict=True)
    return scope, tuple(
        Block(_share(a, start, end), _share(b, start, end), height, Status.GOOD)
        for (a, b), height in spans
        if b > a
    )


def _highest(steps: Sequence[LeaseChange]) -> float:
    """Where nothing tells what flowed before: a third above the highest limit."""
    return max(c.after.per_hour for c in steps if c.after) * 1.33


def _marks(topic: Incident, start: datetime, end: datetime) -> Iterable[Mark]:
    if topic.opened_at >= start:
        yield Mark(_share(topic.opened_at, start, end), f"{topic.label} opened")
    if topic.resolved_at is not None:
        yield Mark(_share(topic.resolved_at, start, end), "over", is_end=True)


def _story(trail: Sequence[Reading], start: datetime, zone: ZoneInfo, words: dict[Status, str]) -> str:
    """What the curve says, for those who do not see it: the last turns and when they came."""
    shown = [r for r in trail if r.period_end >= start] or list(trail[-1:])
    if _is_counted(shown[-1]):
        known = [r for r in shown if r.status is not Status.UNKNOWN] or shown
        first, last = (wording.value(known[place]) for place in (0, -1))
        return f"{first} at first, {last} at the end"
    turns = [shown[0], *(b for a, b in pairwise(shown) if b.status is not a.status)]
    said = [f"{words[r.status]} from {wording.tick(r.period_start, zone)}" for r in turns[1:]]
    if len(turns) == 1:
        return f"{words[turns[0].status]} all the time"
    return ", ".join([words[turns[0].status], *said[-3:]] if len(said) <= 3 else ["…", *said[-3:]])


def _limit_words(facts: Facts, scope: Scope | None, name: str) -> list[str]:
    mine = [c for c in facts.changes if c.scope == scope and c.directive is Directive.SOURCE_IP_MAX_MSG_RATE]
    if not name or not mine:
        return []
    rates = [str(c.after) if c.after else "lifted" for c in mine]
    before = str(mine[0].before) if mine[0].before else "none"
    return [printable(f"The {name}: {before}, then {', '.join(rates[-4:])}.", 200)]


def _is_counted(reading: Reading) -> bool:
    return reading.source in {Source.SENDER_SCORE, Source.REPLIES} or reading.metric in _COUNTED


def _is_daily(reading: Reading) -> bool:
    return reading.source is Source.SENDER_SCORE or (
        reading.period_end - reading.period_start >= timedelta(hours=20)
    )


def _share(at: datetime, start: datetime, end: datetime) -> float:
    return min(1.0, max(0.0, (at - start) / (end - start)))


def _spark(blocks: Sequence[Block]) -> str:
    """One character for each stretch of time, the worst of what it covers."""
    found = []
    for column in range(COLUMNS):
        left, right = column / COLUMNS, (column + 1) / COLUMNS
        inside = [b for b in blocks if b.left < right and b.right > left]
        known = [b for b in inside if b.tone is not Status.UNKNOWN]
        worst = max(known, key=lambda b: (b.right >= right, b.height), default=None)
        found.append(_BARS[min(7, int(worst.height * 7.99))] if worst else "·")
    return "".join(found)
