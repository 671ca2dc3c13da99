"""What the policy would have done over recorded history: a pure fold over looks, one an hour."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controller import fleet, reconcile
from controller.fleet import Verdict, World
from controller.settings import ControllerSettings
from controller.state import REST, ScopeState
from core.address import IpAddress
from core.lease import Scope
from core.provider import EVERY
from core.rate import Rate

STEP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Frame:
    """One look: what was known at `now`, and the recipients accepted in the hour that follows, by scope."""

    now: datetime
    world: World
    volume: dict[Scope, int]


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that would have changed."""

    at: datetime
    before: Rate | None
    after: Rate | None
    rule: str
    reason: str

    @property
    def is_cut(self) -> bool:
        """Whether less may flow than before."""
        if self.after is None:
            return False
        return self.before is None or self.after.per_hour < self.before.per_hour


@dataclass(slots=True)
class ScopeReplay:
    """One scope's part. `held`: recipients of the `volume` that would have had to wait for a later hour."""

    scope: Scope
    steps: list[Step] = field(default_factory=list)
    lowest: Rate | None = None
    throttled: timedelta = timedelta(0)
    volume: int = 0
    held: int = 0

    @property
    def cuts(self) -> list[Step]:
        return [step for step in self.steps if step.is_cut]


@dataclass(frozen=True, slots=True)
class Replay:
    """The whole of it; scopes that would never have been throttled are left out, their volume is not.

    `held` counts a recipient once, though both its scope and its whole IP would have held it.
    """

    begin: datetime
    end: datetime
    looks: int
    scopes: tuple[ScopeReplay, ...]
    volume: int
    held: int
    withheld: frozenset[IpAddress]


def replay(frames: Iterable[Frame], begin: datetime, settings: ControllerSettings) -> Replay:
    """Fold the looks in order of time; what came before `begin` only prepares the states."""
    states: dict[Scope, ScopeState] = {}
    rates: dict[Scope, Rate] = {}
    found: dict[Scope, ScopeReplay] = {}
    withheld: frozenset[IpAddress] = frozenset()
    end, looks, volume, held = begin, 0, 0, 0
    for frame in frames:
        verdict = fleet.judge(frame.world, states, frame.now, settings)
        states = {scope: d.state for scope, d in verdict.loud() if d.state != REST}
        counts = frame.now >= begin
        for scope, step in _steps(verdict, rates, frame.now, settings):
            _note(rates, scope, step)
            if counts:
                found.setdefault(scope, ScopeReplay(scope)).steps.append(step)
        if counts:
            end, looks = frame.now + STEP, looks + 1
            volume += sum(count for scope, count in frame.volume.items() if scope.provider != EVERY)
            withheld |= verdict.withheld
            held += _flow(found, rates, frame)
    order = sorted(found.values(), key=lambda one: (str(one.scope.source_ip), one.scope.provider))
    return Replay(begin, end, looks, tuple(order), volume, held, withheld)


def _steps(
    verdict: Verdict, rates: dict[Scope, Rate], now: datetime, settings: ControllerSettings
) -> Iterable[tuple[Scope, Step]]:
    for scope, decision in verdict.loud():
        before = rates.get(scope)
        if reconcile.differs(before, decision.want, settings.leases.hysteresis):
            reason = decision.reason or str(decision.move)
            yield scope, Step(now, before, decision.want, decision.rule, reason)


def _note(rates: dict[Scope, Rate], scope: Scope, step: Step) -> None:
    if step.after is None:
        rates.pop(scope, None)
    else:
        rates[scope] = step.after


def _flow(found: dict[Scope, ScopeReplay], rates: dict[Scope, Rate], frame: Frame) -> int:
    """Book the hour to the throttled scopes: what went then and would have waited. Returns its sum."""
    whole: dict[IpAddress, int] = defaultdict(int)
    parts: dict[IpAddress, int] = defaultdict(int)
    for scope, rate in rates.items():
        one = found.setdefault(scope, ScopeReplay(scope))
        sent = frame.volume.get(scope, 0)
        one.throttled += STEP
        one.volume += sent
        waiting = max(0, sent - round(rate.per_hour))
        one.held += waiting
        (whole if scope.provider == EVERY else parts)[scope.source_ip] += waiting
        one.lowest = rate if one.lowest is None else one.lowest.strictest(rate)
    return sum(max(whole[ip], parts[ip]) for ip in {*whole, *parts})
