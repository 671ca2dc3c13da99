"""Notices when a lease begins to ramp: its controller has not spoken before it ran out."""

from collections.abc import Iterable
from datetime import datetime

from core.lease import Lease
from engine.shaping.leases import LeaseState, standing


class Ramps:
    """Remembers which leases ramp, so that each is told once."""

    def __init__(self) -> None:
        self._ramping: set[str] = set()

    def begun(self, leases: Iterable[Lease], now: datetime) -> list[Lease]:
        """The leases that ramp now and did not at the last call."""
        ramping = {x.key: x for x in leases if standing(x, now).state is LeaseState.RAMPING}
        new = [lease for key, lease in ramping.items() if key not in self._ramping]
        self._ramping = set(ramping)
        return new
