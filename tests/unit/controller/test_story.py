"""The story of a scope, as far as it is decided."""

from dataclasses import replace

from controller_world import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SETTINGS,
    cap,
    decide,
    incident,
    minute,
    replies,
    report,
    scope,
)

from controller import story
from controller.fleet import World
from controller.policy import Move
from controller.state import ScopeState
from core.incident import Rule
from core.lease import Scope
from storage.orders import Order, OrderKind

REPORTS = [report(p) for p in ("microsoft", "google", "*")]


def tell(world: World, state: ScopeState | None = None, where: Scope | None = None) -> story.Story:
    where = where or scope()
    return story.tell(world, {where: state} if state else {}, where, NOON, SETTINGS)


def test_a_listing_holds_until_it_ends_and_two_quiet_hours_after() -> None:
    told = tell(World(REPORTS, [incident()]), decide(signals=[cap(0.1)], now=NOON - HOUR).state)
    assert [(c.id, c.does) for c in told.clues] == [("INC-1", "holds the level at 10% while it lasts")]
    assert (str(told.rate), str(told.next_rate), told.next_step_at) == ("100/h", "150/h", None)
    assert told.waits_for == (
        "the end of INC-1",
        "2 h without new trouble",
        "10 recipients accepted at this level (0 so far), or nothing left that waits",
    )


def test_after_replies_the_next_step_has_a_time_and_counts_what_was_delivered() -> None:
    state = decide(signals=[replies(0.4, NOON - HOUR)], now=NOON - HOUR).state
    world = World(REPORTS, minutes=[minute(NOON - 30 * MINUTE, delivered=7)])
    told = tell(world, state)
    assert (told.move, told.next_step_at, str(told.next_rate)) == (Move.COOLING, NOON + HOUR, "600/h")
    assert told.waits_for[-1].startswith("10 recipients accepted at this level (7 so far)")


def test_a_level_that_is_proven_waits_for_quiet_alone() -> None:
    state = decide(signals=[replies(0.4, NOON - HOUR)], now=NOON - HOUR).state
    told = tell(World(REPORTS, minutes=[minute(NOON - 30 * MINUTE, delivered=10)]), state)
    assert told.waits_for == ("2 h without new trouble",)


def test_what_lowers_nothing_says_why() -> None:
    throttled = decide(signals=[replies(0.4)]).state
    old = incident(Rule.SNDS_RED, at=NOON - DAY)
    assert tell(World(REPORTS, [old]), throttled).clues[0].does == (
        "older than the last cut: it lowers nothing more, and nothing rises above it"
    )
    order = Order(
        id=3, kind=OrderKind.OVERRIDE, subject="dnsbl-listed", author="ann", reason="known", created_at=NOON
    )
    told = tell(World(REPORTS, [incident()], orders=[order]))
    assert [c.does for c in told.clues] == ["ignored, as an operator ordered"]
    assert told.orders == ("order 3: ignore one signal for this scope by ann: known",)
    assert told.rate is None


def test_a_protected_scope_shows_what_is_only_advised() -> None:
    world = World(REPORTS, [incident()], protected=frozenset({scope().source_ip}))
    told = tell(world)
    assert (told.rate, str(told.advised)) == (None, "100/h")
    assert told.clues[0].does.startswith("advised alone, the IP is protected")


def test_a_suspect_source_waits_for_a_person() -> None:
    ips = [f"203.0.113.{n}" for n in range(20)]
    world = World(
        [report("microsoft", ip) for ip in ips], [incident(ip=ip, number=n) for n, ip in enumerate(ips)]
    )
    assert tell(world).clues[0].does == "held back by the guard until somebody decides"


def test_blindness_is_among_what_is_waited_for() -> None:
    blind = incident(Rule.BLIND, number=9)
    throttled = decide(signals=[cap(0.1)], now=NOON - 5 * HOUR).state
    told = tell(World(REPORTS, [blind]), throttled)
    assert (told.move, told.waits_for[0]) == (Move.BLIND, "dnsbl:zen.example to be seen again")


def test_the_flow_is_that_of_the_last_hour_and_of_the_whole_ip_for_every_provider() -> None:
    minutes = [
        minute(NOON - 5 * MINUTE, delivered=5, reputation_deferred=2),
        minute(NOON - 70 * MINUTE, delivered=100),
        minute(NOON - 5 * MINUTE, provider="google", delivered=3, blocked=1),
    ]
    world = World([replace(REPORTS[0], queued=40), *REPORTS[1:]], minutes=minutes)
    assert tell(world).flow == story.Flow(
        attempted=7, delivered=5, deferred=2, bounced=0, about_ip=2, queued=40
    )
    assert tell(world, where=scope("*")).flow == story.Flow(
        attempted=11, delivered=8, deferred=2, bounced=1, about_ip=3
    )


def test_what_holds_the_ip_elsewhere_is_named() -> None:
    told = tell(World(REPORTS, [incident()]), where=scope("*"))
    assert told.rate is None
    assert told.elsewhere == (
        "203.0.113.7 × google: 500/h (dnsbl-listed)",
        "203.0.113.7 × microsoft: 100/h (dnsbl-listed)",
        "203.0.113.7 × other: 100/h (dnsbl-listed)",
    )


def test_a_scope_that_nothing_is_known_against_waits_for_nothing() -> None:
    told = tell(World(REPORTS))
    assert (told.clues, told.rate, told.waits_for, told.next_rate) == ((), None, (), None)
