"""`POST /v1/alerts`: other monitors say what they found. Also where Prometheus posts: `/api/v2/alerts`."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from core.incident import Incident
from monitor.alerts.inbox import Taken
from tidegate.web.access import Reader, Sender
from tidegate.web.problems import ProblemError

router = APIRouter(tags=["alerts"])

_PATIENCE_SECONDS: Final = 10.0
"""Real seconds that a body may take to come in."""

_FORMS: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "HetrixTools' blacklist webhook, Alertmanager's webhook (version 4), a list as for "
        "Alertmanager's /api/v2/alerts, or the plain form; one alert, a list of them, or {alerts: […]}.",
        "content": {
            "application/json": {
                "schema": {},
                "example": {
                    "ip": "203.0.113.7",
                    "name": "bounces",
                    "severity": "warning",
                    "expires_in": "6h",
                },
            }
        },
    }
}


_SLOW: Final[dict[int | str, dict[str, Any]]] = {
    408: {"description": "The body did not come in time."},
    503: {"description": "It cannot be written down now; send it again."},
}


class AlertDesk(Protocol):
    """Where alerts are taken and kept."""

    async def take(self, sender: str, raw: bytes) -> Taken:
        """Take a body. Raises UnusableAlert, and OperatorError when it cannot be written down now."""
        ...

    async def standing(self) -> list[Incident]:
        """The incidents that alerts have opened."""
        ...


class TakenAlert(BaseModel):
    """An alert that was taken, and until when it holds unless it is sent again."""

    ip: str
    key: str
    state: str
    severity: str
    provider: str
    until: datetime


class RefusedAlert(BaseModel):
    """An alert that was not taken; `pointer` is its place in the body (RFC 6901)."""

    pointer: str
    detail: str


class Receipt(BaseModel):
    """What became of a body of which something was taken."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("alerts-taken/v1", alias="schema")
    taken: list[TakenAlert]
    refused: list[RefusedAlert]


class StandingAlerts(BaseModel):
    """Open incidents that other monitors' alerts opened."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: str = Field("alerts/v1", alias="schema")
    incidents: list[Incident]


def desk_of(request: Request) -> AlertDesk:
    desk: AlertDesk = request.app.state.desk
    return desk


Desk = Annotated[AlertDesk, Depends(desk_of)]


@router.post("/v1/alerts", openapi_extra=_FORMS, responses=_SLOW)
@router.post("/api/v2/alerts", openapi_extra=_FORMS, responses=_SLOW)
async def post_alerts(request: Request, who: Sender, desk: Desk) -> Receipt:
    """Take alerts. The same again changes nothing but how long it holds; resolved ones end their incident."""
    taken = await desk.take(who.name, await _body(request))
    if taken.refusals and not taken.alerts:
        first = taken.refusals[0].detail
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"no alert could be taken: {first}", taken.refusals
        )
    return Receipt(
        taken=[
            TakenAlert(
                ip=str(alert.ip),
                key=alert.key,
                state=alert.state,
                severity=alert.severity,
                provider=alert.provider,
                until=alert.until,
            )
            for alert in taken.alerts
        ],
        refused=[RefusedAlert(pointer=one.pointer, detail=one.detail) for one in taken.refusals],
    )


@router.get("/v1/alerts", responses={503: _SLOW[503]})
async def standing_alerts(_who: Reader, desk: Desk) -> StandingAlerts:
    """The alerts that stand."""
    return StandingAlerts(incidents=await desk.standing())


async def _body(request: Request) -> bytes:
    most: int = request.app.state.max_body
    found = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > most:
                    raise ProblemError(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most} bytes"
                    )
    except TimeoutError:
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time") from None
    return bytes(found)
