"""Which days' reports to ask for: the last ones, which are still growing, and those that were missed."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from monitor.collectors.snds_settings import SndsSettings

_DAY = timedelta(days=1)


def wanted(read_through: date | None, now: datetime, settings: SndsSettings) -> list[date]:
    """Newest first: today, the days before that rows still arrive for, and what an outage left unread.

    Nothing older than `backfill-days`, however long the outage was.
    """
    today = now.astimezone(UTC).date()
    first = today - settings.lookback_days * _DAY
    if read_through is not None:
        first = min(first, read_through + _DAY)
    first = max(first, today - max(settings.backfill_days, settings.lookback_days) * _DAY)
    return [today - back * _DAY for back in range((today - first).days + 1)]


def read_until(
    before: date | None, asked: Collection[date], unread: Collection[date], settings: SndsSettings
) -> date | None:
    """The last day up to which nothing is missing, after a round; it never goes back.

    Days that rows still arrive for are never done with.
    """
    if not asked:
        return before
    done = max(asked) - (settings.lookback_days + 1) * _DAY
    if unread:
        done = min(done, min(unread) - _DAY)
    return done if before is None else max(before, done)
