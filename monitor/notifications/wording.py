"""How mails write moments, durations, sources and states. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.incident import Severity
from core.provider import EVERY
from core.reading import Quality, Reading, Source, Status
from core.text import printable
from monitor.detection import wording

_PROVIDERS = {EVERY: "all providers", "microsoft": "Microsoft", "google": "Google", "yahoo": "Yahoo"}
SEVERITY_WORDS = {Severity.INFO: "Notice", Severity.WARNING: "Warning", Severity.CRITICAL: "Critical"}


def moment(at: datetime, zone: ZoneInfo) -> str:
    """`23 Nov 14:05 CET (13:05Z)`; the zone's own clock first, UTC beside it where they differ."""
    local = at.astimezone(zone)
    plain = f"{local:%-d %b %H:%M} {local.tzname()}"
    return plain if not local.utcoffset() else f"{plain} ({at:%H:%M}Z)"


def tick(at: datetime, zone: ZoneInfo) -> str:
    """`23 Nov 14:05`: a moment where its zone is known."""
    return f"{at.astimezone(zone):%-d %b %H:%M}"


def span(duration: timedelta) -> str:
    """`6h 12min`, `3d 4h`, `under a minute`: the two largest units."""
    minutes = int(duration.total_seconds()) // 60
    days, rest = divmod(minutes, 1_440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{n}{unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or "under a minute"


def provider(name: str) -> str:
    """What people call the provider."""
    return _PROVIDERS.get(name, printable(name, 40))


def label(reading: Reading) -> str:
    """The name of a series in a table."""
    name = reading.evidence.get("zone_name") if reading.source is Source.DNSBL else None
    return (
        printable(str(name), 60).split(" (")[0]
        if name
        else wording.metric_name(reading.source, reading.metric)
    )


def value(reading: Reading) -> str:
    """What a reading says, short; an unknown one says why it is not known."""
    if reading.status is Status.UNKNOWN:
        why = "no data" if reading.quality is Quality.NO_DATA else printable(reading.detail, 60)
        return f"unknown ({why})" if why else "unknown"
    if reading.source is Source.DNSBL:
        return "clean" if reading.status is Status.GOOD else printable(reading.detail, 80)
    return wording.said(reading)


def count(number: int, one: str, many: str = "") -> str:
    """`1 list`, `24 lists`, `1,204 recipients`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
