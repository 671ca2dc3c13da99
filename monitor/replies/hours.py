"""From the engine's minutes to readings: a series for each source IP, provider and count; a period an hour.

An hour of sending is said again whenever its numbers change: complaints come late and are booked to the hour
of the mail they complain about. What is the same is not said again, so that history grows with change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.address import IpAddress
from core.proportion import wilson_lower
from core.reading import Quality, Reading, Source, Status
from core.statistics import ScopeMinute
from core.text import printable
from monitor.detection.counts import Count
from monitor.replies.settings import ReplySettings

_HOUR: Final = timedelta(hours=1)
_REMEMBERED: Final = timedelta(hours=50)
"""The engine tells of 48 hours at most."""


@dataclass(slots=True)
class _Hour:
    delivered: int = 0
    answered: int = 0
    deferrals: int = 0
    blocks: int = 0
    bounces: int = 0
    complaints: int = 0
    last_reply: str = ""

    def add(self, minute: ScopeMinute) -> None:
        self.delivered += minute.delivered
        self.answered += minute.delivered + minute.deferred + minute.bounced
        self.deferrals += minute.reputation_deferred
        self.blocks += minute.blocked
        self.bounces += minute.hard_bounced
        self.complaints += minute.complaints
        self.last_reply = minute.last_reply or self.last_reply

    def figures(self) -> dict[Count, tuple[int, int]]:
        """Events and the recipients they are out of."""
        return {
            Count.DEFERRALS: (self.deferrals, self.answered),
            Count.BLOCKS: (self.blocks, self.answered),
            Count.BOUNCES: (self.bounces, self.answered),
            Count.COMPLAINTS: (self.complaints, self.delivered),
        }


@dataclass(frozen=True, slots=True)
class _Told:
    events: int
    trials: int
    at: datetime


_Series = tuple[IpAddress, str]


class ReplyHistory:
    """Turns what the engine counted into what is new about it."""

    def __init__(self, settings: ReplySettings) -> None:
        self._settings = settings
        self._told: dict[tuple[_Series, datetime], _Told] = {}
        self._last: dict[_Series, datetime] = {}

    def remember(self, latest: Iterable[Reading]) -> None:
        """What was told before a restart, from the newest readings of all series."""
        for reading in latest:
            if reading.source is Source.REPLIES and reading.status is not Status.UNKNOWN:
                self._last[reading.ip, reading.metric] = reading.period_end

    def readings(self, minutes: Iterable[ScopeMinute], now: datetime) -> list[Reading]:
        """What is new in these minutes, which begin at a whole hour, and who has fallen silent."""
        hours: dict[tuple[IpAddress, str, datetime], _Hour] = {}
        for minute in sorted(minutes, key=lambda m: m.minute):
            begin = minute.minute.replace(minute=0, second=0, microsecond=0)
            hours.setdefault((minute.source_ip, minute.provider, begin), _Hour()).add(minute)
        found = [
            reading
            for (ip, provider, begin), hour in hours.items()
            if hour.answered
            for reading in self._of_hour(ip, provider, begin, hour, now)
        ]
        self._told = {key: told for key, told in self._told.items() if key[1] >= now - _REMEMBERED}
        return found + self._silent(now)

    def _of_hour(
        self, ip: IpAddress, provider: str, begin: datetime, hour: _Hour, now: datetime
    ) -> Iterable[Reading]:
        for count, (events, trials) in hour.figures().items():
            series = (ip, f"{provider}:{count}")
            if not self._is_due(series, begin, events, trials, now):
                continue
            self._told[series, begin] = _Told(events, trials, now)
            self._last[series] = max(begin + _HOUR, self._last.get(series, begin))
            yield self._reading(series, begin, (events, trials), hour.last_reply, now)

    def _is_due(self, series: _Series, begin: datetime, events: int, trials: int, now: datetime) -> bool:
        told = self._told.get((series, begin))
        if told is not None and (told.events, told.trials) == (events, trials):
            return False
        if now >= begin + _HOUR:
            return True
        # an hour that is not over proves nothing good yet
        return events > 0 and (told is None or now - told.at >= self._settings.interval)

    def _reading(
        self, series: _Series, begin: datetime, figures: tuple[int, int], last_reply: str, now: datetime
    ) -> Reading:
        ip, metric = series
        events, trials = figures
        about_ip = metric.endswith((Count.DEFERRALS, Count.BLOCKS))
        quote = {"last_reply": printable(last_reply)} if events and about_ip and last_reply else {}
        return Reading(
            ip=ip,
            source=Source.REPLIES,
            metric=metric,
            period_start=begin,
            period_end=begin + _HOUR,
            observed_at=now,
            status=self._status(Count(metric.rpartition(":")[2]), events, trials),
            value=events / trials if events and trials else 0.0,
            # hours without any are one run in the history, however many recipients they had
            detail=f"{events} of {trials} recipients" if events else "none",
            evidence={"events": events, "trials": trials, **quote},
        )

    def _status(self, count: Count, events: int, trials: int) -> Status:
        mine = self._settings
        warn, bad = {
            Count.DEFERRALS: (mine.deferrals_warn, mine.deferrals_bad),
            Count.BLOCKS: (mine.blocks_warn, mine.blocks_bad),
            Count.BOUNCES: (mine.bounces_warn, mine.bounces_bad),
            Count.COMPLAINTS: (mine.complaints_warn, mine.complaints_bad),
        }[count]
        share = wilson_lower(events, max(trials, events))
        return Status.BAD if share > bad else Status.WARN if share > warn else Status.GOOD

    def _silent(self, now: datetime) -> list[Reading]:
        """Who sent nothing for long: the last hour's verdict must not stand for ever."""
        quiet = [s for s, last in self._last.items() if now - last >= self._settings.silent_after]
        for series in quiet:
            del self._last[series]
        return [
            Reading(
                ip=ip,
                source=Source.REPLIES,
                metric=metric,
                period_start=now,
                period_end=now,
                observed_at=now,
                status=Status.UNKNOWN,
                quality=Quality.NO_DATA,
                detail="no mail",
            )
            for ip, metric in quiet
        ]
