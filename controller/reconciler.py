"""The controller's doer: look, decide, write down, send the difference. Level-triggered and restart-safe.

What was decided is written in one transaction before anything is sent. If the engine does not answer, or the
process dies in between, the next tick finds the difference again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from controller import absence, caution, fleet, hand, journal, reconcile
from controller.census import Census, Rota, awake
from controller.drivers.base import Driver, EngineStatus
from controller.reconcile import Action, Delete, Put, ReportedLease
from controller.settings import ControllerSettings, Mode
from controller.state import ScopeReport, ScopeState
from controller.tally import Tally
from core.address import IpAddress
from core.clock import Clock
from core.errors import ConflictError, EngineUnreachable, OperatorError, TidegateError
from core.lease import Lease, Scope
from core.statistics import ScopeMinute
from storage import database, health, incidents, orders, scopes
from storage.leases import LeaseChange
from storage.orders import Order

log = logging.getLogger(__name__)

_EPOCH = "controller-epoch"
_LAST_LOOK = "controller-last-look"
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_LATE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick came to.

    `changes` are all changes that were decided, `planned` those of them that were only recorded or advised,
    `sent` what the engine took, `postponed` how many changes wait for the next minute's budget. `failure`
    says why nothing, or not all, could be sent; the next tick tries again. `withheld`: IPs whose new caps
    the guards hold back; `asked`: what was put before a person because of it. `overdue`: scopes throttled
    for longer than the longest time. `minutes`: what the engine counted, from a whole hour on; None when it
    could not be asked.
    """

    at: datetime
    mode: Mode
    changes: tuple[LeaseChange, ...] = ()
    planned: tuple[LeaseChange, ...] = ()
    sent: tuple[Action, ...] = ()
    postponed: int = 0
    failure: str = ""
    is_fenced: bool = False
    is_stopped: bool = False
    withheld: frozenset[IpAddress] = frozenset()
    asked: tuple[Order, ...] = ()
    overdue: tuple[Scope, ...] = ()
    verdict: fleet.Verdict = field(default_factory=fleet.Verdict)
    minutes: tuple[ScopeMinute, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the engine said at the start of a tick."""

    reports: list[ScopeReport]
    leases: list[ReportedLease]
    minutes: list[ScopeMinute]
    is_full: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """The world at a tick; states as they were kept and as of now; the IPs to think about."""

    world: fleet.World
    kept: dict[Scope, ScopeState]
    states: dict[Scope, ScopeState]
    ips: frozenset[IpAddress]


class Reconciler:
    """Brings one engine's leases in line with what incidents and replies call for."""

    def __init__(
        self,
        engine: Engine,
        driver: Driver,
        settings: ControllerSettings,
        protected: frozenset[IpAddress] = frozenset(),
    ) -> None:
        self._database = engine
        self._driver = driver
        self._settings = settings
        self._protected = protected
        self._epoch: int | None = None
        self._last_full: datetime | None = None
        self._fenced = ""
        self._beat: caution.Beat | None = None
        self._tally = Tally()
        self._rota = Rota()
        self._spent: deque[tuple[datetime, int]] = deque()

    async def run(self, clock: Clock) -> None:
        """Tick for ever, `interval` apart."""
        while True:
            try:
                failure = (await self.tick(clock.now(), clock)).failure
            except TidegateError as error:
                failure = str(error)
            if failure:
                log.warning("%s", failure, extra={"event": "controller.tick_failed"})
            await clock.sleep(self._settings.interval.total_seconds())

    async def tick(self, now: datetime, clock: Clock | None = None) -> TickReport:
        """One look and what follows from it. Raises OperatorError when the database is at fault.

        With a `clock` the look is left out when its time cannot be trusted.
        """
        if self._fenced:
            return TickReport(now, self._settings.mode, failure=self._fenced, is_fenced=True)
        try:
            status = await self._driver.status()
            fault = self._clock_fault(status, now, clock)
            if fault:
                return TickReport(now, self._settings.mode, failure=f"nothing is changed: {fault}")
            epoch = self._own_epoch(status)
            seen = await self._look(now)
        except (EngineUnreachable, OperatorError) as error:
            return TickReport(now, self._settings.mode, failure=str(error))
        # in a thread, so that a large fleet does not hold up the monitor
        report, actions = await asyncio.to_thread(self._decide, now, seen, epoch)
        report = replace(report, minutes=tuple(seen.minutes))
        return report if report.is_stopped else await self._send(report, actions, epoch)

    def _clock_fault(self, status: EngineStatus, now: datetime, clock: Clock | None) -> str:
        answered_at = clock.now() if clock else now
        monotonic = clock.monotonic_ns() if clock else None
        beat = caution.Beat(answered_at, monotonic, caution.ahead(status.now, now, answered_at))
        fault = caution.clock_fault(self._beat, beat, self._settings.guard.clock_tolerance)
        self._beat = beat
        return fault

    def _own_epoch(self, status: EngineStatus) -> int:
        """This process's fencing number, above any that the engine has seen from another controller."""
        if self._epoch is None:
            with database.session(self._database) as session:
                self._epoch = scopes.next_number(session, _EPOCH, above=status.epoch)
        return self._epoch

    async def _look(self, now: datetime) -> _Seen:
        # complaints come late and are booked to the hour of sending: once an hour, look further back
        hour = now.replace(minute=0, second=0, microsecond=0)
        is_full = self._last_full != hour
        since = hour - (_LATE if is_full else 2 * _HOUR)
        seen = _Seen(
            await self._driver.scopes(),
            await self._driver.leases(),
            await self._driver.statistics(since),
            is_full,
        )
        self._last_full = hour
        return seen

    def _decide(self, now: datetime, seen: _Seen, epoch: int) -> tuple[TickReport, list[Action]]:
        settings = self._settings
        self._tally.take(seen.minutes, now, afresh=seen.is_full)
        with database.session(self._database) as session:
            scopes.record_hours(session, self._tally.due())
            if seen.is_full:
                scopes.forget_hours(session, now - settings.base.counts_kept)
        # judged outside of a writing transaction: the monitor writes meanwhile, and that is for the next tick
        known = self._known(now, seen)
        world = known.world
        if hand.is_stopped(world.orders):
            return TickReport(now, settings.mode, is_stopped=True), []
        verdict = fleet.judge(world, known.states, now, settings, known.ips)
        with database.session(self._database) as session:
            changes = journal.write(session, verdict, known.kept, now, settings)
            asked = journal.ask(session, verdict, world.orders, now)
            scopes.note_moment(session, _LAST_LOOK, now)
        report = TickReport(
            at=now,
            mode=settings.mode,
            changes=tuple(changes),
            planned=tuple(change for change in changes if change.mode != str(Mode.ENFORCE)),
            withheld=verdict.withheld,
            asked=tuple(asked),
            overdue=_overdue(verdict, now, settings.recovery.max_age),
            verdict=verdict,
        )
        wanted = reconcile.wanted(verdict, now, epoch, settings.leases)
        untouched = self._untouched(world, wanted, seen)
        return report, reconcile.plan(wanted, seen.leases, now, settings.leases, untouched)

    def _untouched(self, world: fleet.World, wanted: dict[str, Lease], seen: _Seen) -> frozenset[str]:
        """Where the controller may not act it leaves its earlier leases alone: they run out by ramping."""
        is_enforced = self._enforced(world.orders)
        leases = [*wanted.values(), *(held.lease for held in seen.leases)]
        return frozenset(lease.key for lease in leases if not is_enforced(lease.scope))

    def _enforced(self, standing: Sequence[Order]) -> absence.Enforced:
        hands = hand.Hands(standing)
        return lambda scope: (hands.on(scope).mode or self._settings.mode) is Mode.ENFORCE

    def _known(self, now: datetime, seen: _Seen) -> _Known:
        """What the records say; the long history is read of the IPs to think about alone."""
        counts, base = self._settings.counts, self._settings.base
        census = Census(seen.reports)
        with database.reading(self._database) as session:
            kept = _states(scopes.load_states(session))
            last_look = scopes.moment(session, _LAST_LOOK)
            world = fleet.World(
                scopes=seen.reports,
                incidents=incidents.open_incidents(session),
                minutes=seen.minutes,
                # complaints and hard bounces are looked for in a part of a large fleet at a time
                hours=scopes.hours_of(session, now - counts.memory, self._rota.turn(census.ips)),
                orders=orders.standing(session, now),
                protected=self._protected,
                watched_at=health.last_attempt(session),
            )
            states = absence.caught_up(
                kept, seen.leases, last_look, now, self._settings.leases, self._enforced(world.orders)
            )
            ips = awake(census, world, states, now, self._settings)
            hours = scopes.hours_of(session, now - base.window, ips)
        return _Known(replace(world, hours=[*hours, *self._tally.of(ips)]), kept, states, ips)

    async def _send(self, report: TickReport, actions: Iterable[Action], epoch: int) -> TickReport:
        sent: list[Action] = []
        failures: list[str] = []
        batch = reconcile.within_budget(actions, self._budget(report.at))
        self._spent.append((report.at, batch.changes))
        for action in batch.now:
            try:
                await self._apply(action, epoch)
            except EngineUnreachable as error:
                failures.append(str(error))
                break
            except OperatorError as error:
                failures.append(str(error))
                if isinstance(error, ConflictError) and await self._is_superseded(epoch, str(error)):
                    break
                continue  # one lease that is refused must not hold up the others
            sent.append(action)
        if sent:
            log.info(
                "The controller sent changes to the engine.",
                extra={"event": "controller.sent", "count": len(sent)},
            )
        return replace(
            report,
            sent=tuple(sent),
            postponed=batch.later,
            failure="; ".join(failures),
            is_fenced=bool(self._fenced),
        )

    def _budget(self, now: datetime) -> int:
        """How many changes are left of this minute's."""
        while self._spent and not timedelta(0) <= now - self._spent[0][0] < _MINUTE:
            self._spent.popleft()
        return self._settings.guard.changes_per_minute - sum(count for _, count in self._spent)

    async def _apply(self, action: Action, epoch: int) -> None:
        match action:
            case Put(lease=lease):
                await self._driver.put(lease)
            case Delete(key=key):
                await self._driver.delete(key, epoch)

    async def _is_superseded(self, epoch: int, said: str) -> bool:
        """Whether a newer controller acts: then this one is silent until it is restarted."""
        try:
            newest = (await self._driver.status()).epoch
        except EngineUnreachable:
            return False
        if newest > epoch:
            self._fenced = said
        return newest > epoch


def _states(documents: dict[Scope, dict[str, object]]) -> dict[Scope, ScopeState]:
    return {scope: ScopeState.model_validate(document) for scope, document in documents.items()}


def _overdue(verdict: fleet.Verdict, now: datetime, max_age: timedelta) -> tuple[Scope, ...]:
    return tuple(
        scope
        for scope, decision in verdict.loud()
        if decision.state.since is not None and now - decision.state.since > max_age
    )
