"""One look at the whole fleet: evidence, guard, policy, coupling, for every scope. Decides only.

The reconciler feeds it from the database and the engine, a simulator from a made-up world.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller import base as bases
from controller import coupling, evidence, guards, hand, policy
from controller.base import Base
from controller.hand import Hand
from controller.policy import Decision, Move
from controller.settings import ControllerSettings
from controller.state import REST, ScopeReport, ScopeState
from core.address import IpAddress
from core.incident import Incident
from core.lease import Scope
from core.provider import EVERY, MICROSOFT, OTHER
from core.rate import Rate
from core.statistics import ScopeMinute
from storage.orders import Order
from storage.scopes import ScopeHour

_DAY = timedelta(days=1)
COUNTS = (
    "attempted", "delivered", "deferred", "bounced",
    "reputation_deferred", "blocked", "hard_bounced", "complaints",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """What one look needs: `hours` of 14 days, `minutes` from a whole hour on, an hour ago or more."""

    scopes: Sequence[ScopeReport]
    incidents: Sequence[Incident] = ()
    minutes: Sequence[ScopeMinute] = ()
    hours: Sequence[ScopeHour] = ()
    orders: Sequence[Order] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look came to. `withheld`: the IPs whose new caps the guard holds back."""

    decisions: dict[Scope, Decision] = field(default_factory=dict)
    hands: dict[Scope, Hand] = field(default_factory=dict)
    reports: dict[Scope, ScopeReport] = field(default_factory=dict)
    bases: dict[Scope, Base] = field(default_factory=dict)
    withheld: frozenset[IpAddress] = frozenset()


def judge(
    world: World, states: Mapping[Scope, ScopeState], now: datetime, settings: ControllerSettings
) -> Verdict:
    """Decide about every scope that the engine reports."""
    look = _Look(world, states, now, settings)
    standings = look.standings()
    withheld = guards.admit(standings, settings.guard)
    decisions = {
        standing.scope: look.decide(
            guards.withhold(standing) if standing.scope.source_ip in withheld else standing
        )
        for standing in standings
    }
    decisions |= look.coupled(decisions)
    return Verdict(decisions, look.hands, look.reports, look.bases, withheld)


class _Look:
    """The parts of one look at the fleet."""

    def __init__(
        self,
        world: World,
        states: Mapping[Scope, ScopeState],
        now: datetime,
        settings: ControllerSettings,
    ) -> None:
        self.world, self.now, self.settings = world, now, settings
        self.records = _Records(world, now)
        self.reports = {report.scope: report for report in _completed(world, states)}
        self.states = {scope: states.get(scope, REST) for scope in self.reports}
        self.hands = {scope: hand.on(scope, world.orders) for scope in self.reports}
        self.blind = evidence.blind_sources(world.incidents)
        self.bases = {
            scope: bases.of(report, self.states[scope], self.records.hours[scope], now, settings)
            for scope, report in self.reports.items()
        }

    def standings(self) -> list[guards.Standing]:
        return [
            guards.Standing(scope, self.states[scope], self.bases[scope].per_hour, self._signals(scope))
            for scope in self.reports
        ]

    def _signals(self, scope: Scope) -> tuple[evidence.Signal, ...]:
        counts = evidence.Counts(self.records.minutes[scope], self.records.hours[scope])
        since, overridden = self.states[scope].last_cut_at, self.hands[scope].overridden
        return evidence.gather(
            scope, self.world.incidents, counts, overridden, since, self.now, self.settings
        )

    def decide(self, standing: guards.Standing) -> Decision:
        scope, moved = standing.scope, standing.state.last_move_at
        known = evidence.Evidence(
            signals=standing.signals,
            blind=self.blind,
            delivered=self.records.delivered_since(scope, moved) if moved else 0,
            queued=self.reports[scope].queued,
            best_hour=self.records.best_hour(scope),
        )
        return policy.decide(
            standing.state,
            known,
            self.now,
            self.reports[scope].operator_limit,
            self.bases[scope],
            self.settings,
            self.hands[scope],
        )

    def coupled(self, decisions: Mapping[Scope, Decision]) -> dict[Scope, Decision]:
        """The decisions that change because other providers agree."""
        free = {
            scope: decision.state
            for scope, decision in decisions.items()
            if not self.hands[scope].stays and not self.hands[scope].ignores(coupling.RULE)
        }
        followed = coupling.couple(free, self.bases, self.now, self.settings)
        return {scope: self._follow(decisions[scope], scope, state) for scope, state in followed.items()}

    def _follow(self, before: Decision, scope: Scope, state: ScopeState) -> Decision:
        if state.level >= before.state.level:
            return replace(before, state=state)
        base, recovery = self.bases[scope], self.settings.recovery
        want = Rate.from_per_hour(base.per_hour * state.level)
        return Decision(
            state=state,
            want=self.reports[scope].operator_limit.strictest(want),
            move=Move.CUT,
            rule=coupling.RULE,
            reason=f"{state.cause}: held at {base.share(state.level)}",
            evidence=state.evidence,
            next_step_at=self.now + max(recovery.cool_down, recovery.step),
        )


