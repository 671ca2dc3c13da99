"""What must hold of the whole fleet, whatever comes in, in whatever order, however late (control.md 2.3)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from controller_world import DAY, HOUR, MINUTE, NOON, SETTINGS, incident, minute, report
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import fleet, reconcile
from controller.census import Census, Rota, awake
from controller.fleet import Verdict, World
from controller.state import ScopeState
from core.address import IpAddress
from core.incident import Incident, Rule, Severity
from core.lease import Scope
from core.rate import Rate
from core.statistics import ScopeMinute
from engine.shaping.leases import LeaseState, standing
from storage.scopes import ScopeHour

PROVIDERS = ("microsoft", "google", "yahoo")
REPORTS = [
    report(p, limit=limit)
    for p, limit in zip((*PROVIDERS, "*"), ("1000/h", "unlimited", "30/h", "2000/h"), strict=True)
]

incidents = st.builds(
    incident,
    st.sampled_from(list(Rule)),
    number=st.integers(1, 9),
    tier=st.integers(1, 3),
    severity=st.sampled_from(Severity),
    at=st.integers(0, 48).map(lambda hours: NOON - hours * HOUR),
)
bad_minutes = st.builds(
    lambda ago, provider, delivered, deferred, blocked: (ago, provider, delivered, deferred, blocked),
    st.integers(0, 59), st.sampled_from(PROVIDERS), st.integers(0, 50), st.integers(0, 40), st.integers(0, 20),
)  # fmt: skip
bad_hours = st.tuples(
    st.integers(1, 60),
    st.sampled_from(PROVIDERS),
    st.integers(0, 3000),
    st.integers(0, 30),
    st.integers(0, 300),
)
looks = st.lists(
    st.tuples(st.integers(10, 400), st.lists(incidents, max_size=2), st.lists(bad_minutes, max_size=3)),
    min_size=1,
    max_size=14,
)


def minutes_at(now: datetime, rows: Sequence[tuple[int, str, int, int, int]]) -> list[ScopeMinute]:
    unique = {(ago, provider): rest for ago, provider, *rest in rows}
    return [
        minute(
            now.replace(second=0) - ago * MINUTE,
            provider=provider,
            delivered=d,
            reputation_deferred=r,
            blocked=b,
        )
        for (ago, provider), (d, r, b) in unique.items()
    ]


def hours_of(rows: Sequence[tuple[int, str, int, int, int]]) -> list[ScopeHour]:
    unique = {(ago, provider): rest for ago, provider, *rest in rows}
    return [
        ScopeHour(
            Scope(source_ip=REPORTS[0].scope.source_ip, provider=p), NOON - ago * HOUR, delivered=d, complaints=c, hard_bounced=h
        )
        for (ago, p), (d, c, h) in unique.items()
    ]  # fmt: skip


def loud_states(verdict: Verdict) -> dict[Scope, ScopeState]:
    return {where: decision.state for where, decision in verdict.loud()}


@given(looks, st.lists(bad_hours, max_size=8))
@settings(deadline=None)
def test_no_lease_is_ever_above_the_operators_limit_or_below_the_floor(
    story: list[tuple[int, list[Incident], list[tuple[int, str, int, int, int]]]],
    past: list[tuple[int, str, int, int, int]],
) -> None:
    now, states = NOON, dict[Scope, ScopeState]()
    for pause, found, rows in story:
        now += pause * MINUTE
        verdict = fleet.judge(
            World(REPORTS, found, minutes_at(now, rows), hours_of(past)), states, now, SETTINGS
        )
        states = loud_states(verdict)
        for lease in reconcile.wanted(verdict, now, 1, SETTINGS.leases).values():
            told, base = verdict.reports[lease.scope], verdict.bases[lease.scope]
            assert lease.value.per_hour <= told.operator_limit.per_hour
            lowest = min(base.per_hour * base.floor, told.operator_limit.per_hour)
            assert lease.value.per_hour >= Rate.from_per_hour(lowest).per_hour


@given(looks)
@settings(deadline=None)
def test_every_lease_that_is_ever_wanted_ends_without_a_controller(
    story: list[tuple[int, list[Incident], list[tuple[int, str, int, int, int]]]],
) -> None:
    now, states = NOON, dict[Scope, ScopeState]()
    for pause, found, rows in story:
        now += pause * MINUTE
        verdict = fleet.judge(World(REPORTS, found, minutes_at(now, rows)), states, now, SETTINGS)
        states = loud_states(verdict)
        for lease in reconcile.wanted(verdict, now, 1, SETTINGS.leases).values():
            assert lease.expires_at is not None
            # three days of life at most; from the floor of 2 % it is ten steps of two hours to the top
            assert lease.expires_at - now <= 3 * DAY
            assert standing(lease, lease.expires_at + 22 * HOUR).state is LeaseState.ENDED


@given(st.lists(bad_hours, min_size=1, max_size=8), st.integers(1, 23))
@settings(deadline=None)
def test_counts_that_are_told_again_and_again_cut_once(
    past: list[tuple[int, str, int, int, int]], hours: int
) -> None:
    """Complaints come late and are told at every look: one incident must not become many cuts."""
    world = World(REPORTS, hours=hours_of(past))
    verdict = fleet.judge(world, {}, NOON, SETTINGS)
    levels = {where: state.level for where, state in loud_states(verdict).items()}
    states = loud_states(verdict)
    for n in range(1, hours + 1):
        states = loud_states(fleet.judge(world, states, NOON + n * HOUR, SETTINGS))
        for where, state in states.items():
            assert state.level >= levels.get(where, 1.0) - 1e-9


@given(st.lists(bad_hours, max_size=8), st.lists(bad_minutes, max_size=5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_in_which_counts_arrive_does_not_matter(
    past: list[tuple[int, str, int, int, int]],
    rows: list[tuple[int, str, int, int, int]],
    chance: Random,
) -> None:
    hours, minutes = hours_of(past), minutes_at(NOON, rows)
    one = fleet.judge(World(REPORTS, minutes=minutes, hours=hours), {}, NOON, SETTINGS)
    shuffled_hours, shuffled_minutes = hours * 2, minutes * 2
    chance.shuffle(shuffled_hours)
    chance.shuffle(shuffled_minutes)
    other = fleet.judge(World(REPORTS, minutes=shuffled_minutes, hours=shuffled_hours), {}, NOON, SETTINGS)
    assert one.decisions == other.decisions


@given(st.lists(incidents, max_size=4), st.lists(bad_hours, max_size=8), st.lists(bad_minutes, max_size=5))
@settings(deadline=None)
def test_leaving_quiet_ips_out_changes_no_decision(
    found: list[Incident],
    past: list[tuple[int, str, int, int, int]],
    rows: list[tuple[int, str, int, int, int]],
) -> None:
    reports = [*REPORTS, *(report(p, "203.0.113.99") for p in PROVIDERS)]
    world = World(reports, found, minutes_at(NOON, rows), hours_of(past))
    quick = fleet.judge(world, {}, NOON, SETTINGS)
    thorough = fleet.judge(world, {}, NOON, SETTINGS, frozenset(Census(reports).ips))
    assert {s: d.want for s, d in quick.decisions.items() if d.want} == {
        s: d.want for s, d in thorough.decisions.items() if d.want
    }


def test_everybody_in_a_large_fleet_has_a_turn() -> None:
    ips = [report("other", f"10.0.{n // 250}.{n % 250}").scope.source_ip for n in range(1030)]
    rota, seen = Rota(at_once=100), list[IpAddress]()
    for _ in range(11):
        turn = rota.turn(ips)
        assert len(turn) <= 100
        seen += turn
    assert set(seen) == set(ips)
    assert Rota().turn(ips[:7]) == ips[:7]


def test_an_ip_is_thought_of_as_soon_as_it_has_as_many_bounces_as_could_ever_alarm() -> None:
    def found(bounces: int, ago: timedelta = HOUR) -> bool:
        where = REPORTS[0].scope
        world = World(REPORTS, hours=[ScopeHour(where, NOON - ago, delivered=5, hard_bounced=bounces)])
        return where.source_ip in awake(Census(REPORTS), world, {}, NOON, SETTINGS)

    assert [found(6), found(7), found(7, 4 * DAY)] == [False, True, False]
