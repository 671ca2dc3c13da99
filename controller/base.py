"""What a scope's level is a share of, and the floor below it. Decides only."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from controller.arithmetic import quantile
from controller.settings import BaseSettings, ControllerSettings, FloorSettings
from controller.state import ScopeReport, ScopeState
from core.provider import MICROSOFT
from core.rate import Rate
from storage.scopes import ScopeHour


@dataclass(frozen=True, slots=True)
class Base:
    """Recipients an hour that a level of 1 stands for, where that comes from, and the lowest level."""

    per_hour: float
    text: str
    floor: float = 0.02

    def share(self, level: float) -> str:
        return f"{level:.1%} of {self.text}".replace(".0%", "%")


def of(
    report: ScopeReport,
    state: ScopeState,
    hours: Iterable[ScopeHour],
    now: datetime,
    settings: ControllerSettings,
) -> Base:
    """The base of a scope, with its floor."""
    base = assume(report.operator_limit, state, hours, now, settings.base)
    return replace(base, floor=floor_level(base, report.scope.provider, settings.floor))


def assume(
    operator_limit: Rate, state: ScopeState, hours: Iterable[ScopeHour], now: datetime, settings: BaseSettings
) -> Base:
    """The operator's limit; for `unlimited`, 1.2 × the 95th percentile of accepted hourly volume.

    Hours without mail are left out: a sender of one batch a day is measured by its batch. While the scope is
    throttled the figure from before the throttle stands.
    """
    if not operator_limit.is_unlimited:
        return Base(operator_limit.per_hour, f"the operator's {operator_limit}")
    if state.is_throttled and state.base is not None:
        return Base(state.base, state.base_text)
    accepted = [h.delivered for h in hours if h.delivered > 0 and now - settings.window <= h.hour <= now]
    if len(accepted) < settings.min_hours:
        assumed = settings.assumed_base
        return Base(
            assumed.per_hour, f"an assumed {assumed} (unlimited, and too little mail so far to measure)"
        )
    per_hour = max(1.0, settings.headroom * quantile(accepted, settings.quantile))
    return Base(per_hour, f"a usual busy hour's {per_hour:.0f}/h (unlimited)")


def floor_level(base: Base, provider: str, settings: FloorSettings) -> float:
    """The level below which no automatic cut goes: the largest of the floors, never above 1."""
    rates = [settings.rate.per_hour, settings.probe.per_hour]
    if provider == MICROSOFT:
        rates.append(settings.microsoft.per_hour)
    return min(1.0, max(settings.share, max(rates) / base.per_hour))
