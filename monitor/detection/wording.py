"""How findings name things to people: sources, values, moments. One line, printable."""

from datetime import datetime

from core.reading import Reading, Source
from core.text import printable

SOURCE_NAMES = {
    Source.SNDS_DATA: "Microsoft SNDS",
    Source.SNDS_STATUS: "Microsoft SNDS",
    Source.SENDER_SCORE: "Sender Score",
    Source.DNSBL: "DNS list",
    Source.ALERT: "alerts",
    Source.REPLIES: "mail servers' replies",
}
METRIC_NAMES = {
    "filter-result": "SNDS filter result",
    "complaint-rate": "SNDS complaint rate",
    "trap-hits": "SNDS trap hits",
    "ip-status": "SNDS IP status",
}


def source_name(source: Source, metric: str) -> str:
    """What people call the source: `Microsoft SNDS`, `zen.spamhaus.org`, `alerts of hetrix`."""
    if source is Source.ALERT:
        return f"alerts of {metric.partition(':')[0]}"
    if source is Source.REPLIES and metric:
        provider, _, count = metric.rpartition(":")
        return f"{count.replace('-', ' ')} at {provider}"
    return metric if source is Source.DNSBL and metric else SOURCE_NAMES[source]


def metric_name(source: Source, metric: str) -> str:
    """What people call the series: `SNDS filter result`, `Sender Score`, the name of a DNS list."""
    return METRIC_NAMES.get(metric) or source_name(source, metric)


def number(value: float) -> str:
    """`82`, `0.3`: no trailing zeros."""
    return f"{value:g}"


def percent(share: float) -> str:
    """`0.3 %` for 0.003."""
    return f"{share * 100:.3g} %"


def said(reading: Reading) -> str:
    """What a reading says, in its source's own words where it has any."""
    counted = reading.source is Source.SENDER_SCORE or reading.metric == "trap-hits"
    if counted and reading.value is not None:
        return number(reading.value)
    if reading.metric == "complaint-rate" and not reading.detail:
        return percent(reading.value or 0)
    return printable(reading.detail, 120) or reading.status.value


def day(moment: datetime) -> str:
    """`23 Nov 2026`, in UTC."""
    return moment.strftime("%-d %b %Y")


def minute(moment: datetime) -> str:
    """`23 Nov 2026 14:05 UTC`."""
    return moment.strftime("%-d %b %Y %H:%M UTC")
