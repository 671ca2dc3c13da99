"""Counts per source IP × provider × minute, of what peers said; our own waiting is never in them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.address import IpAddress
from core.statistics import ScopeMinute
from engine.classification import ReplyClass

KEPT = timedelta(hours=48)


@dataclass(slots=True)
class _Counts:
    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    reputation_deferred: int = 0
    blocked: int = 0
    hard_bounced: int = 0
    complaints: int = 0
    domain_replies: int = 0
    content_replies: int = 0
    last_reply: str = ""


_COUNTED = {
    ReplyClass.DELIVERED: ("delivered",),
    ReplyClass.DEFERRAL: ("deferred",),
    ReplyClass.REPUTATION_DEFERRAL: ("deferred", "reputation_deferred"),
    ReplyClass.DOMAIN_DEFERRAL: ("deferred", "domain_replies"),
    ReplyClass.CONTENT_DEFERRAL: ("deferred", "content_replies"),
    ReplyClass.BLOCK: ("bounced", "blocked"),
    ReplyClass.DOMAIN_REFUSAL: ("bounced", "domain_replies"),
    ReplyClass.CONTENT_REFUSAL: ("bounced", "content_replies"),
    ReplyClass.HARD_BOUNCE: ("bounced", "hard_bounced"),
    ReplyClass.BOUNCE: ("bounced",),
}
_ABOUT_IP = {ReplyClass.REPUTATION_DEFERRAL, ReplyClass.BLOCK}

Tell = Callable[[IpAddress, str, int, str, float], None]
"""Hears of each reply about a source IP: source, provider, how many in this minute, the text, POSIX time."""


def _tell_nobody(*_told: object) -> None:
    pass


class Statistics:
    """The last 48 hours, minute by minute."""

    def __init__(self, tell: Tell = _tell_nobody) -> None:
        self._tell = tell
        self._counts: dict[tuple[int, IpAddress, str], _Counts] = {}
        self._swept = 0
        self._lifetime: dict[tuple[IpAddress, str], _Counts] = {}
        self._unfolded: dict[tuple[int, IpAddress, str], _Counts] = {}

    def attempted(self, source: IpAddress, provider: str, count: int, at: float) -> None:
        """Recipients reserved for an attempt, at POSIX time `at`."""
        self._at(source, provider, at).attempted += count

    def answered(self, source: IpAddress, provider: str, kind: ReplyClass, text: str, at: float) -> None:
        """A peer's reply to one recipient."""
        counts = self._at(source, provider, at)
        for name in _COUNTED[kind]:
            setattr(counts, name, getattr(counts, name) + 1)
        if kind in _ABOUT_IP:
            self._about_ip(counts, source, provider, text, at)

    def _about_ip(self, counts: _Counts, source: IpAddress, provider: str, text: str, at: float) -> None:
        counts.last_reply = text
        self._tell(source, provider, counts.reputation_deferred + counts.blocked, text, at)

    def complained(self, source: IpAddress, provider: str, at: float) -> None:
        """A complaint, booked to the minute in which the mail went out, however long ago that is."""
        self._at(source, provider, at).complaints += 1
        if (int(at) // 60, source, provider) not in self._unfolded:
            self._lifetime.setdefault((source, provider), _Counts()).complaints += 1

    def since(self, since: datetime) -> list[ScopeMinute]:
        """Every minute that began at or after `since`, and the one that `since` lies in; oldest first."""
        first = int(since.timestamp()) // 60
        rows = [_row(key, counts) for key, counts in self._counts.items() if key[0] >= first]
        return sorted(rows, key=lambda row: (row.minute, str(row.source_ip), row.provider))

    def restore(self, rows: Iterable[ScopeMinute]) -> None:
        """Take back what was saved."""
        for row in rows:
            counts = self._at(row.source_ip, row.provider, row.minute.timestamp())
            for name in _Counts.__slots__:
                setattr(counts, name, getattr(row, name))
        self._unfolded.clear()  # an earlier run's

    def lifetime(self) -> dict[tuple[IpAddress, str], dict[str, int]]:
        """Counts per source IP and provider since this run began; they never fall."""
        self._fold(self._swept)
        sums = {scope: _numbers(counts) for scope, counts in self._lifetime.items()}
        for (_, source, provider), counts in self._unfolded.items():
            into = sums.setdefault((source, provider), dict.fromkeys(_numbers(counts), 0))
            for name, value in _numbers(counts).items():
                into[name] += value
        return sums

    def totals(self) -> dict[str, int]:
        """Sums over everything kept."""
        names = ("attempted", "delivered", "deferred", "bounced", "reputation_deferred", "blocked")
        return {name: sum(getattr(c, name) for c in self._counts.values()) for name in names}

    def _at(self, source: IpAddress, provider: str, at: float) -> _Counts:
        minute = int(at) // 60
        if minute > self._swept:
            self._sweep(minute)
        key = (minute, source, provider)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = self._unfolded[key] = _Counts()
        return counts

    def _fold(self, minute: int) -> None:
        """Add what can no longer change (all but the last two minutes) to the lifetime's sums."""
        for key in [k for k in self._unfolded if k[0] < minute - 1]:
            done = self._unfolded.pop(key)
            total = self._lifetime.setdefault(key[1:], _Counts())
            for name, value in _numbers(done).items():
                setattr(total, name, getattr(total, name) + value)

    def _sweep(self, minute: int) -> None:
        self._swept = minute
        self._fold(minute)
        oldest = minute - int(KEPT.total_seconds()) // 60
        for key in [k for k in self._counts if k[0] < oldest]:
            del self._counts[key]


def _numbers(counts: _Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in _Counts.__slots__ if name != "last_reply"}


def _row(key: tuple[int, IpAddress, str], counts: _Counts) -> ScopeMinute:
    minute, source, provider = key
    values = {name: getattr(counts, name) for name in _Counts.__slots__}
    return ScopeMinute(
        source_ip=source, provider=provider, minute=datetime.fromtimestamp(minute * 60, UTC), **values
    )
