"""The doer, with a database and an engine in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from controller_world import HOUR, IP, MINUTE, NOON, SETTINGS, incident, minute, report, scope
from sqlalchemy import Engine

from controller.drivers.memory import MemoryEngine
from controller.reconcile import Delete, LeaseState, Put
from controller.reconciler import Reconciler, TickReport
from controller.settings import ControllerSettings, Mode
from core.clock import ManualClock
from core.incident import Rule
from core.lease import Origin
from storage import audit, database, incidents, leases, orders, scopes
from storage.incidents import EventKind, NewIncident
from storage.orders import NewOrder, OrderKind

ENFORCE = SETTINGS.model_copy(update={"mode": Mode.ENFORCE})
KEY = "auto:203.0.113.7:microsoft:source-ip-max-msg-rate"


@dataclass
class Stage:
    """A database, an engine, a clock; `tick` makes a new controller each time if `restarts`."""

    engine: Engine
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    settings: ControllerSettings = ENFORCE

    def __post_init__(self) -> None:
        self.driver = MemoryEngine(self.clock, [report()])
        self.controller = self.restart()

    def restart(self) -> Reconciler:
        self.controller = Reconciler(self.engine, self.driver, self.settings)
        return self.controller

    async def tick(self, after: timedelta = timedelta(0)) -> TickReport:
        self.clock.advance(after.total_seconds())
        return await self.controller.tick(self.clock.now())

    def list_ip(self, rule: Rule = Rule.SNDS_RED) -> int:
        now = self.clock.now()
        new = NewIncident.model_validate(incident(rule, at=now).model_dump(exclude={"number", "state"}))
        with database.session(self.engine) as session:
            return incidents.open_incident(session, new).number

    def resolve(self, number: int) -> None:
        with database.session(self.engine) as session:
            incidents.resolve_incident(session, number, self.clock.now(), "clean")

    def order(self, kind: OrderKind, **fields: object) -> None:
        new = NewOrder.model_validate(
            {"kind": kind, "author": "ann", "reason": "test", "created_at": self.clock.now(), **fields}
        )
        with database.session(self.engine) as session:
            orders.give(session, new)

    def timeline(self, number: int) -> list[str]:
        with database.reading(self.engine) as session:
            return [e.text for e in incidents.events(session, number) if e.kind is EventKind.ACTION]

    def history(self) -> list[leases.LeaseChange]:
        with database.reading(self.engine) as session:
            return leases.lease_history(session, NOON - HOUR)

    def rate(self, provider: str = "microsoft") -> str:
        return str(self.driver.effective(scope(provider)))


@pytest.fixture
def stage() -> Iterator[Stage]:
    engine = database.open_database("sqlite://")
    database.upgrade(engine)
    yield Stage(engine)
    engine.dispose()


async def test_a_quiet_world_sends_and_writes_nothing(stage: Stage) -> None:
    report_ = await stage.tick()
    assert (report_.changes, report_.sent, report_.failure) == ((), (), "")
    with database.reading(stage.engine) as session:
        assert scopes.load_states(session) == {}
        assert audit.entries(session) == []


async def test_an_incident_holds_the_ip_and_everything_about_it_is_written_down(stage: Stage) -> None:
    number = stage.list_ip()
    report_ = await stage.tick()
    assert stage.rate() == "200/h"
    (change,) = report_.changes
    assert stage.history() == [change]
    assert (str(change.before), str(change.after), change.rule) == ("None", "200/h", "snds-red")
    assert (change.evidence, change.mode) == ((f"INC-{number}",), "enforce")
    assert change.undo == f"tidegate release {KEY} --reason TEXT"
    with database.reading(stage.engine) as session:
        (entry,) = audit.entries(session)
    assert (entry.actor, entry.action) == ("controller", "enforce source-ip-max-msg-rate")
    assert stage.timeline(number) == [
        "controller changes: 203.0.113.7 × microsoft no limit → 200/h (cut, until the cause ends)"
    ]


async def test_the_same_world_again_changes_nothing(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    again = await stage.tick(MINUTE)
    assert (again.changes, again.sent) == ((), ())
    assert stage.driver.puts == 1


async def test_recovery_is_told_step_by_step_until_the_lease_is_gone(stage: Stage) -> None:
    number = stage.list_ip()
    await stage.tick()
    stage.resolve(number)
    sent = [str(stage.rate())]
    for _ in range(60):
        await stage.tick(HOUR)
        if str(stage.rate()) != sent[-1]:
            sent.append(str(stage.rate()))
    # an IP that sends nothing stays where it was held, until its level is back at 1
    assert sent == ["200/h", "1000/h"]
    assert await stage.driver.leases() == []
    assert "back to normal" in stage.history()[-1].reason
    assert stage.timeline(number)[-1].endswith("200/h → no limit (back to normal)")


async def test_recovery_of_an_ip_that_sends_climbs(stage: Stage) -> None:
    number = stage.list_ip()
    await stage.tick()
    stage.resolve(number)
    sent = [stage.rate()]
    for _ in range(30):
        stage.driver.record(minute(stage.clock.now(), delivered=1000))
        await stage.tick(HOUR)
        if stage.rate() != sent[-1]:
            sent.append(stage.rate())
    assert sent == [
        "200/h", "300/h", "450/h", "675/h", "755/h", "835/h", "955/h", "1000/h",
    ]  # fmt: skip


async def test_observing_and_advising_record_and_send_nothing(stage: Stage) -> None:
    for mode in (Mode.OBSERVE, Mode.ADVISE):
        stage.settings = SETTINGS.model_copy(update={"mode": mode})
        stage.restart()
        with database.session(stage.engine) as session:
            scopes.delete_state(session, scope())
        if mode is Mode.OBSERVE:
            stage.list_ip()
        report_ = await stage.tick()
        assert [str(change.after) for change in report_.planned] == ["200/h"]
        assert report_.sent == ()
        assert (await stage.tick(MINUTE)).planned == ()
    assert [change.mode for change in stage.history()] == ["observe", "advise"]
    assert stage.driver.puts == 0
    verbs = [text.split(":")[0] for text in stage.timeline(1)]
    assert verbs == ["controller would change", "controller advises"]


async def test_going_from_advice_to_enforcement_sends_what_was_only_advised(stage: Stage) -> None:
    stage.settings = SETTINGS
    stage.restart()
    stage.list_ip()
    await stage.tick()
    stage.settings = ENFORCE
    stage.restart()
    assert len((await stage.tick(MINUTE)).sent) == 1
    assert stage.rate() == "200/h"


async def test_a_scope_may_have_its_own_mode(stage: Stage) -> None:
    stage.list_ip()
    stage.order(OrderKind.MODE, source_ip=IP, provider="microsoft", value="observe")
    report_ = await stage.tick()
    assert (len(report_.planned), report_.sent) == (1, ())


async def test_an_engine_that_is_down_loses_nothing(stage: Stage) -> None:
    stage.list_ip()
    stage.driver.is_down = True
    report_ = await stage.tick()
    assert "switched off" in report_.failure
    stage.driver.is_down = False
    assert len((await stage.tick(MINUTE)).sent) == 1


async def test_an_engine_that_fails_between_look_and_put_gets_it_at_the_next_tick(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.list_ip()
    statistics = stage.driver.statistics

    async def then_down(since: datetime) -> list:
        found = await statistics(since)
        stage.driver.is_down = True
        return found

    monkeypatch.setattr(stage.driver, "statistics", then_down)
    report_ = await stage.tick()
    assert (len(report_.changes), report_.sent) == (1, ())
    assert report_.failure
    monkeypatch.undo()
    stage.driver.is_down = False
    again = await stage.tick(MINUTE)
    assert (again.changes, len(again.sent)) == ((), 1)
    assert len(stage.history()) == 1


async def test_an_engine_that_lost_its_leases_gets_them_again(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    stage.driver._leases.clear()
    report_ = await stage.tick(MINUTE)
    assert [type(action) for action in report_.sent] == [Put]
    assert report_.changes == ()


async def test_leases_are_renewed_before_half_their_life_is_left(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    for _ in range(200):
        await stage.tick(HOUR)
        assert [held.state for held in await stage.driver.leases()] == [LeaseState.ACTIVE]
    assert stage.driver.puts <= 1 + 200 // 36


async def test_every_lease_of_the_controller_ends_without_it(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    for held in await stage.driver.leases():
        assert held.lease.expires_at is not None
    stage.clock.advance(timedelta(days=30).total_seconds())
    assert await stage.driver.leases() == []


async def test_a_controller_that_was_away_goes_on_where_it_was(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    stage.restart()
    report_ = await stage.tick(timedelta(hours=80))
    assert report_.changes == ()
    assert stage.rate() == "200/h"


async def test_the_older_of_two_controllers_falls_silent(stage: Stage) -> None:
    old = stage.controller
    number = stage.list_ip()
    await stage.tick()
    stage.restart()
    stage.resolve(number)
    stage.list_ip(Rule.SNDS_BLOCKED)
    stage.driver._leases.clear()
    await stage.tick(MINUTE)
    stage.driver._leases.clear()
    fenced = await old.tick(stage.clock.now())
    assert fenced.is_fenced
    assert "epoch 1 is over" in fenced.failure
    again = await old.tick(stage.clock.now())
    assert (again.is_fenced, again.changes) == (True, ())
    assert await stage.driver.leases() == []


async def test_a_controller_with_a_new_database_still_outranks_what_the_engine_saw(stage: Stage) -> None:
    stage.driver.epoch = 41
    stage.list_ip()
    assert (await stage.tick()).failure == ""
    assert stage.driver.epoch == 42


async def test_a_release_by_hand_is_not_undone_by_the_next_tick(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    stage.clock.advance(60)
    stage.order(OrderKind.RELEASE, source_ip=IP, provider="microsoft")
    report_ = await stage.tick()
    assert report_.sent == (Delete(KEY),)
    assert (await stage.tick(MINUTE)).changes == ()
    assert stage.rate() == "1000/h"


async def test_a_stopped_controller_touches_nothing(stage: Stage) -> None:
    stage.list_ip()
    stage.order(OrderKind.STOP)
    report_ = await stage.tick()
    assert (report_.is_stopped, report_.sent, report_.changes) == (True, (), ())


async def test_operators_leases_are_left_alone(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    (held,) = await stage.driver.leases()
    by_hand = {"key": "ops:hold", "origin": Origin.OPERATOR, "expires_at": None}
    await stage.driver.put(held.lease.model_copy(update=by_hand))
    stage.resolve(1)
    for _ in range(60):
        await stage.tick(HOUR)
    assert [held.lease.key for held in await stage.driver.leases()] == ["ops:hold"]


async def test_replies_cut_within_one_tick(stage: Stage) -> None:
    stage.driver.record(
        minute(stage.clock.now() - MINUTE, delivered=50, reputation_deferred=50, last_reply="421 RP-001")
    )
    report_ = await stage.tick()
    assert stage.rate() == "400/h"
    assert "“421 RP-001”" in report_.changes[0].reason


async def test_restarting_at_every_tick_decides_the_same(stage: Stage) -> None:
    async def story(restarts: bool) -> list[str]:  # noqa: FBT001
        engine = database.open_database("sqlite://")
        database.upgrade(engine)
        play, told = Stage(engine), []
        number = 0
        for hour in range(80):
            if hour == 3:
                number = play.list_ip()
            if hour == 30:
                play.resolve(number)
            deferred = 40 if hour in {10, 11} else 0
            play.driver.record(minute(play.clock.now(), delivered=200, reputation_deferred=deferred))
            if restarts:
                play.restart()
            report_ = await play.tick(HOUR)
            told += [f"{hour} {change.after} {change.reason}" for change in report_.changes]
            told.append(play.rate())
        engine.dispose()
        return told

    assert await story(restarts=False) == await story(restarts=True)


async def test_a_throttle_that_lasts_too_long_is_reported(stage: Stage) -> None:
    stage.list_ip()
    await stage.tick()
    for _ in range(30):
        report_ = await stage.tick(timedelta(hours=12))
    assert report_.overdue == (scope(),)


def list_everything(stage: Stage, size: int = 20) -> list[int]:
    """A zone names a whole fleet. Returns the incidents' numbers."""
    ips = [f"203.0.113.{n}" for n in range(size)]
    stage.driver.reports = {one.scope: one for one in (report("other", ip) for ip in ips)}
    with database.session(stage.engine) as session:
        return [
            incidents.open_incident(
                session,
                NewIncident.model_validate(
                    incident(ip=ip, at=stage.clock.now()).model_dump(exclude={"number", "state"})
                ),
            ).number
            for ip in ips
        ]


