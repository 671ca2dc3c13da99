"""Single fields of an alert, read with patience: strangers wrote them. Raises UnusableAlert with a remedy."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from core.address import IpAddress, parse_ip
from core.duration import parse_duration
from core.errors import DurationError
from core.incident import Severity
from core.provider import EVERY
from core.text import printable
from monitor.alerts.alert import Context, UnusableAlert

_SHORT, _LONG, _MOST_LABELS = 120, 300, 64


def text(value: object, limit: int = _LONG) -> str:
    """A text or a number as one printable line; anything else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return printable(value[: 4 * limit] if isinstance(value, str) else str(value), limit)


def labels(value: object) -> dict[str, str]:
    """A mapping of texts, bounded: Alertmanager's labels and annotations."""
    if not isinstance(value, Mapping):
        return {}
    pairs = list(value.items())[:_MOST_LABELS]
    return {text(name, _SHORT): text(said) for name, said in pairs if isinstance(name, str)}


def first(found: Mapping[str, str], names: Iterable[str]) -> str:
    """The first label that is there and says something."""
    return next((found[name] for name in names if found.get(name)), "")


def our_ip(said: str, context: Context) -> IpAddress:
    """The source IP that a text names, with or without a port."""
    if not said:
        raise UnusableAlert("no IP is named")
    address = _address(said)
    ours = context.addresses.get(address)
    if ours is None:
        raise UnusableAlert(f"{address} is none of the configured source IPs; add it under ip-lists")
    return ours


def _address(said: str) -> IpAddress:
    host = said.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return parse_ip(host)
    except ValueError:
        raise UnusableAlert(f"“{printable(said, 60)}” is not an IP address") from None


def provider(said: str, context: Context) -> str:
    """The mailbox provider that a text names, in our words; `*` without a text."""
    name = said.lower()
    ours = context.settings.providers.get(name, name) or EVERY
    if ours != EVERY and ours not in context.providers:
        known = ", ".join(sorted(context.providers))
        raise UnusableAlert(
            f"“{printable(said, 60)}” is no mailbox provider; the engine knows {known}. "
            "Translate it under monitor.alerts.providers, or change monitor.alerts.provider-labels"
        )
    return ours


def severity(said: str, context: Context) -> Severity:
    """The severity that a word stands for."""
    return context.settings.severities.get(said.lower(), context.settings.default_severity)


def moment(value: object) -> datetime | None:
    """An RFC 3339 time; None without one, and for Go's zero time, which means that there is none."""
    if not isinstance(value, str) or not value or len(value) > _SHORT:
        return None
    try:
        at = datetime.fromisoformat(value)
        aware = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnusableAlert(f"“{printable(value, 60)}” is not a time; write it like RFC 3339 does") from None
    return aware if aware.year > 1 else None


def duration(value: object) -> timedelta | None:
    """A duration in our grammar, or none."""
    if value is None:
        return None
    try:
        return parse_duration(text(value, _SHORT))
    except (DurationError, OverflowError) as error:
        raise UnusableAlert(printable(str(error), _LONG)) from None


def until(said: datetime | None, without: timedelta, context: Context) -> datetime:
    """When the alert holds no more: as it says, within bounds, else `without` from now."""
    settings, now = context.settings, context.now
    wanted = now + without if said is None else said
    return min(max(wanted, now + settings.shortest), now + settings.longest)
