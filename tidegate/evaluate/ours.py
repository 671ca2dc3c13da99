"""Tidegate in the toy world: the production monitor and controller, fed from the world instead of a database.

What decides is `controller.fleet.judge` and `controller.reconcile`, over incidents of the monitor's own
detection and lifecycle. The daemon looks every minute, and at once when the engine tells of a burst; here it
is every quarter of an hour while providers turn mail away, at every full hour, and when a step up is due.
"""

from collections import deque
from datetime import datetime
from typing import Final

import numpy as np

from controller import absence, caution, fleet, reconcile
from controller.caution import Beat
from controller.reconcile import LeaseState, Put, ReportedLease
from controller.settings import ControllerSettings, Mode
from controller.state import ScopeReport, ScopeState
from core.clock import NANOSECONDS
from core.lease import Lease, Scope
from core.provider import EVERY
from core.rate import Rate
from engine.shaping import leases
from lab.simulation.physics import HOURS, OPERATOR_LIMIT, PROVIDERS, STEPS_PER_HOUR, Bools, Floats
from lab.simulation.scenarios import JUMP_HOURS, JUMP_STEPS, Script, generator
from lab.simulation.signals import thinned
from lab.simulation.world import Rates, Seen, World, unlimited
from tidegate.evaluate import calendar, counters
from tidegate.evaluate.counters import Counters
from tidegate.evaluate.watching import IP, Watch

SETTINGS: Final = ControllerSettings(mode=Mode.ENFORCE)
_LOOK_STEPS: Final = 3
WHOLE_IP: Final = Scope(source_ip=IP, provider=EVERY)


class Control:
    """The controller of one world: its states, and the leases that the engine holds under `limit`."""

    def __init__(self, settings: ControllerSettings, limit: Rate) -> None:
        self.counters = Counters()
        self.watch = Watch()
        self._settings = settings
        self._limit = limit
        self._states: dict[Scope, ScopeState] = {}
        self._held: dict[str, Lease] = {}
        self._due: datetime | None = None
        self._beat: Beat | None = None
        self._last_look: datetime | None = None

    def is_due(self, beat: Beat) -> bool:
        """Whether a look cannot wait: a step up, a second look at a list, or a clock that was set."""
        is_time = self._due is not None and self._due <= beat.wall
        return is_time or self.watch.waits_for_a_look or bool(self._fault(beat))

    def look(self, beat: Beat, queued: list[float]) -> None:
        """One tick of the reconciler: judge, and bring the engine's leases in line."""
        fault, self._beat = self._fault(beat), beat
        now = beat.wall
        if fault:
            self._due = now
            return
        reported = self._reported(now)
        states = absence.caught_up(
            self._states, reported, self._last_look, now, self._settings.leases, lambda _scope: True
        )
        seen = fleet.World(
            scopes=_reports(queued, self._limit),
            incidents=self.watch.incidents,
            minutes=self.counters.minutes,
            hours=self.counters.hours,
        )
        verdict = fleet.judge(seen, states, now, self._settings, frozenset({IP}))
        self._states = {scope: decision.state for scope, decision in verdict.decisions.items()}
        self._last_look = now
        steps = [d.next_step_at for d in verdict.decisions.values() if d.next_step_at is not None]
        self._due = min(steps, default=None)
        wanted = reconcile.wanted(verdict, now, 1, self._settings.leases)
        for action in reconcile.plan(wanted, reported, now, self._settings.leases):
            if isinstance(action, Put):
                self._held[action.lease.key] = action.lease
            else:
                del self._held[action.key]

    def rates(self, now: datetime) -> dict[Scope, float]:
        """What the leases allow at the engine, in recipients an hour."""
        return {lease.scope: leases.standing(lease, now).rate.per_hour for lease in self._held.values()}

    def _fault(self, beat: Beat) -> str:
        return caution.clock_fault(self._beat, beat, self._settings.guard.clock_tolerance)

    def _reported(self, now: datetime) -> list[ReportedLease]:
        """The engine's leases; one that has ramped to its end is gone."""
        stands = {key: leases.standing(lease, now).state for key, lease in self._held.items()}
        self._held = {k: x for k, x in self._held.items() if stands[k] is not leases.LeaseState.ENDED}
        return [ReportedLease(x, LeaseState(stands[k].value)) for k, x in self._held.items()]


