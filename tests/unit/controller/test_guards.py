from random import Random

from controller_world import MINUTE, NOON, SETTINGS, cap, decide, replies, scope
from hypothesis import given
from hypothesis import strategies as st

from controller import guards
from controller.guards import Standing
from controller.state import REST, ScopeState

GUARD = SETTINGS.guard


def address(number: int) -> str:
    return f"203.0.113.{number}"


def fleet(size: int, listed: int, level: float = 0.1, state: ScopeState = REST) -> list[Standing]:
    """`size` IPs of equal capacity, the first `listed` of them with a new cap."""
    return [
        Standing(scope("other", address(n)), state, 1000.0, (cap(level),) if n < listed else ())
        for n in range(size)
    ]


def waiting(standings: list[Standing]) -> list[str]:
    return sorted(str(ip) for ip in guards.admit(standings, GUARD))


def test_a_single_listed_ip_is_always_capped() -> None:
    assert waiting(fleet(1, 1)) == []


def test_the_first_two_ips_are_capped_in_a_small_fleet() -> None:
    assert waiting(fleet(3, 3)) == [address(2)]


def test_a_list_that_lists_everything_takes_a_quarter_of_the_fleet_within_an_hour() -> None:
    held_back = waiting(fleet(100, 100))
    assert len(held_back) == 100 - 27  # 27 × 90 % are 24.3 % of the fleet


def test_caps_of_the_last_hour_count_against_the_next() -> None:
    capped = decide(signals=[cap(0.1)]).state
    old = [Standing(scope("other", address(n)), capped, 1000.0, (cap(0.1),)) for n in range(25)]
    fresh = [Standing(scope("other", address(n)), REST, 1000.0, (cap(0.1),)) for n in range(25, 100)]
    assert len(waiting(old + fresh)) == 73


def test_an_hour_later_there_is_room_up_to_two_fifths() -> None:
    capped = decide(signals=[cap(0.1)]).state
    later = decide(capped, [cap(0.1)], NOON + 61 * MINUTE).state
    assert later.cap_cuts == ()
    old = [Standing(scope("other", address(n)), later, 1000.0, (cap(0.1),)) for n in range(27)]
    fresh = [Standing(scope("other", address(n)), REST, 1000.0, (cap(0.1),)) for n in range(27, 100)]
    assert len(waiting(old + fresh)) == 73 - 17  # 44 × 90 % are 39.6 % of the fleet


def test_what_replies_took_does_not_count_against_caps() -> None:
    cut = decide(signals=[replies(0.2)]).state
    standings = [Standing(scope("other", address(n)), cut, 1000.0, ()) for n in range(50)]
    listed = [Standing(scope("other", address(n)), REST, 1000.0, (cap(0.1),)) for n in range(50, 60)]
    assert waiting(standings + listed) == []


def test_the_deepest_caps_go_first() -> None:
    mild = [Standing(scope("other", address(n)), REST, 1000.0, (cap(0.5),)) for n in range(50)]
    deep = [Standing(scope("other", address(n)), REST, 1000.0, (cap(0.1),)) for n in range(50, 60)]
    held_back = waiting(mild + deep)
    assert not {address(n) for n in range(50, 60)} & set(held_back)


def test_a_cap_on_the_whole_ip_counts_against_the_capacity_of_its_providers() -> None:
    def ip(n: int) -> list[Standing]:
        providers = [Standing(scope(p, address(n)), REST, 500.0, ()) for p in ("google", "other")]
        return [*providers, Standing(scope("*", address(n)), REST, 9e9, (cap(0.5),))]

    assert len(waiting([s for n in range(10) for s in ip(n)])) == 5


def test_a_cap_that_must_wait_lowers_nothing_and_still_keeps_the_level_from_rising() -> None:
    fresh = guards.withhold(Standing(scope(), REST, 1000.0, (cap(0.1), replies(0.7))))
    assert [s.value for s in fresh.signals] == [0.7]
    state = decide(signals=[replies(0.7)]).state
    held = guards.withhold(Standing(scope(), state, 1000.0, (cap(0.1),)))
    assert [s.value for s in held.signals] == [0.7]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.1, 0.5, 0.8, 1.0])), max_size=40),
    st.randoms(use_true_random=False),
)
def test_the_guard_keeps_its_bound_whatever_the_order(rows: list[tuple[int, float]], chance: Random) -> None:
    standings = [
        Standing(scope(f"p{n}", address(number)), REST, 1000.0, (cap(level),) if level < 1 else ())
        for n, (number, level) in enumerate(rows)
    ]
    held_back = guards.admit(standings, GUARD)
    shuffled = standings[:]
    chance.shuffle(shuffled)
    assert guards.admit(shuffled, GUARD) == held_back
    let = [s for s in standings if s.scope.source_ip not in held_back]
    taken = sum((1 - s.proposed) * s.base for s in let)
    touched = {s.scope.source_ip for s in let if s.proposed < 1}
    assert taken <= GUARD.hourly * 1000 * len(rows) + 1e-6 or len(touched) <= GUARD.free_ips
