"""One look at the whole fleet: evidence, guards, policy, coupling, for every scope. Decides only.

The reconciler feeds it from the database and the engine, a simulator from a made-up world. An IP that nothing
is known against costs next to nothing: of a large fleet most are such.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import fmean

from controller import base as bases
from controller import caution, coupling, evidence, guards, policy, suspicion
from controller.base import Base
from controller.census import Census, awake
from controller.hand import Hand, Hands
from controller.policy import Decision, Move
from controller.records import Records
from controller.settings import ControllerSettings
from controller.state import REST, ScopeReport, ScopeState
from core.address import IpAddress
from core.incident import Incident
from core.lease import Scope
from core.provider import EVERY
from core.rate import Rate
from core.statistics import ScopeMinute
from storage.orders import Order, OrderKind
from storage.scopes import ScopeHour

QUIET = Decision(REST, None, Move.NONE)
"""What every scope of an IP comes to that nothing is known against."""


@dataclass(frozen=True, slots=True)
class World:
    """What one look needs: `hours` of 14 days, `minutes` from a whole hour on, an hour ago or more.

    `protected` are the source IPs of transactional mail. `watched_at` is when any source was last asked.
    """

    scopes: Sequence[ScopeReport]
    incidents: Sequence[Incident] = ()
    minutes: Sequence[ScopeMinute] = ()
    hours: Sequence[ScopeHour] = ()
    orders: Sequence[Order] = ()
    protected: frozenset[IpAddress] = frozenset()
    watched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look came to. Scopes that are QUIET are in `decisions` alone.

    `advice` is what slow signals would do to protected scopes. `held_back` are the IPs whose new caps wait
    for a person, by the source that named them (`fleet`: the bounds on its capacity); `why` says why.
    """

    decisions: dict[Scope, Decision] = field(default_factory=dict)
    hands: dict[Scope, Hand] = field(default_factory=dict)
    reports: dict[Scope, ScopeReport] = field(default_factory=dict)
    bases: dict[Scope, Base] = field(default_factory=dict)
    advice: dict[Scope, Decision] = field(default_factory=dict)
    held_back: dict[str, frozenset[IpAddress]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    @property
    def withheld(self) -> frozenset[IpAddress]:
        """Every IP whose new caps the guards hold back."""
        return frozenset(ip for ips in self.held_back.values() for ip in ips)

    def loud(self) -> Iterable[tuple[Scope, Decision]]:
        """The decisions that are not QUIET."""
        return ((scope, decision) for scope, decision in self.decisions.items() if decision is not QUIET)


def judge(
    world: World,
    states: Mapping[Scope, ScopeState],
    now: datetime,
    settings: ControllerSettings,
    ips: frozenset[IpAddress] | None = None,
) -> Verdict:
    """Decide about every scope that the engine reports. `ips`: those to think about, if they are known."""
    census = Census(world.scopes)
    thought_of = awake(census, world, states, now, settings) if ips is None else ips
    look = _Look(world, states, census, thought_of, now, settings)
    guarded = look.guarded(look.standings())
    decisions = dict.fromkeys(census.quiet(look.awake), QUIET)
    decisions |= {standing.scope: look.decide(standing) for standing in guarded}
    decisions |= look.coupled(decisions)
    held_back = {name: frozenset(ips) for name, ips in look.held_back.items()}
    return Verdict(decisions, look.hands, look.reports, look.bases, look.advice, held_back, look.suspects)


class _Look:
    """The parts of one look at the fleet."""

    def __init__(
        self,
        world: World,
        states: Mapping[Scope, ScopeState],
        census: Census,
        ips: frozenset[IpAddress],
        now: datetime,
        settings: ControllerSettings,
    ) -> None:
        self.now, self.settings, self.world = now, settings, world
        self.awake = ips
        self.reports = {report.scope: report for report in census.completed(self.awake, world, states)}
        self.records = Records(world.minutes, world.hours, now, self.awake)
        self.states = {scope: states.get(scope, REST).not_after(now) for scope in self.reports}
        hands = Hands(world.orders)
        self.hands = {scope: hands.on(scope) for scope in self.reports}
        self.incidents: dict[IpAddress | None, list[Incident]] = defaultdict(list)
        for incident in world.incidents:
            self.incidents[incident.ip].append(incident)
        self.is_stale = caution.is_stale(world.watched_at, now, settings.guard.stale_after)
        self.blind = evidence.blind_sources(world.incidents) | (
            caution.SLOW_SOURCES if self.is_stale else frozenset()
        )
        self.bases = {
            scope: bases.of(report, self.states[scope], self.records.of_hours(scope), now, settings)
            for scope, report in self.reports.items()
        }
        self.elsewhere = census.capacity_of_others(self.awake, self._typical())
        self.suspects = suspicion.suspects(world.incidents, world.orders, census.ips, now, settings.guard)
        self.advice: dict[Scope, Decision] = {}
        self.held_back: dict[str, set[IpAddress]] = defaultdict(set)

    def _typical(self) -> float:
        """The base of an unlimited scope, as far as it was measured."""
        measured = [
            self.bases[scope].per_hour
            for scope, report in self.reports.items()
            if report.operator_limit.is_unlimited and scope.provider != EVERY
        ]
        return fmean(measured) if measured else self.settings.base.assumed_base.per_hour

    def standings(self) -> list[guards.Standing]:
        return [
            guards.Standing(scope, self.states[scope], self.bases[scope].per_hour, self._signals(scope))
            for scope in self.reports
        ]

    def _signals(self, scope: Scope) -> tuple[evidence.Signal, ...]:
        counts = evidence.Counts(self.records.of_minutes(scope), self.records.of_hours(scope))
        since, overridden = self.states[scope].last_cut_at, self.hands[scope].overridden
        return evidence.gather(
            scope, self.incidents[scope.source_ip], counts, overridden, since, self.now, self.settings
        )

    def guarded(self, standings: Iterable[guards.Standing]) -> list[guards.Standing]:
        """The standings without the caps that must wait."""
        believed = [self._believed(standing) for standing in standings]
        approved = frozenset(o.subject for o in self.world.orders if o.kind is OrderKind.APPROVE)
        waiting = guards.admit(believed, self.settings.guard, approved, self.elsewhere)
        if waiting:
            self.held_back[suspicion.FLEET].update(waiting)
        return [guards.withhold(one) if one.scope.source_ip in waiting else one for one in believed]

    def _believed(self, standing: guards.Standing) -> guards.Standing:
        if self.is_stale:
            return guards.withhold(standing)
        if standing.scope.source_ip in self.world.protected:
            self.advice[standing.scope] = self.decide(standing)
            return guards.without_caps(standing)
        doubted = {s.source for s in standing.lowering} & self.suspects.keys()
        for source in doubted:
            self.held_back[source].add(standing.scope.source_ip)
        return guards.withhold(standing, doubted) if doubted else standing

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
            scope: decisions[scope].state
            for scope in self.reports
            if scope.source_ip not in self.world.protected
            and not self.hands[scope].stays
            and not self.hands[scope].ignores(coupling.RULE)
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
            next_step_at=self.now + max(recovery.patience(state.relapses), recovery.step),
        )
