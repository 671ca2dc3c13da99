"""Leases, limit chains and scopes over HTTP."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from core.address import IpAddress
from core.errors import NotFoundError, OperatorError
from core.lease import Lease, Origin, Scope
from core.limit import LimitChain
from core.provider import EVERY
from core.rate import Rate
from core.text import printable
from engine import operations
from engine.api.access import SOCKET, Caller, Notes, Operator, Reader, TheEngine
from engine.api.problems import PreconditionFailed
from engine.engine import Engine
from engine.operations import LeaseWish
from engine.shaping.leases import Stored

router = APIRouter(tags=["leases"])


class LeaseView(Lease):
    """A lease and how it stands."""

    state: str


class LeaseList(BaseModel):
    """All leases, and the highest controller epoch seen."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("leases/v1", alias="schema")
    epoch: int
    leases: list[LeaseView]


class LeasePlan(BaseModel):
    """What a dry run found: the chain now, and the rate that the lease would add to it."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("lease-plan/v1", alias="schema")
    before: LimitChain
    value: Rate
    binding: bool


class Explanation(BaseModel):
    """The limit chains of a scope."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("explain/v1", alias="schema")
    chains: list[LimitChain]


class ScopeRow(BaseModel):
    """One source IP at one provider."""

    source_ip: IpAddress
    provider: str
    operator_limit: Rate
    operator_connect_limit: Rate
    effective: Rate
    queued: int


class ScopeList(BaseModel):
    """All scopes."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("scopes/v1", alias="schema")
    scopes: list[ScopeRow]


def etag(lease: Lease) -> str:
    """A strong validator over the lease's content."""
    return f'"{hashlib.sha256(lease.model_dump_json().encode()).hexdigest()[:20]}"'


@router.get("/v1/leases")
async def list_leases(engine: TheEngine, _who: Reader) -> LeaseList:
    """Every lease, automatic and by hand."""
    return LeaseList(epoch=engine.leases.epoch, leases=[_view(engine, x) for x in operations.leases(engine)])


@router.get("/v1/leases/{key}")
async def show_lease(engine: TheEngine, _who: Reader, key: str, response: Response) -> LeaseView:
    """One lease."""
    lease = _held(engine, key)
    response.headers["ETag"] = etag(lease)
    return _view(engine, lease)


@router.put("/v1/leases/{key}", response_model=LeaseView | LeasePlan)
async def put_lease(  # noqa: PLR0913 - FastAPI reads one parameter for each header
    engine: TheEngine,
    who: Operator,
    notes: Notes,
    key: str,
    lease: Lease,
    response: Response,
    *,
    if_match: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    dry_run: bool = False,
) -> LeaseView | LeasePlan:
    """Keep a lease under a key of the client's choosing. The same body again changes nothing."""
    if lease.key != key:
        raise OperatorError(f"the body is about lease {lease.key}, the address about {key}")
    _check_match(engine, key, if_match)
    if dry_run:
        return _plan(engine, lease)
    wish = LeaseWish.NEW if if_none_match == "*" else LeaseWish.ANY
    before = _told(engine.leases.get(key))
    stored = await operations.put_lease(engine, _signed(lease, who), wish)
    if stored is not Stored.UNCHANGED:
        await notes.note(f"lease.{stored}", key, before, _told(lease), lease.reason)
    response.status_code = 201 if stored is Stored.CREATED else 200
    kept = _held(engine, key)
    response.headers["ETag"] = etag(kept)
    return _view(engine, kept)


@router.delete("/v1/leases/{key}", status_code=204)
async def delete_lease(
    engine: TheEngine,
    _who: Operator,
    notes: Notes,
    key: str,
    if_match: Annotated[str | None, Header()] = None,
    tidegate_epoch: Annotated[int | None, Header()] = None,
    reason: Annotated[str, Query(max_length=500)] = "",
) -> None:
    """Drop a lease; dropping what is not there is fine."""
    _check_match(engine, key, if_match)
    gone = await operations.delete_lease(engine, key, tidegate_epoch)
    if gone is not None:
        await notes.note("lease.deleted", key, before=_told(gone), reason=reason)


@router.get("/v1/explain")
async def explain(engine: TheEngine, _who: Reader, ip: IpAddress, provider: str = EVERY) -> Explanation:
    """Why a source IP is as fast as it is at a provider."""
    if ip not in {source.address for source in engine.sources()}:
        raise NotFoundError(f"{ip} is no source IP of this engine")
    return Explanation(chains=operations.explain(engine, Scope(source_ip=ip, provider=provider)))


@router.get("/v1/scopes")
async def list_scopes(engine: TheEngine, _who: Reader, source_ip: IpAddress | None = None) -> ScopeList:
    """Every source IP (or one) at every provider it sends to or is limited at."""
    rows = [
        ScopeRow(
            source_ip=view.scope.source_ip,
            provider=view.scope.provider,
            operator_limit=view.operator_limit,
            operator_connect_limit=view.operator_connect_limit,
            effective=view.effective,
            queued=view.queued,
        )
        for view in operations.scopes(engine)
        if source_ip is None or view.scope.source_ip == source_ip
    ]
    return ScopeList(scopes=rows)


def _held(engine: Engine, key: str) -> Lease:
    lease = engine.leases.get(key)
    if lease is None:
        raise NotFoundError(f"there is no lease {key}")
    return lease


def _view(engine: Engine, lease: Lease) -> LeaseView:
    return LeaseView(**lease.model_dump(), state=operations.lease_state(engine, lease))


def _signed(lease: Lease, who: Caller) -> Lease:
    """An operator's lease bears the name of its token, after that of the person whom its holder names.

    The web monitor has one token for all its people. A socket knows no names.
    """
    if lease.origin is not Origin.OPERATOR or who is SOCKET:
        return lease
    by = f" via {who.name}"
    person = printable(lease.set_by.removesuffix(by), 80)
    signature = who.name if person in {"", who.name} else person + by
    return lease.model_copy(update={"set_by": signature})


def _told(lease: Lease | None) -> dict[str, object] | None:
    """A lease in the audit."""
    wanted = {"scope", "directive", "value", "expires_at", "origin", "set_by", "epoch"}
    return lease.model_dump(mode="json", include=wanted) if lease else None


def _check_match(engine: Engine, key: str, if_match: str | None) -> None:
    if if_match is None:
        return
    lease = engine.leases.get(key)
    if lease is None or if_match not in {"*", etag(lease)}:
        raise PreconditionFailed(f"lease {key} has changed since you read it; read it again")


def _plan(engine: Engine, lease: Lease) -> LeasePlan:
    before = engine.shaping.scope_chain(lease.scope, lease.directive, engine.clock.now())
    return LeasePlan(
        before=before, value=lease.value, binding=lease.value.per_hour < before.effective.per_hour
    )
