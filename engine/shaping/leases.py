"""Which leases hold, at what value, and who may change them. A decider: times come in as parameters.

An expired controller lease does not vanish: a dead controller must not snap an IP back to full rate. It
ramps on the engine's own clock, ×1.5 for each 2 h, until it no longer binds (design section 4).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.address import IpAddress
from core.errors import ConflictError
from core.lease import RAMP_FACTOR, RAMP_STEP, Lease, Origin
from core.rate import UNLIMITED, Rate

_RAMP_WITHOUT_BASE = timedelta(hours=24)
_MOST_STEPS = 200
"""By then any rate has reached any base; an engine that was off for half a year must not overflow."""


class LeaseState(StrEnum):
    """Where a lease stands."""

    ACTIVE = "active"
    RAMPING = "ramping"
    ENDED = "ended"


class Stored(StrEnum):
    """What a PUT did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Standing:
    """A lease at one moment: its state, the rate it imposes, and when either changes next."""

    state: LeaseState
    rate: Rate
    next_change: datetime | None


def standing(lease: Lease, now: datetime) -> Standing:
    """How a lease stands at `now`."""
    if lease.expires_at is None or now < lease.expires_at:
        return Standing(LeaseState.ACTIVE, lease.value, lease.expires_at)
    if lease.origin is Origin.OPERATOR:
        return Standing(LeaseState.ENDED, UNLIMITED, None)
    steps = (now - lease.expires_at) // RAMP_STEP + 1
    rate = Rate.from_per_hour(lease.value.per_hour * RAMP_FACTOR ** min(steps, _MOST_STEPS))
    if _ramped_out(lease, rate, steps):
        return Standing(LeaseState.ENDED, UNLIMITED, None)
    return Standing(LeaseState.RAMPING, rate, lease.expires_at + steps * RAMP_STEP)


def _ramped_out(lease: Lease, rate: Rate, steps: int) -> bool:
    if lease.base is None or lease.base.is_unlimited:
        return steps * RAMP_STEP > _RAMP_WITHOUT_BASE
    return rate.per_hour >= lease.base.per_hour


class LeaseBook:
    """The leases of one engine, and the highest controller epoch it has seen."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self.epoch = 0

    def put(self, lease: Lease) -> Stored:
        """Keep a lease. Raises ConflictError for a controller whose epoch is behind."""
        self._fence(lease.origin, lease.epoch)
        before = self._leases.get(lease.key)
        if before and before.origin is Origin.OPERATOR and lease.origin is Origin.CONTROLLER:
            raise ConflictError(f"{lease.key} is held by operator {before.set_by}")
        self._leases[lease.key] = lease
        if before is None:
            return Stored.CREATED
        return Stored.UNCHANGED if before == lease else Stored.CHANGED

    def delete(self, key: str, *, epoch: int | None = None) -> Lease | None:
        """Drop a lease and return it; None if there is none. A controller names its epoch."""
        if epoch is not None:
            self._fence(Origin.CONTROLLER, epoch)
        return self._leases.pop(key, None)

    def get(self, key: str) -> Lease | None:
        return self._leases.get(key)

    def all(self) -> list[Lease]:
        return list(self._leases.values())

    def sweep(self, now: datetime) -> list[Lease]:
        """Drop the leases that have ended and return them."""
        ended = [x for x in self._leases.values() if standing(x, now).state is LeaseState.ENDED]
        for lease in ended:
            del self._leases[lease.key]
        return ended

    def free(self, ips: Collection[IpAddress]) -> None:
        """Drop the leases of IPs that take none any more."""
        self._leases = {key: x for key, x in self._leases.items() if x.scope.source_ip not in ips}

    def next_change(self, now: datetime) -> datetime | None:
        """When the next lease expires or takes its next step."""
        changes = [standing(lease, now).next_change for lease in self._leases.values()]
        return min((c for c in changes if c is not None), default=None)

    def _fence(self, origin: Origin, epoch: int) -> None:
        if origin is not Origin.CONTROLLER:
            return
        if epoch < self.epoch:
            raise ConflictError(f"epoch {epoch} is behind {self.epoch}: another controller has taken over")
        self.epoch = epoch
