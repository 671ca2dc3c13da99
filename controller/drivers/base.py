"""What the controller asks of an engine."""

from collections.abc import AsyncGenerator
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from controller.reconcile import ReportedLease
from controller.state import ScopeReport
from core.lease import Lease
from core.statistics import ScopeMinute


class EngineStatus(BaseModel):
    """The engine at a glance. `epoch` is the highest that it has seen: lower ones are refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hostname: str
    started_at: datetime
    now: datetime
    epoch: int = 0


class Kept(StrEnum):
    """What became of a lease that was sent."""

    CREATED = "new"
    CHANGED = "changed"
    UNCHANGED = "the same as before"


class Driver(Protocol):
    """An engine. Every method may raise EngineUnreachable, and OperatorError when the engine refuses."""

    async def status(self) -> EngineStatus:
        """The engine at a glance."""
        ...

    async def scopes(self) -> list[ScopeReport]:
        """Every scope the engine can bound, with the operator's limits."""
        ...

    async def leases(self) -> list[ReportedLease]:
        """The leases that the engine holds, whoever set them."""
        ...

    async def put(self, lease: Lease) -> Kept:
        """Hold this lease; the same again changes nothing. Raises ConflictError when its epoch is over."""
        ...

    async def delete(self, key: str, epoch: int) -> None:
        """Let a lease go, if it is there at all. Raises ConflictError when the epoch is over."""
        ...

    async def statistics(self, since: datetime) -> list[ScopeMinute]:
        """Counts of the minutes from `since` on."""
        ...

    def trouble(self) -> AsyncGenerator[None]:
        """One item each time that replies about a source IP have come; ends when the engine does."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
