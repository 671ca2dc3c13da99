"""Leases: a directive that the controller or an operator puts on a scope at run time, until it expires.

This is the JSON that crosses between the controller and any engine.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.address import IpAddress
from core.moment import Moment
from core.provider import EVERY
from core.rate import Rate

RAMP_FACTOR: Final = 1.5
RAMP_STEP: Final = timedelta(hours=2)
"""How every engine lets the rate of an expired controller lease rise, until it reaches its base and goes."""

MOST_EPOCH: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259 section 6)."""


class Directive(StrEnum):
    """One setting in PowerMTA's own words. A lease may carry only those that take a rate."""

    SOURCE_IP_MAX_MSG_RATE = "source-ip-max-msg-rate"
    SOURCE_IP_MAX_CONNECT_RATE = "source-ip-max-connect-rate"


class Origin(StrEnum):
    """Who put a bound there, for the limit chain."""

    CONFIGURATION = "configuration"
    OPERATOR = "operator"
    CONTROLLER = "controller"
    BACKOFF = "backoff"
    PROVIDER = "provider"


class Scope(BaseModel):
    """One source IP at one provider, or at every provider (`*`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_ip: IpAddress
    provider: str = Field(EVERY, min_length=1, max_length=200)

    def __hash__(self) -> int:
        # the address' own hash goes by its text in hexadecimal: too slow for the key of every table
        return hash((int(self.source_ip), self.provider))

    def __str__(self) -> str:
        return f"{self.source_ip} × {'all providers' if self.provider == EVERY else self.provider}"


class Lease(BaseModel):
    """A directive on a scope until `expires_at`.

    `base` is the rate that held before the controller touched the scope; an expired controller lease ramps
    towards it (×1.5 per 2 h) on the engine's own clock and then goes. `epoch` fences: the engine refuses a
    controller lease with an epoch below the highest it has seen. An automatic lease must expire.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=r"^[A-Za-z0-9._:*-]{1,200}$")
    scope: Scope
    directive: Directive
    value: Rate
    origin: Origin
    rule: str = Field("", max_length=200)
    reason: str = Field(min_length=1, max_length=4_000)
    evidence: tuple[Annotated[str, Field(max_length=1_000)], ...] = ()
    set_by: str = Field(max_length=200)
    set_at: Moment
    expires_at: Moment | None = None
    base: Rate | None = None
    epoch: int = Field(default=0, ge=0, le=MOST_EPOCH)

    @model_validator(mode="after")
    def _automatic_leases_expire(self) -> Self:
        if self.origin is Origin.CONTROLLER and self.expires_at is None:
            raise ValueError("a controller lease must have expires_at")
        if self.origin not in {Origin.CONTROLLER, Origin.OPERATOR}:
            raise ValueError("a lease comes from operator or controller")
        return self


def automatic_key(scope: Scope, directive: Directive) -> str:
    """The key under which the controller holds its lease on a scope; stable, so that a PUT is idempotent."""
    return f"auto:{scope.source_ip}:{scope.provider}:{directive}"
