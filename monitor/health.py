"""How the sources themselves are doing: a state machine per source, apart from what they say about IPs.

A source that fails changes nothing about an IP; it is told about as a problem of monitoring.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from storage import health as stored_health

PATIENCE: Final = 3
"""Failures in a row until a source counts as blind: three times its cadence (reference: control.md 1.2)."""


REMEMBERED: Final = 50
"""How many of the last attempts the error share is taken over: two days of an hourly source."""


class SourceState(StrEnum):
    """Where a source stands."""

    NEW = "not asked yet"
    HEALTHY = "healthy"
    FAILING = "failing"
    BLIND = "blind"
    QUARANTINED = "quarantined"

    @property
    def can_be_trusted(self) -> bool:
        return self in {SourceState.HEALTHY, SourceState.FAILING}


class OutcomeKind(StrEnum):
    """How asking a source went."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNTRUSTED = "answered, but cannot be believed"


class Trigger(StrEnum):
    """What moves the machine."""

    ANSWERED = "answered"
    FAILED = "failed"
    FAILED_TOO_OFTEN = "failed too often"
    UNTRUSTED = "untrusted"


class HealthEvent(StrEnum):
    """What a person may want to hear about."""

    WENT_BLIND = "we are blind on this source"
    QUARANTINED = "this source is not believed any more"
    RECOVERED = "this source works again"


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """One source after one attempt. `reason` says what went wrong, secrets cut out."""

    name: str
    kind: OutcomeKind
    reason: str = ""


class SourceHealth(BaseModel):
    """One source's health. `since` is when the present state began.

    `recent` has a letter for each of the last attempts, oldest first: + answered, - failed, x not believed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    state: SourceState = SourceState.NEW
    since: datetime | None = None
    last_success_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_error: str = ""
    consecutive_failures: int = 0
    reason: str = ""
    recent: str = ""

    @property
    def error_share(self) -> float | None:
        """Which part of the last attempts gave nothing that can be used; None before the first."""
        return error_share(self.recent)


def error_share(recent: str) -> float | None:
    """The share of attempts in `SourceHealth.recent` that were of no use."""
    return (len(recent) - recent.count(_LETTERS[OutcomeKind.ANSWERED])) / len(recent) if recent else None


_LETTERS = {OutcomeKind.ANSWERED: "+", OutcomeKind.FAILED: "-", OutcomeKind.UNTRUSTED: "x"}
_S, _T = SourceState, Trigger
TRANSITIONS: Final[dict[SourceState, dict[Trigger, SourceState]]] = {
    _S.NEW: {
        _T.ANSWERED: _S.HEALTHY,
        _T.FAILED: _S.FAILING,
        _T.FAILED_TOO_OFTEN: _S.BLIND,
        _T.UNTRUSTED: _S.QUARANTINED,
    },
    _S.HEALTHY: {
        _T.ANSWERED: _S.HEALTHY,
        _T.FAILED: _S.FAILING,
        _T.FAILED_TOO_OFTEN: _S.BLIND,
        _T.UNTRUSTED: _S.QUARANTINED,
    },
    _S.FAILING: {
        _T.ANSWERED: _S.HEALTHY,
        _T.FAILED: _S.FAILING,
        _T.FAILED_TOO_OFTEN: _S.BLIND,
        _T.UNTRUSTED: _S.QUARANTINED,
    },
    _S.BLIND: {
        _T.ANSWERED: _S.HEALTHY,
        _T.FAILED: _S.BLIND,
        _T.FAILED_TOO_OFTEN: _S.BLIND,
        _T.UNTRUSTED: _S.QUARANTINED,
    },
    # only an answer that passed its self-test lifts a quarantine; silence proves nothing
    _S.QUARANTINED: {
        _T.ANSWERED: _S.HEALTHY,
        _T.FAILED: _S.QUARANTINED,
        _T.FAILED_TOO_OFTEN: _S.QUARANTINED,
        _T.UNTRUSTED: _S.QUARANTINED,
    },
}


def after(
    health: SourceHealth, outcome: SourceOutcome, now: datetime, patience: int = PATIENCE
) -> tuple[SourceHealth, HealthEvent | None]:
    """The health after one more attempt, and what to tell about it."""
    answered = outcome.kind is OutcomeKind.ANSWERED
    failures = 0 if answered else health.consecutive_failures + 1
    state = TRANSITIONS[health.state][_trigger(outcome.kind, failures, patience)]
    moved = state is not health.state
    later = SourceHealth(
        name=health.name,
        state=state,
        since=now if moved else health.since,
        last_success_at=now if answered else health.last_success_at,
        last_attempt_at=now,
        last_error=health.last_error if answered else outcome.reason,
        consecutive_failures=failures,
        reason=outcome.reason,
        recent=(health.recent + _LETTERS[outcome.kind])[-REMEMBERED:],
    )
    return later, _event(health.state, state) if moved else None


def _trigger(kind: OutcomeKind, failures: int, patience: int) -> Trigger:
    if kind is OutcomeKind.FAILED:
        return Trigger.FAILED_TOO_OFTEN if failures >= patience else Trigger.FAILED
    return Trigger.ANSWERED if kind is OutcomeKind.ANSWERED else Trigger.UNTRUSTED


def _event(before: SourceState, state: SourceState) -> HealthEvent | None:
    if state is SourceState.BLIND:
        return HealthEvent.WENT_BLIND
    if state is SourceState.QUARANTINED:
        return HealthEvent.QUARANTINED
    was_out = before in {SourceState.BLIND, SourceState.QUARANTINED}
    return HealthEvent.RECOVERED if state is SourceState.HEALTHY and was_out else None


def to_row(health: SourceHealth) -> stored_health.SourceHealth:
    """As storage keeps it."""
    return stored_health.SourceHealth(
        name=health.name,
        state=health.state.value,
        since=health.since,
        last_success_at=health.last_success_at,
        last_attempt_at=health.last_attempt_at,
        last_error=health.last_error,
        consecutive_failures=health.consecutive_failures,
        detail=health.reason,
        recent=health.recent,
    )


def from_row(row: stored_health.SourceHealth) -> SourceHealth:
    """Back from storage. Rows of before `since` was kept have none: the last success is the honest bound."""
    return SourceHealth(
        name=row.name,
        state=SourceState(row.state),
        since=row.since or row.last_success_at or row.last_attempt_at,
        last_success_at=row.last_success_at,
        last_attempt_at=row.last_attempt_at,
        last_error=row.last_error,
        consecutive_failures=row.consecutive_failures,
        reason=row.detail,
        recent=row.recent,
    )
