"""What the engine reports of one scope, and what the controller remembers of it between two looks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.lease import Scope
from core.rate import UNLIMITED, Rate


@dataclass(frozen=True, slots=True)
class ScopeReport:
    """What the engine says about a scope. `queued`: recipients that wait for it."""

    scope: Scope
    operator_limit: Rate = UNLIMITED
    operator_connect_limit: Rate = UNLIMITED
    queued: int = 0


class CapCut(BaseModel):
    """A slow signal lowered the level; kept for an hour for the blast-radius guard."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    before: float
    after: float


class ScopeState(BaseModel):
    """One scope's throttle, kept as a document. `level`: the share of the base that may flow; 1: all of it.

    `level` is one number for caps and cuts alike, so that nothing jumps when a cap ends: it stays where it
    was held and climbs from there. `last_cut_at` is when the last tightening took effect: evidence whose
    activity ended before does not tighten again. `cut_from` and `cut_at` describe the last cut by factors,
    so that a worse signal within the dwell deepens it and does not compound. `bottom` is the level whose rate
    the recovery has granted so far; `relapses` counts the cuts that each came after a step up. `announced`
    rates are those that were last told; `advised` is the last advice about a protected scope.
    """

    model_config = ConfigDict(frozen=True)

    level: float = Field(1.0, gt=0, le=1)
    threshold: float = 1.0
    base: float | None = None
    base_text: str = ""
    since: datetime | None = None
    last_cut_at: datetime | None = None
    cut_from: float = 1.0
    cut_at: datetime | None = None
    cut_dwell_until: datetime | None = None
    coupled_at: datetime | None = None
    cap_level: float = 1.0
    cap_cuts: tuple[CapCut, ...] = ()
    last_alarm_at: datetime | None = None
    last_move_at: datetime | None = None
    raised: bool = False
    relapses: int = 0
    bottom: float = 1.0
    rule: str = ""
    cause: str = ""
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    announced: Rate | None = None
    announced_connect: Rate | None = None
    advised: Rate | None = None

    @property
    def is_throttled(self) -> bool:
        return self.level < 1

    @property
    def told(self) -> dict[str, Rate | None]:
        """The rates that people were told last; they outlive the throttle."""
        return {name: getattr(self, name) for name in ("announced", "announced_connect", "advised")}

    def not_after(self, now: datetime) -> "ScopeState":
        """The state without moments that lie ahead: what a clock that was wrong wrote must not bind."""
        moments = {name: getattr(self, name) for name in _MOMENTS}
        ahead = {name: now for name, at in moments.items() if at is not None and at > now}
        return self.model_copy(update={**ahead, "cut_dwell_until": None, "cap_cuts": ()}) if ahead else self

    def document(self) -> dict[str, Any]:
        """As JSON values, without what still has its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


_MOMENTS = ("since", "last_cut_at", "cut_at", "coupled_at", "last_alarm_at", "last_move_at")

REST = ScopeState()
"""A scope that nothing ever happened to."""
