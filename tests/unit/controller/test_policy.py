from datetime import timedelta

import pytest
from controller_world import BASE, DAY, HOUR, MINUTE, NOON, SETTINGS, cap, decide, replies, run

from controller.base import Base
from controller.evidence import Effect, Signal
from controller.hand import Hand
from controller.policy import Move, next_level
from controller.state import REST, ScopeState
from core.rate import UNLIMITED, Rate


def test_a_scope_that_nothing_happened_to_has_no_lease() -> None:
    decision = decide()
    assert (decision.state, decision.want, decision.move) == (REST, None, Move.NONE)


def test_a_cap_cuts_at_once_to_its_level() -> None:
    decision = decide(signals=[cap(0.1)])
    assert (str(decision.want), decision.move, decision.rule) == ("100/h", Move.CUT, "dnsbl-listed")
    assert decision.evidence == ("INC-1",)
    assert decision.reason == "listed (INC-1): held at 10% of the operator's 1000/h"
    assert decision.next_step_at is None


def test_replies_multiply_the_level() -> None:
    decision = decide(signals=[replies(0.4)])
    assert str(decision.want) == "400/h"
    assert decision.next_step_at == NOON + 2 * HOUR


def test_of_simultaneous_signals_the_smallest_wins() -> None:
    assert decide(signals=[cap(0.5), replies(0.7), cap(0.1, name="INC-2")]).state.level == 0.1
    assert decide(signals=[cap(0.5), replies(0.2)]).state.level == pytest.approx(0.2)


