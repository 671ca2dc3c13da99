"""The controller's doer: look, decide, write down, send the difference. Level-triggered and restart-safe.

What was decided is written in one transaction before anything is sent. If the engine does not answer, or the
process dies in between, the next tick finds the difference again.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from controller import fleet, hand, journal, reconcile
from controller.drivers.base import Driver
from controller.reconcile import Action, Delete, Put, ReportedLease
from controller.settings import ControllerSettings, Mode
from controller.state import ScopeReport, ScopeState
from core.address import IpAddress
from core.clock import Clock
from core.errors import ConflictError, EngineUnreachable, OperatorError, TidegateError
from core.lease import Lease, Scope
from core.statistics import ScopeMinute
from storage import database, incidents, orders, scopes
from storage.leases import LeaseChange

log = logging.getLogger(__name__)

_EPOCH = "controller-epoch"
_HOUR = timedelta(hours=1)
_LATE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick came to.

    `changes` are all changes that were decided, `planned` those of them that were only recorded or advised,
    `sent` what the engine took. `failure` says why nothing, or not all, could be sent; the next tick tries
    again. `withheld`: IPs whose new caps the blast-radius guard holds back. `overdue`: scopes throttled
    for longer than the longest time. `minutes`: what the engine counted, from a whole hour on; None when it
    could not be asked.
    """

    at: datetime
    mode: Mode
    changes: tuple[LeaseChange, ...] = ()
    planned: tuple[LeaseChange, ...] = ()
    sent: tuple[Action, ...] = ()
    failure: str = ""
    is_fenced: bool = False
    is_stopped: bool = False
    withheld: frozenset[IpAddress] = frozenset()
    overdue: tuple[Scope, ...] = ()
    verdict: fleet.Verdict = field(default_factory=fleet.Verdict)
    minutes: tuple[ScopeMinute, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the engine said at the start of a tick."""

    reports: list[ScopeReport]
    leases: list[ReportedLease]
    minutes: list[ScopeMinute]


class Reconciler:
    """Brings one engine's leases in line with what incidents and replies call for."""

    def __init__(self, engine: Engine, driver: Driver, settings: ControllerSettings) -> None:
        self._database = engine
        self._driver = driver
        self._settings = settings
        self._epoch: int | None = None
        self._last_full: datetime | None = None
        self._fenced = ""
        self._withheld: frozenset[IpAddress] = frozenset()

    async def run(self, clock: Clock) -> None:
        """Tick for ever, `interval` apart."""
        while True:
            try:
                failure = (await self.tick(clock.now())).failure
            except TidegateError as error:
                failure = str(error)
            if failure:
                log.warning("%s", failure, extra={"event": "controller.tick_failed"})
            await clock.sleep(self._settings.interval.total_seconds())

    async def tick(self, now: datetime) -> TickReport:
        """One look and what follows from it. Raises OperatorError when the database is at fault."""
        if self._fenced:
            return TickReport(now, self._settings.mode, failure=self._fenced, is_fenced=True)
        try:
            epoch = await self._own_epoch()
            seen = await self._look(now)
        except (EngineUnreachable, OperatorError) as error:
            return TickReport(now, self._settings.mode, failure=str(error))
        # in a thread, so that a large fleet does not hold up the monitor
        report, wanted, untouched = await asyncio.to_thread(self._decide, now, seen, epoch)
        report = replace(report, minutes=tuple(seen.minutes))
        if report.is_stopped:
            return report
        actions = reconcile.plan(wanted, seen.leases, now, self._settings.leases, untouched)
        return await self._send(report, actions, epoch)

    async def _own_epoch(self) -> int:
        """This process's fencing number, above any that the engine has seen from another controller."""
        if self._epoch is None:
            status = await self._driver.status()
            with database.session(self._database) as session:
                self._epoch = scopes.next_number(session, _EPOCH, above=status.epoch)
        return self._epoch

    async def _look(self, now: datetime) -> _Seen:
        # complaints come late and are booked to the hour of sending: once an hour, look further back
        hour = now.replace(minute=0, second=0, microsecond=0)
        is_full = self._last_full != hour
        since = hour - (_LATE if is_full else 2 * _HOUR)
        seen = _Seen(
            await self._driver.scopes(), await self._driver.leases(), await self._driver.statistics(since)
        )
        self._last_full = hour
        return seen

    def _decide(
        self, now: datetime, seen: _Seen, epoch: int
    ) -> tuple[TickReport, dict[str, Lease], frozenset[str]]:
        settings = self._settings
        with database.session(self._database) as session:
            scopes.record_hours(session, hourly(seen.minutes))
            scopes.forget_hours(session, now - settings.base.window - timedelta(days=1))
        # judged outside of a writing transaction: the monitor writes meanwhile, and that is for the next tick
        world, states = self._world(now, seen)
        if hand.is_stopped(world.orders):
            return TickReport(now, settings.mode, is_stopped=True), {}, frozenset()
        verdict = fleet.judge(world, states, now, settings)
        with database.session(self._database) as session:
            changes = journal.write(session, verdict, states, now, settings)
            journal.write_withheld(session, verdict.withheld - self._withheld, now)
        self._withheld = verdict.withheld
        report = TickReport(
            at=now,
            mode=settings.mode,
            changes=tuple(changes),
            planned=tuple(change for change in changes if change.mode != str(Mode.ENFORCE)),
            withheld=verdict.withheld,
            overdue=_overdue(verdict, now, settings.recovery.max_age),
            verdict=verdict,
        )
        wanted = reconcile.wanted(verdict, now, epoch, settings.leases)
        return report, wanted, self._untouched(verdict, wanted, seen)

    def _untouched(self, verdict: fleet.Verdict, wanted: dict[str, Lease], seen: _Seen) -> frozenset[str]:
        """Where the controller may not act it leaves its earlier leases alone: they run out by ramping."""
        enforced = {
            scope
            for scope, ordered in verdict.hands.items()
            if (ordered.mode or self._settings.mode) is Mode.ENFORCE
        }
        leases = [*wanted.values(), *(held.lease for held in seen.leases)]
        return frozenset(lease.key for lease in leases if lease.scope not in enforced)

    def _world(self, now: datetime, seen: _Seen) -> tuple[fleet.World, dict[Scope, ScopeState]]:
        with database.reading(self._database) as session:
            world = fleet.World(
                scopes=seen.reports,
                incidents=incidents.open_incidents(session),
                minutes=seen.minutes,
                hours=scopes.hours(session, now - self._settings.base.window),
                orders=orders.standing(session, now),
            )
            return world, _states(scopes.load_states(session))

    async def _send(self, report: TickReport, actions: Iterable[Action], epoch: int) -> TickReport:
        sent: list[Action] = []
        failures: list[str] = []
        for action in actions:
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
        return replace(report, sent=tuple(sent), failure="; ".join(failures), is_fenced=bool(self._fenced))

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


def hourly(minutes: Iterable[ScopeMinute]) -> list[scopes.ScopeHour]:
    """Minutes added up to hours. A minute that comes twice counts once."""
    unique = {(m.source_ip, m.provider, m.minute): m for m in minutes}
    sums: dict[tuple[Scope, datetime], dict[str, int]] = {}
    for minute in unique.values():
        scope = Scope(source_ip=minute.source_ip, provider=minute.provider)
        hour = minute.minute.replace(minute=0, second=0, microsecond=0)
        counts = sums.setdefault((scope, hour), dict.fromkeys(scopes.COUNTS, 0))
        for name in scopes.COUNTS:
            counts[name] += getattr(minute, name)
    return [scopes.ScopeHour(scope=scope, hour=hour, **counts) for (scope, hour), counts in sums.items()]


def _states(documents: dict[Scope, dict[str, object]]) -> dict[Scope, ScopeState]:
    return {scope: ScopeState.model_validate(document) for scope, document in documents.items()}


def _overdue(verdict: fleet.Verdict, now: datetime, max_age: timedelta) -> tuple[Scope, ...]:
    return tuple(
        scope
        for scope, decision in verdict.decisions.items()
        if decision.state.since is not None and now - decision.state.since > max_age
    )
