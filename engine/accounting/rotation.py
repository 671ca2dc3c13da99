"""When an accounting file is set aside, what it is then called, and when it goes. Deciders."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from engine.accounting.settings import AccountingFileSettings

_STAMP = "%Y%m%dT%H%M%SZ"


class Reason(StrEnum):
    """Why a file is set aside."""

    SIZE = "it has reached max-size"
    AGE = "move-interval has passed"


def reason_to_move(
    settings: AccountingFileSettings, size: int, begun: datetime, now: datetime
) -> Reason | None:
    """Whether a file of `size` bytes, begun then, is set aside now. Intervals begin at 00:00 UTC."""
    if size <= 0:
        return None
    if size >= settings.max_size:
        return Reason.SIZE
    seconds = max(1.0, settings.move_interval.total_seconds())
    if begun.timestamp() // seconds != now.timestamp() // seconds:
        return Reason.AGE
    return None


def name_aside(path: Path, now: datetime, taken: Iterable[str]) -> Path:
    """`accounting.csv` set aside is `accounting-20261123T080000Z.csv`; `-2` and so on if that is taken."""
    there = set(taken)
    base = f"{path.stem}-{now.astimezone(UTC).strftime(_STAMP)}"
    name, count = f"{base}{path.suffix}", 1
    while name in there:
        count += 1
        name = f"{base}-{count}{path.suffix}"
    return path.with_name(name)


def outdated(path: Path, names: Iterable[str], now: datetime, keep: timedelta | None) -> list[Path]:
    """The files set aside longer ago than `keep`, by the time in their names."""
    if keep is None:
        return []
    pattern = re.compile(rf"{re.escape(path.stem)}-(\d{{8}}T\d{{6}}Z)(-\d+)?{re.escape(path.suffix)}\Z")
    found = ((name, pattern.match(name)) for name in names)
    return [path.with_name(name) for name, match in found if match and now - _stamp(match[1]) > keep]


def _stamp(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
