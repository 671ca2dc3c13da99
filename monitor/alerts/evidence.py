"""Alerts as readings: the same history, detection and incidents as what we ask ourselves."""

from datetime import datetime

from core.incident import Severity
from core.reading import Quality, Reading, Source, Status
from monitor.alerts.alert import Alert, AlertState

_BAD = {Severity.CRITICAL: Status.BAD}


def reading(alert: Alert, now: datetime) -> Reading:
    """An alert as heard at `now`."""
    firing = alert.state is AlertState.FIRING
    return Reading(
        ip=alert.ip,
        source=Source.ALERT,
        metric=f"{alert.sender}:{alert.key}",
        period_start=now,
        period_end=now,
        observed_at=now,
        status=_BAD.get(alert.severity, Status.WARN) if firing else Status.GOOD,
        detail=alert.text,
        evidence={
            **alert.facts,
            "sender": alert.sender,
            "title": alert.title,
            "rule": str(alert.rule),
            "severity": str(alert.severity),
            "tier": alert.tier,
            "provider": alert.provider,
            "until": alert.until.isoformat(),
        },
    )


def is_firing(newest: Reading) -> bool:
    """Whether the other monitor said last that the problem is there."""
    return newest.status in {Status.BAD, Status.WARN}


def until(newest: Reading) -> datetime:
    """When the alert holds no more; one whose end cannot be read holds no more already."""
    try:
        return datetime.fromisoformat(str(newest.evidence.get("until")))
    except ValueError:
        return newest.observed_at


def expired(newest: Reading, now: datetime) -> Reading | None:
    """What is known of a firing alert that was not sent again in time: nothing. None while it holds."""
    if not is_firing(newest) or now < until(newest):
        return None
    return newest.model_copy(
        update={
            "period_start": now,
            "period_end": now,
            "observed_at": now,
            "status": Status.UNKNOWN,
            "quality": Quality.NO_DATA,
            "detail": f"expired: not sent again since {newest.observed_at:%-d %b %Y %H:%M UTC}",
        }
    )