def _completed(world: World, states: Mapping[Scope, ScopeState]) -> list[ScopeReport]:
    """The reports in a fixed order, and what the engine does not report though it must be decided.

    An engine that restarted has met few providers yet: what is throttled stays so. Unnamed providers, the
    whole IP, and microsoft where SNDS speaks of the IP are decided before the first mail goes there.
    """
    known = {report.scope: report for report in world.scopes}
    ips = {scope.source_ip for scope in known}
    wanted = {Scope(source_ip=ip, provider=provider) for ip in ips for provider in (OTHER, EVERY)}
    wanted |= {scope for scope, state in states.items() if state.is_throttled and scope.source_ip in ips}
    wanted |= {
        Scope(source_ip=incident.ip, provider=MICROSOFT)
        for incident in world.incidents
        if incident.ip in ips and incident.source in evidence.SNDS_SOURCES
    }
    for scope in wanted:
        known.setdefault(scope, ScopeReport(scope))
    return sorted(known.values(), key=lambda report: (str(report.scope.source_ip), report.scope.provider))


class _Records:
    """Counts of all scopes, indexed; `*` is the sum over an IP's providers."""

    def __init__(self, world: World, now: datetime) -> None:
        self.now = now
        self.minutes: dict[Scope, list[ScopeMinute]] = defaultdict(list)
        for minute in {(m.source_ip, m.provider, m.minute): m for m in world.minutes}.values():
            self.minutes[Scope(source_ip=minute.source_ip, provider=minute.provider)].append(minute)
        self.window = min((m.minute for m in world.minutes), default=now).replace(minute=0, second=0)
        self.hours: dict[Scope, list[ScopeHour]] = defaultdict(list)
        for hour in {(h.scope, h.hour): h for h in world.hours}.values():
            self.hours[hour.scope].append(hour)
        for whole in _whole_ips(self.hours):
            self.hours[whole.scope].append(whole)

    def delivered_since(self, scope: Scope, moment: datetime) -> int:
        if scope.provider == EVERY:
            others = {s for s in (*self.minutes, *self.hours) if s.source_ip == scope.source_ip} - {scope}
            return sum(self.delivered_since(other, moment) for other in others)
        recent = sum(m.delivered for m in self.minutes[scope] if m.minute >= moment)
        return recent + sum(h.delivered for h in self.hours[scope] if moment <= h.hour < self.window)

    def best_hour(self, scope: Scope) -> int:
        """The most recipients accepted in one hour of the last day."""
        begin = self.now - _DAY
        return max((h.delivered for h in self.hours[scope] if begin <= h.hour <= self.now), default=0)


def _whole_ips(hours: Mapping[Scope, Sequence[ScopeHour]]) -> list[ScopeHour]:
    sums: dict[tuple[IpAddress, datetime], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    for scope, counted in hours.items():
        for hour in counted:
            for name in COUNTS:
                sums[scope.source_ip, hour.hour][name] += getattr(hour, name)
    return [ScopeHour(scope=Scope(source_ip=ip), hour=hour, **counts) for (ip, hour), counts in sums.items()]