def standing(stage: Stage) -> list[orders.Order]:
    with database.reading(stage.engine) as session:
        return orders.standing(session, stage.clock.now())


async def test_what_the_guard_holds_back_is_put_before_a_person_once(stage: Stage) -> None:
    list_everything(stage)
    report_ = await stage.tick()
    again = await stage.tick(MINUTE)
    (asked,) = report_.asked
    assert (asked.kind, asked.subject) == (OrderKind.GUARD, "dnsbl:zen.example")
    assert asked.reason == (
        "named 20 of 20 source IPs within 60 minutes; waiting: 203.0.113.0, 203.0.113.1, 203.0.113.10 and 17 more"
    )
    assert (again.asked, standing(stage), report_.sent, again.sent) == ((), [asked], (), ())
    with database.reading(stage.engine) as session:
        assert [e.action for e in audit.entries(session)] == ["guard.asks"]


async def test_the_question_stands_until_it_is_answered_however_long_that_takes(stage: Stage) -> None:
    list_everything(stage)
    await stage.tick()
    late = await stage.tick(timedelta(hours=9))
    assert (late.sent, len(late.withheld)) == ((), 20)
    stage.order(OrderKind.APPROVE, subject="dnsbl:zen.example")
    believed = await stage.tick(MINUTE)
    assert len(believed.sent) == 20
    assert [o.kind for o in standing(stage)] == [OrderKind.APPROVE]


