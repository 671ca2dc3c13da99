"""An engine in memory with the same lease semantics as the real one: for tests, simulations and dry runs."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime

from controller.drivers.base import EngineStatus, Kept
from controller.reconcile import LeaseState, ReportedLease
from controller.state import ScopeReport
from core.address import IpAddress
from core.clock import Clock
from core.errors import ConflictError, EngineUnreachable
from core.lease import RAMP_FACTOR, RAMP_STEP, Directive, Lease, Origin, Scope
from core.provider import EVERY
from core.rate import UNLIMITED, Rate
from core.statistics import ScopeMinute


class MemoryEngine:
    """A pretend engine. `is_down` makes it unreachable; `record` feeds its statistics."""

    def __init__(self, clock: Clock, reports: Iterable[ScopeReport] = ()) -> None:
        self.clock = clock
        self.reports = {report.scope: report for report in reports}
        self.is_down = False
        self.epoch = 0
        self.puts = 0
        self._started_at = clock.now()
        self._leases: dict[str, Lease] = {}
        self._followers: list[asyncio.Queue[bool]] = []
        self._minutes: dict[tuple[IpAddress, str, datetime], ScopeMinute] = {}

    def record(self, minute: ScopeMinute) -> None:
        """Count a minute; the same minute of a scope again replaces it."""
        self._minutes[minute.source_ip, minute.provider, minute.minute] = minute
        if minute.reputation_deferred or minute.blocked:
            for follower in self._followers:
                follower.put_nowait(True)

    def break_off(self) -> None:
        """Let nobody follow any more, as an engine that stops does."""
        for follower in self._followers:
            follower.put_nowait(False)

    def effective(self, scope: Scope) -> Rate:
        """The strictest message rate of the operator and of all leases on the scope and on its whole IP."""
        rate = self.reports[scope].operator_limit if scope in self.reports else UNLIMITED
        for lease in self._leases.values():
            on_scope = lease.scope.source_ip == scope.source_ip and lease.scope.provider in {
                EVERY,
                scope.provider,
            }
            if on_scope and lease.directive is Directive.SOURCE_IP_MAX_MSG_RATE:
                rate = rate.strictest(self._ramped(lease) or UNLIMITED)
        return rate

    async def status(self) -> EngineStatus:
        self._answer()
        return EngineStatus(
            hostname="memory", started_at=self._started_at, now=self.clock.now(), epoch=self.epoch
        )

    async def scopes(self) -> list[ScopeReport]:
        self._answer()
        return list(self.reports.values())

    async def leases(self) -> list[ReportedLease]:
        self._answer()
        now = self.clock.now()
        found = []
        for key, lease in sorted(self._leases.items()):
            if self._ramped(lease) is None:
                del self._leases[key]
                continue
            over = lease.expires_at is not None and lease.expires_at <= now
            state = LeaseState.RAMPING if over else LeaseState.ACTIVE
            found.append(ReportedLease(lease, state))
        return found

    async def put(self, lease: Lease) -> Kept:
        self._answer()
        self._fence(lease.epoch if lease.origin is Origin.CONTROLLER else None)
        before = self._leases.get(lease.key)
        self._leases[lease.key] = lease
        self.puts += 1
        if before is None:
            return Kept.CREATED
        return Kept.UNCHANGED if before == lease else Kept.CHANGED

    async def delete(self, key: str, epoch: int) -> None:
        self._answer()
        self._fence(epoch)
        self._leases.pop(key, None)

    async def statistics(self, since: datetime) -> list[ScopeMinute]:
        self._answer()
        return [minute for (_, _, at), minute in self._minutes.items() if at >= since]

    async def trouble(self) -> AsyncGenerator[None]:
        self._answer()
        told: asyncio.Queue[bool] = asyncio.Queue()
        self._followers.append(told)
        try:
            while await told.get():
                yield None
        finally:
            self._followers.remove(told)

    async def close(self) -> None:
        pass

    def _answer(self) -> None:
        if self.is_down:
            raise EngineUnreachable("the engine in memory is switched off")

    def _fence(self, epoch: int | None) -> None:
        if epoch is None:
            return
        if epoch < self.epoch:
            raise ConflictError(f"epoch {epoch} is over: a newer controller has {self.epoch}")
        self.epoch = epoch

    def _ramped(self, lease: Lease) -> Rate | None:
        """What the lease allows now: ×1.5 per 2 h after its end, None once that reaches the base."""
        now = self.clock.now()
        if lease.expires_at is None or now < lease.expires_at:
            return lease.value
        if lease.origin is Origin.OPERATOR or lease.base is None:
            return None
        steps = 1 + (now - lease.expires_at) // RAMP_STEP
        per_hour = lease.value.per_hour * RAMP_FACTOR**steps
        return Rate.from_per_hour(per_hour) if per_hour < lease.base.per_hour else None
