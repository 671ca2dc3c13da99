"""The evaluation's dates: any Monday will do, as long as it is always the same."""

from datetime import UTC, datetime, timedelta
from typing import Final

BEGINNING: Final = datetime(2026, 3, 2, tzinfo=UTC)


def moment(hours: float) -> datetime:
    """Wall time so many hours after the beginning of a world."""
    return BEGINNING + timedelta(hours=hours)
