import pytest
from controller_world import BASE, HOUR, MINUTE, NOON, SETTINGS, cap, decide, replies, scope

from controller import coupling
from controller.state import REST, ScopeState
from core.lease import Scope


def cut(factor: float, hours_ago: float = 0) -> ScopeState:
    at = NOON - hours_ago * HOUR
    return decide(signals=[replies(factor, at)], now=at).state


def couple(states: dict[str, ScopeState], minutes: float = 0) -> dict[str, float]:
    by_scope: dict[Scope, ScopeState] = {scope(name): state for name, state in states.items()}
    bases = dict.fromkeys(by_scope, BASE)
    followed = coupling.couple(by_scope, bases, NOON + minutes * MINUTE, SETTINGS)
    return {where.provider: state.level for where, state in followed.items()}


def test_two_providers_within_six_hours_pull_the_others_to_the_median() -> None:
    assert couple({"microsoft": cut(0.7), "google": cut(0.2, 5), "yahoo": REST, "*": REST}) == {
        "yahoo": pytest.approx(0.45)
    }


def test_one_provider_or_two_far_apart_pull_nobody() -> None:
    assert couple({"microsoft": cut(0.7), "yahoo": REST}) == {}
    assert couple({"microsoft": cut(0.7), "google": cut(0.2, 7), "yahoo": REST}) == {}


def test_a_cap_is_no_providers_cut() -> None:
    listed = decide(signals=[cap(0.1)]).state
    assert couple({"microsoft": listed, "google": listed, "yahoo": REST}) == {}


def test_the_others_follow_once_and_then_recover_by_themselves() -> None:
    states = {scope("microsoft"): cut(0.7), scope("google"): cut(0.4), scope("yahoo"): REST}
    bases = dict.fromkeys(states, BASE)
    followed = coupling.couple(states, bases, NOON, SETTINGS)
    states |= followed
    assert coupling.couple(states, bases, NOON + MINUTE, SETTINGS) == {}
    yahoo = decide(states[scope("yahoo")], now=NOON + 3 * HOUR).state
    assert yahoo.level > followed[scope("yahoo")].level
    assert coupling.couple({**states, scope("yahoo"): yahoo}, bases, NOON + 4 * HOUR, SETTINGS) == {}


def test_a_scope_that_is_lower_already_stays() -> None:
    low = decide(signals=[cap(0.1)]).state
    assert couple({"microsoft": cut(0.7), "google": cut(0.4), "yahoo": low}) == {"yahoo": 0.1}