def operator_limit(worth: float = 1.0) -> Rate:
    """The operator's, for a sender of whose recipients each stands for `worth` of the world's."""
    return Rate(round(OPERATOR_LIMIT / worth), 3_600)


def _reports(queued: list[float], limit: Rate) -> list[ScopeReport]:
    queues = dict(zip(counters.SCOPES, queued, strict=True)) | {WHOLE_IP: sum(queued)}
    return [ScopeReport(scope, limit, queued=int(count)) for scope, count in queues.items()]


class Ours:
    """One controller per world, from step `first` on.

    `worth`: how many recipients of the world each one stands for that the controller is told of. Above 1 it
    controls a small sender, whose numbers are small, in a world that is as much smaller.
    """

    def __init__(
        self, script: Script, settings: ControllerSettings = SETTINGS, *, worth: float = 1.0, first: int = 0
    ) -> None:
        worlds = len(script.seeds)
        self._script = script
        self._worth = worth
        self._controls = [Control(settings, operator_limit(worth)) for _ in range(worlds)]
        self._thinners = [generator(seed, 2) for seed in script.seeds]
        self._rates = unlimited(worlds)
        self._since = np.zeros((len(counters.NAMES), worlds, len(PROVIDERS)))
        self._begun = [self._wall(place, first) for place in range(worlds)]
        self._replies: deque[Floats] = deque(maxlen=STEPS_PER_HOUR)
        self._least = settings.replies.min_events

    def rates(self) -> Rates:
        return self._rates

    def watch(self, world: World, seen: Seen) -> None:
        self._since += counters.stacked(seen) / self._worth
        self._replies.append((seen.reputation + seen.blocked) / self._worth)
        is_hour = world.step % STEPS_PER_HOUR == 0
        pressed: Bools = (np.sum(self._replies, axis=0) >= self._least).any(axis=1)
        pressed &= world.step % _LOOK_STEPS == 0
        for place, control in enumerate(self._controls):
            beat = self._beat(place, world.step)
            if not (is_hour or pressed[place] or control.is_due(beat)):
                continue
            now = beat.wall
            control.counters.count(self._since[:, place], self._begun[place])
            self._since[:, place] = 0.0
            self._monitor(world, place, now, is_hour=is_hour)
            control.look(beat, (seen.queued[place] / self._worth).tolist())
            self._begun[place] = now
            self._apply(place, control.rates(now))

    def _monitor(self, world: World, place: int, now: datetime, *, is_hour: bool) -> None:
        control, signals, step = self._controls[place], world.signals[place], world.step
        erring = self._script.errs(place, step)
        if control.watch.waits_for_a_look:
            control.watch.look_again(signals, world.hour, now, erring=erring)
        if not is_hour:
            return
        hour = step // STEPS_PER_HOUR - 1
        control.counters.label(hour, self._wall(place, step - STEPS_PER_HOUR))
        control.counters.complain(thinned(signals.complaints(hour), self._worth, self._thinners[place]))
        control.counters.forget(now)
        blind = self._script.is_blind(place, step)
        control.watch.hour(signals, world.hour, now, erring=erring, blind_on_snds=blind)

    def _beat(self, place: int, step: int) -> Beat:
        return Beat(self._wall(place, step), int(step * HOURS * 3_600 * NANOSECONDS))

    def _wall(self, place: int, step: int) -> datetime:
        """What the machine's clock says: a day ahead for an hour where it jumps."""
        jump = int(self._script.jump_from[place])
        ahead = JUMP_HOURS if jump <= step < jump + JUMP_STEPS else 0
        return calendar.moment(step * HOURS + ahead)

    def _apply(self, place: int, rates: dict[Scope, float]) -> None:
        for provider, scope in enumerate(counters.SCOPES):
            self._rates.provider[place, provider] = self._of_world(rates.get(scope))
        self._rates.total[place] = self._of_world(rates.get(WHOLE_IP))

    def _of_world(self, rate: float | None) -> float:
        return OPERATOR_LIMIT if rate is None else rate * self._worth
