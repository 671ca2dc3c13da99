"""Recurring work on APScheduler, the only module that knows it.

A job that raises is logged with its name and leaves the others alone. Times are the clock's: a rehearsal
that runs 600 times as fast polls 600 times as often.
"""

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from core.clock import Clock

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]

_JITTER = 0.1
_SHORTEST = 0.2
_MISFIRE_GRACE = 60
_LOOK_BACK = timedelta(weeks=5)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Jobs:
    """What runs when. Each job at most once at a time; runs missed while busy are one run."""

    def __init__(self, clock: Clock, dice: random.Random | None = None) -> None:
        self._clock = clock
        self._dice = dice or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": _MISFIRE_GRACE},
        )
        self._one_off = 0
        self._running: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        self._scheduler.start()

    async def stop(self, grace: float = 10.0) -> None:
        """Start nothing new, give what runs `grace` real seconds to finish, then cancel it."""
        if not self._scheduler.running:
            return
        self._scheduler.pause()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._scheduler.shutdown(wait=False)

    def every(self, name: str, interval: timedelta, work: Work, *, first: timedelta) -> None:
        """Run `work` after `first`, then every `interval`, spread by up to a tenth of it.

        However fast the clock, not more often than every 0.2 real seconds.
        """
        trigger = _Every(self._clock, interval, first, self._dice)
        self._scheduler.add_job(self._guarded(name, work), trigger, id=name, name=name)

    def once(self, name: str, delay: timedelta, work: Work) -> None:
        """Run `work` one time, `delay` from now."""
        self._one_off += 1
        trigger = _Once(self._clock, delay)
        self._scheduler.add_job(self._guarded(name, work), trigger, id=f"{name}#{self._one_off}", name=name)

    def cron(self, name: str, expression: str, zone: str, work: Work) -> None:
        """Run `work` when five-field cron says, in a time zone. Raises ValueError."""
        trigger = _Cron(self._clock, expression, zone)
        self._scheduler.add_job(self._guarded(name, work), trigger, id=name, name=name)

    def _guarded(self, name: str, work: Work) -> Work:
        async def run() -> None:
            task = asyncio.current_task()
            if task is not None:
                self._running.add(task)
            try:
                await work()
            except asyncio.CancelledError:
                log.warning(
                    "The job %s was not finished in time and was cancelled",
                    name,
                    extra={"event": "job.cancelled", "job": name},
                )
            except Exception:
                log.exception(
                    "The job %s failed; it runs again at its next time",
                    name,
                    extra={"event": "job.failed", "job": name},
                )
            finally:
                self._running.discard(task)

        return run


class _Every(BaseTrigger):  # type: ignore[misc]
    """An interval on the clock, with jitter that never adds up: each run is placed on the grid."""

    def __init__(self, clock: Clock, interval: timedelta, first: timedelta, dice: random.Random) -> None:
        self._interval = timedelta(seconds=max(clock.real_seconds(interval.total_seconds()), _SHORTEST))
        self._first = timedelta(seconds=clock.real_seconds(first.total_seconds()))
        self._dice = dice
        self._grid: datetime | None = None

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        if self._grid is None:
            self._grid = now + self._first
            return self._grid
        behind = max(0.0, (now - self._grid) / self._interval)
        self._grid += self._interval * max(1, int(behind) + (behind > int(behind)))
        return self._grid + self._interval * _JITTER * self._dice.random()


class _Once(BaseTrigger):  # type: ignore[misc]
    """One moment on the clock."""

    def __init__(self, clock: Clock, delay: timedelta) -> None:
        self._delay = timedelta(seconds=clock.real_seconds(delay.total_seconds()))
        self._done = False

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        if self._done:
            return None
        self._done = True
        return now + self._delay


class _Cron(BaseTrigger):  # type: ignore[misc]
    """A cron expression read on the clock, fired in real time."""

    def __init__(self, clock: Clock, expression: str, zone: str) -> None:
        self._clock = clock
        self._cron = crontab(expression, zone)
        self._last: datetime | None = None

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        virtual = self._clock.now()
        after = max(virtual, self._last + timedelta(microseconds=1)) if self._last else virtual
        due: datetime | None = self._cron.get_next_fire_time(None, after)
        if due is None:
            return None
        self._last = due
        return now + timedelta(seconds=self._clock.real_seconds((due - virtual).total_seconds()))


def crontab(expression: str, zone: str) -> CronTrigger:
    """Five-field cron as crontab(5) reads it. Raises ValueError with a sentence.

    APScheduler counts weekdays from Monday = 0, crontab from Sunday = 0: numbers are turned into names.
    """
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(
            f"{expression!r} is not a cron expression; write minute hour day month weekday, like 0 7 * * mon"
        )
    fields[4] = re.sub(r"(?<![/\d])[0-7](?!\d)", lambda m: _WEEKDAYS[int(m[0])], fields[4])
    try:
        return CronTrigger.from_crontab(" ".join(fields), timezone=_zone(zone))
    except ValueError as error:
        raise ValueError(
            f"{expression!r} is not a cron expression ({error}); write it like 0 7 * * mon"
        ) from error


def latest(expression: str, zone: str, now: datetime) -> datetime | None:
    """The last moment before `now` at which cron said so, within five weeks."""
    trigger, found = crontab(expression, zone), None
    due = trigger.get_next_fire_time(None, now - _LOOK_BACK)
    while due is not None and due <= now:
        found = due
        due = trigger.get_next_fire_time(due, due + timedelta(seconds=1))
    return found


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write it like Europe/Amsterdam or UTC") from None