def test_after_the_cause_ends_the_rate_climbs_step_by_step_and_never_snaps_back() -> None:
    """The whole schedule: a DNS list held the scope at 10 % for 36 hours, then let go."""
    listed, moves = run(decide(signals=[cap(0.1)]).state, NOON, NOON + 36 * HOUR, [cap(0.1)])
    assert moves == []
    free, moves = run(listed, NOON + 36 * HOUR, NOON + 80 * HOUR)
    assert [(since // HOUR, rate) for since, _, rate in moves] == [
        # two quiet hours first; then ×1.5 every two hours up to 70 % of where it fell from
        (2, "150/h"), (4, "225/h"), (6, "337/h"), (8, "506/h"),
        # then 4 % of the base every two hours
        (10, "546/h"), (12, "586/h"), (14, "626/h"), (16, "666/h"), (18, "706/h"), (20, "746/h"),
        (22, "786/h"), (24, "826/h"), (26, "866/h"), (28, "906/h"), (30, "946/h"), (32, "986/h"),
        (34, "unlimited"),
    ]  # fmt: skip
    assert moves[-1][1] is Move.RECOVERED
    assert not free.is_throttled


def test_near_the_floor_a_careful_step_is_a_tenth_and_not_4_percent_of_the_base() -> None:
    """A scope that was cut again at 4 % must not leap back over the limit that it has just met."""
    assert next_level(0.028, 0.028, SETTINGS.recovery) == pytest.approx(0.0308)
    assert next_level(0.4, 0.3, SETTINGS.recovery) == pytest.approx(0.44)
    assert next_level(0.8, 0.3, SETTINGS.recovery) == pytest.approx(0.84)


def test_each_cut_after_a_step_up_doubles_the_wait_until_all_is_well() -> None:
    state, now, waits = decide(signals=[replies(0.4)]).state, NOON, []
    for _ in range(6):
        cut_at, before = now, state.level
        while state.level <= before:
            now += 10 * MINUTE
            state = decide(state, now=now).state
        waits.append((now - cut_at) // HOUR)
        state = decide(state, [replies(0.7, now + MINUTE)], now + MINUTE).state
        now += MINUTE
    assert waits == [2, 4, 8, 16, 24, 24]
    recovered, _ = run(state, now, now + 30 * DAY)
    assert (recovered.is_throttled, recovered.relapses) == (False, 0)


def test_the_first_step_waits_for_two_quiet_hours_after_the_last_alarm() -> None:
    state = decide(signals=[replies(0.7)]).state
    state = decide(state, [replies(0.7, NOON + HOUR)], NOON + HOUR).state
    assert state.level == pytest.approx(0.49)
    assert decide(state, now=NOON + 3 * HOUR - MINUTE).move is Move.COOLING
    assert decide(state, now=NOON + 3 * HOUR).move is Move.RAISED


def test_a_recovering_scope_stops_below_a_cap_that_remains() -> None:
    state = decide(signals=[cap(0.5)]).state
    milder = cap(0.8, name="INC-2")
    state, moves = run(state, NOON, NOON + 60 * HOUR, [milder])
    assert moves[-1][2] == "800/h"
    assert decide(state, [milder], NOON + 61 * HOUR).move is Move.CAPPED
    assert decide(state, [], NOON + 61 * HOUR).move is Move.COOLING


def test_within_the_dwell_a_worse_signal_deepens_the_cut_and_does_not_compound() -> None:
    state = decide(signals=[replies(0.7)]).state
    again = decide(state, [replies(0.7, NOON + 10 * MINUTE)], NOON + 10 * MINUTE)
    assert (again.move, again.state.level) == (Move.CAPPED, 0.7)
    worse = decide(state, [replies(0.2, NOON + 10 * MINUTE)], NOON + 10 * MINUTE)
    assert (worse.move, worse.state.level) == (Move.CUT, pytest.approx(0.2))


def test_after_the_dwell_cuts_compound() -> None:
    state = decide(signals=[replies(0.7)]).state
    later = NOON + 30 * MINUTE
    assert decide(state, [replies(0.7, later)], later).state.level == pytest.approx(0.49)


def test_counts_dwell_for_a_day() -> None:
    def complaints(at_hours: int) -> Signal:
        at = NOON + at_hours * HOUR
        return Signal(0.5, "complaints", "complaints", Effect.COUNT, at, "complaints", "complaints")

    state = decide(signals=[complaints(0)]).state
    assert decide(state, [complaints(23)], NOON + 23 * HOUR).state.level == 0.5
    assert decide(state, [complaints(24)], NOON + 24 * HOUR).state.level == 0.25


def test_evidence_older_than_the_last_cut_never_cuts_again() -> None:
    state = decide(signals=[replies(0.4)]).state
    stale = [replies(0.2, NOON - MINUTE), cap(0.1, NOON - DAY)]
    held = decide(state, stale, NOON + HOUR)
    assert held.state.level == 0.4


def test_a_stale_cap_still_keeps_the_level_from_rising() -> None:
    state = decide(signals=[replies(0.4)]).state
    _, moves = run(state, NOON, NOON + 30 * HOUR, [cap(0.1, NOON - DAY)])
    assert moves == []


def test_a_step_needs_deliveries_that_prove_the_level() -> None:
    state = decide(signals=[replies(0.7)]).state
    assert decide(state, now=NOON + 3 * HOUR, delivered=9, queued=5).move is Move.UNPROVEN
    assert decide(state, now=NOON + 3 * HOUR, delivered=10, queued=5).move is Move.RAISED
    assert decide(state, now=NOON + 3 * HOUR, delivered=1, queued=0).move is Move.RAISED


def test_silence_never_disproves_what_replies_said_but_a_list_may_let_go_of_an_idle_ip() -> None:
    throttled = decide(signals=[replies(0.7)]).state
    assert decide(throttled, now=NOON + 3 * HOUR, delivered=0).move is Move.UNPROVEN
    listed = decide(signals=[cap(0.1)]).state
    assert decide(listed, now=NOON + 3 * HOUR, delivered=0).move is Move.RAISED


def test_a_blind_source_freezes_the_recovery_of_what_it_once_held_and_of_nothing_else() -> None:
    listed = decide(signals=[cap(0.1)]).state
    other = decide(signals=[cap(0.1, source="snds")]).state
    for blind in ("dnsbl:zen.example", "dnsbl:*"):
        assert decide(listed, now=NOON + 9 * HOUR, blind=[blind]).move is Move.BLIND
        assert decide(other, now=NOON + 9 * HOUR, blind=[blind]).move is Move.RAISED


def test_blindness_neither_starts_nor_tightens_anything() -> None:
    assert decide(blind=["dnsbl:*", "snds"]).move is Move.NONE


def test_the_floor_holds_however_often_it_is_cut() -> None:
    state, now = REST, NOON
    for _ in range(20):
        decision = decide(state, [replies(0.2, now)], now)
        state, now = decision.state, now + HOUR
    assert state.level == BASE.floor
    assert str(decision.want) == "20/h"


def test_the_operators_limit_is_never_exceeded() -> None:
    lowered = Rate.parse("50/h")
    decision = decide(signals=[cap(0.5)], limit=lowered, base=Base(1000, "before", 0.02))
    assert decision.want == lowered


def test_while_recovering_at_most_twice_the_best_hour_of_the_day_flows() -> None:
    state = decide(signals=[cap(0.1)]).state
    raised = decide(state, now=NOON + 3 * HOUR, best_hour=60)
    assert (raised.move, str(raised.want)) == (Move.RAISED, "120/h")
    idle = decide(state, now=NOON + 3 * HOUR, best_hour=0)
    assert str(idle.want) == "100/h"
    assert str(decide(state, [cap(0.1)], NOON + HOUR, best_hour=1).want) == "100/h"


def test_a_pin_wins_but_not_over_the_operators_limit() -> None:
    pinned = decide(signals=[cap(0.1)], hand=Hand(pin=Rate.parse("300/h"), text="pinned by ann"))
    assert (str(pinned.want), pinned.move, pinned.state) == ("300/h", Move.PINNED, REST)
    assert str(decide(hand=Hand(pin=Rate.parse("5000/h"))).want) == "1000/h"


def test_a_frozen_scope_stays_where_it_is() -> None:
    frozen = Hand(is_frozen=True, text="frozen")
    assert decide(signals=[cap(0.1)], hand=frozen).want is None
    state = decide(signals=[cap(0.5)]).state
    held = decide(state, [cap(0.1)], NOON + HOUR, hand=frozen)
    assert (str(held.want), held.state.level) == ("500/h", 0.5)
    assert decide(state, [], NOON + 99 * HOUR, hand=frozen).state.level == 0.5


def test_a_released_scope_is_let_go_at_once_and_old_evidence_does_not_take_it_back() -> None:
    state = decide(signals=[cap(0.1)]).state
    hand = Hand(released_at=NOON + HOUR, text="released by ann")
    decision = decide(state, [cap(0.1)], NOON + HOUR, hand=hand)
    assert (decision.want, decision.move) == (None, Move.RELEASED)
    assert decide(decision.state, [cap(0.1)], NOON + 2 * HOUR).want is None
    assert decide(decision.state, [cap(0.1, NOON + 2 * HOUR)], NOON + 2 * HOUR).want is not None


def test_an_unlimited_scope_gets_a_share_of_its_measured_base() -> None:
    base = Base(240.0, "a usual busy hour's 240/h (unlimited)", 0.05)
    decision = decide(signals=[cap(0.1)], limit=UNLIMITED, base=base)
    assert str(decision.want) == "24/h"
    assert "10% of a usual busy hour's 240/h (unlimited)" in decision.reason


def test_the_state_survives_as_a_json_document() -> None:
    state = decide(signals=[cap(0.1), replies(0.7)]).state
    assert ScopeState.model_validate(state.document()) == state
    assert REST.document() == {}


def test_next_step_is_when_the_level_really_rises() -> None:
    state = decide(signals=[replies(0.4)]).state
    promised = decide(state, now=NOON + MINUTE).next_step_at
    assert promised is not None
    assert decide(state, now=promised - timedelta(seconds=1)).move is not Move.RAISED
    assert decide(state, now=promised).move is Move.RAISED


def test_a_quieter_day_does_not_take_back_what_recovery_has_granted() -> None:
    """The doubling rule bounds growth: while nothing is wrong, the rate only rises."""
    state = decide(signals=[cap(0.1)]).state
    rates, now = [], NOON
    for hour in range(32):
        now = NOON + hour * HOUR
        best_hour = 300 if hour < 18 else 20
        decision = decide(state, now=now, best_hour=best_hour)
        state = decision.state
        assert decision.want is not None
        rates.append(decision.want.per_hour)
    assert rates == sorted(rates)
    assert rates[20] > 2 * 20
    assert rates[16] <= 2 * 300