async def test_the_question_is_taken_back_when_nothing_waits_for_it_any_more(stage: Stage) -> None:
    numbers = list_everything(stage)
    await stage.tick()
    for number in numbers:
        stage.resolve(number)
    await stage.tick(MINUTE)
    assert standing(stage) == []


async def test_no_more_changes_are_sent_within_a_minute_than_the_budget_allows(stage: Stage) -> None:
    guard = ENFORCE.guard.model_copy(update={"changes_per_minute": 8})
    stage.settings = ENFORCE.model_copy(update={"guard": guard})
    stage.restart()
    list_everything(stage)
    stage.order(OrderKind.APPROVE, subject="dnsbl:*")
    sent = [await stage.tick(timedelta(seconds=20)) for _ in range(7)]
    assert [(len(one.sent), one.postponed) for one in sent] == [
        (8, 12), (0, 12), (0, 12), (8, 4), (0, 4), (0, 4), (4, 0),
    ]  # fmt: skip


async def test_a_clock_that_jumps_costs_one_look_and_no_throttle(stage: Stage) -> None:
    class Jumpy(ManualClock):
        off = timedelta(0)

        def now(self) -> datetime:
            return super().now() + self.off

    clock = stage.clock = stage.driver.clock = Jumpy(NOON)
    assert (await stage.controller.tick(clock.now(), clock)).failure == ""
    stage.list_ip()
    clock.advance(60)
    clock.off = timedelta(hours=5)
    jumped = await stage.controller.tick(clock.now(), clock)
    assert (jumped.failure, jumped.sent) == ("nothing is changed: the clock jumped forward by 5h", ())
    clock.advance(60)
    assert len((await stage.controller.tick(clock.now(), clock)).sent) == 1


async def test_an_engine_with_another_time_gets_no_leases_that_would_end_at_the_wrong_one(
    stage: Stage,
) -> None:
    stage.list_ip()
    stage.driver.clock = ManualClock(NOON - 3 * HOUR)
    failed = await stage.controller.tick(NOON, stage.clock)
    assert failed.failure == "nothing is changed: the engine's clock is 3h behind ours"
    assert failed.sent == ()


async def test_advice_about_a_protected_ip_is_told_once_and_nothing_is_sent(stage: Stage) -> None:
    stage.controller = Reconciler(stage.engine, stage.driver, ENFORCE, frozenset({IP}))
    number = stage.list_ip()
    first, second = await stage.tick(), await stage.tick(MINUTE)
    (advice,) = first.planned
    assert (str(advice.after), advice.mode, advice.undo) == ("200/h", "advise", "")
    assert advice.reason.startswith("protected, so this is advice alone: ")
    assert (first.sent, second.changes) == ((), ())
    assert stage.timeline(number)[0].startswith("controller advises: ")
    stage.resolve(number)
    (over,) = (await stage.tick(MINUTE)).planned
    assert (over.after, over.reason) == (None, "no longer advised")
