"""When the controller had better not act: its clock jumped, or nobody watches any more. Decides only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import NANOSECONDS
from core.duration import format_duration

SLOW_SOURCES = frozenset({"dnsbl*", "snds*", "sender-score*", "alert*"})
"""Patterns of the sources that the monitor asks; replies and counts come from the engine."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One moment: the wall's time, the monotonic one (None: not known), how far the engine's wall is away."""

    wall: datetime
    monotonic_ns: int | None = None
    engine_ahead: timedelta = timedelta(0)


def ahead(engine: datetime, asked_at: datetime, answered_at: datetime) -> timedelta:
    """How far a clock that was read somewhere between two of our moments is surely ahead of ours."""
    if engine > answered_at:
        return engine - answered_at
    return min(timedelta(0), engine - asked_at)


def clock_fault(before: Beat | None, now: Beat, tolerance: timedelta) -> str:
    """Why this moment's time cannot be trusted; empty when it can.

    A wall clock that moved otherwise than the monotonic one was set, or the machine slept. One look is left
    out; the next goes by the new time. Leases end on the engine's clock: it must tell the same time.
    """
    apart = now.engine_ahead
    if abs(apart) > tolerance:
        return f"the engine's clock is {_span(apart)} {'ahead of' if apart > timedelta(0) else 'behind'} ours"
    if before is None or before.monotonic_ns is None or now.monotonic_ns is None:
        return ""
    passed = timedelta(seconds=(now.monotonic_ns - before.monotonic_ns) / NANOSECONDS)
    jump = (now.wall - before.wall) - passed
    if abs(jump) <= tolerance:
        return ""
    return f"the clock jumped {'forward' if jump > timedelta(0) else 'back'} by {_span(jump)}"


def is_stale(watched_at: datetime | None, now: datetime, stale_after: timedelta) -> bool:
    """Whether the monitor has been silent for so long that what it said last must not be acted on.

    `watched_at` is when any source was last asked; None: none ever was, so that nothing can rest on it.
    """
    return watched_at is not None and now - watched_at > stale_after


def _span(gap: timedelta) -> str:
    return format_duration(timedelta(seconds=round(abs(gap).total_seconds())))
