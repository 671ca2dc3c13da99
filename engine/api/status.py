"""Status, statistics and health over HTTP."""

from collections import Counter
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress
from core.moment import Moment
from core.statistics import ScopeMinute
from engine import operations
from engine.api.access import OPEN, Reader, TheEngine

router = APIRouter(tags=["status"])


class Status(BaseModel):
    """The engine in one look."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("status/v1", alias="schema")
    hostname: str
    started_at: datetime
    now: datetime
    traffic: dict[str, int]
    queues: dict[str, int]
    connections: dict[str, int]
    spool: dict[str, int]
    leases: int
    epoch: int


class Minutes(BaseModel):
    """Statistics per source IP × provider × minute."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("statistics/v1", alias="schema")
    now: datetime
    minutes: list[ScopeMinute]


@router.get("/v1/status")
async def status(engine: TheEngine, _who: Reader) -> Status:
    """Totals, queues, connections."""
    modes: Counter[str] = Counter(str(queue.mode) for queue in engine.queues)
    size = engine.spool.size()
    return Status(
        hostname=engine.settings.hostname,
        started_at=engine.started_at,
        now=engine.clock.now(),
        traffic=engine.statistics.totals(),
        queues={
            "normal": modes["normal"],
            "backoff": modes["backoff"],
            "paused": sum(queue.paused for queue in engine.queues),
            "recipients": sum(queue.recipients for queue in engine.queues),
        },
        connections={"in": engine.sessions(), "out": engine.deliverer.connections},
        spool={"messages": size.messages, "disk_bytes": size.disk_bytes, "segments": size.segments},
        leases=len(operations.leases(engine)),
        epoch=engine.leases.epoch,
    )


@router.get("/v1/statistics")
async def statistics(
    engine: TheEngine, _who: Reader, since: Moment, source_ip: IpAddress | None = None
) -> Minutes:
    """What peers said since then, to every source IP or to one."""
    found = engine.statistics.since(since)
    if source_ip is not None:
        found = [minute for minute in found if minute.source_ip == source_ip]
    return Minutes(now=engine.clock.now(), minutes=found)


@router.get("/-/healthy", openapi_extra=OPEN)
async def healthy() -> dict[str, str]:
    """The process lives."""
    return {"status": "healthy"}
