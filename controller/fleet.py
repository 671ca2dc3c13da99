"""One look at the whole fleet: evidence, guard, policy, coupling, for every scope. Decides only.

The reconciler feeds it from the database and the engine, a simulator from a made-up world.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller import base as bases
from controller import coupling, evidence, guards, hand, policy
from controller.base import Base
from controller.hand import Hand
from controller.policy import Decision, Move
from controller.records import Records
from controller.settings import ControllerSettings
from controller.state import REST, ScopeReport, ScopeState
from core.address import IpAddress
from core.incident import Incident, Rule
from core.lease import Scope
from core.provider import EVERY, MICROSOFT, OTHER
from core.rate import Rate
from core.statistics import ScopeMinute
from storage.orders import Order
from storage.scopes import ScopeHour


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
        self.now, self.settings = now, settings
        self.records = Records(world.minutes, world.hours, now)
        self.reports = {report.scope: report for report in _completed(world, states)}
        self.states = {scope: states.get(scope, REST) for scope in self.reports}
        self.hands = {scope: hand.on(scope, world.orders) for scope in self.reports}
        self.incidents: dict[IpAddress | None, list[Incident]] = defaultdict(list)
        for incident in world.incidents:
            self.incidents[incident.ip].append(incident)
        self.blind = evidence.blind_sources(world.incidents)
        self.bases = {
            scope: bases.of(report, self.states[scope], self.records.of_hours(scope), now, settings)
            for scope, report in self.reports.items()
        }

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
    whole IP, the provider that an alert names, and microsoft where SNDS speaks of the IP are decided before
    the first mail goes there.
    """
    known = {report.scope: report for report in world.scopes}
    ips = {scope.source_ip for scope in known}
    wanted = {Scope(source_ip=ip, provider=provider) for ip in ips for provider in (OTHER, EVERY)}
    wanted |= {scope for scope, state in states.items() if state.is_throttled and scope.source_ip in ips}
    wanted |= {
        Scope(source_ip=incident.ip, provider=incident.provider)
        for incident in world.incidents
        if incident.ip in ips and incident.rule is Rule.ALERT
    }
    wanted |= {
        Scope(source_ip=incident.ip, provider=MICROSOFT)
        for incident in world.incidents
        if incident.ip in ips and incident.source in evidence.SNDS_SOURCES
    }
    for scope in wanted:
        known.setdefault(scope, ScopeReport(scope))
    return sorted(known.values(), key=lambda report: (str(report.scope.source_ip), report.scope.provider))
