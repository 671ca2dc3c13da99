from controller_world import DAY, HOUR, NOON, SETTINGS, cap, decide, scope

from controller import base, hand
from controller.base import Base
from controller.settings import Mode
from controller.state import REST
from core.rate import UNLIMITED, Rate
from storage.orders import Order, OrderKind
from storage.scopes import ScopeHour


def hours(volumes: list[int]) -> list[ScopeHour]:
    return [
        ScopeHour(scope=scope(), hour=NOON - n * HOUR, delivered=volume)
        for n, volume in enumerate(volumes, start=1)
    ]


def assumed(volumes: list[int], limit: Rate = UNLIMITED, state=REST) -> Base:  # noqa: ANN001
    return base.assume(limit, state, hours(volumes), NOON, SETTINGS.base)


def test_the_operators_limit_is_the_base() -> None:
    assert assumed([5] * 99, Rate.parse("10/m")).per_hour == 600


def test_unlimited_is_measured_by_its_busy_hours() -> None:
    measured = assumed(list(range(1, 101)) + [0] * 200)
    assert measured.per_hour == 1.2 * 95
    assert measured.text == "a usual busy hour's 114/h (unlimited)"


def test_too_little_history_is_assumed_and_says_so() -> None:
    measured = assumed([500] * 23)
    assert measured.per_hour == 1000
    assert "too little mail" in measured.text


def test_the_base_is_frozen_while_the_scope_is_throttled() -> None:
    state = decide(signals=[cap(0.1)], limit=UNLIMITED, base=Base(240, "before")).state
    assert assumed([5] * 99, state=state) == Base(240, "before")
    assert assumed([5] * 99, Rate.parse("900/h"), state=state).per_hour == 900


def test_old_hours_do_not_count() -> None:
    old = [ScopeHour(scope=scope(), hour=NOON - 15 * DAY - n * HOUR, delivered=9) for n in range(99)]
    assert base.assume(UNLIMITED, REST, old, NOON, SETTINGS.base).per_hour == 1000


def test_the_floor_is_the_largest_of_the_floors() -> None:
    def floor(per_hour: float, provider: str = "google") -> float:
        return round(base.floor_level(Base(per_hour, ""), provider, SETTINGS.floor), 4)

    assert floor(10_000) == 0.02
    assert floor(100) == 0.1
    assert floor(5) == 1.0
    assert floor(100, "microsoft") == 0.1


def order(kind: OrderKind, number: int = 1, **fields: object) -> Order:
    fields = {"author": "ann", "reason": "test", "created_at": NOON, **fields}
    return Order.model_validate({"id": number, "kind": kind, **fields})


def test_nobodys_orders_leave_the_scope_free() -> None:
    assert hand.on(scope(), []) == hand.FREE
    assert not hand.FREE.stays


def test_orders_speak_about_their_scope_alone() -> None:
    pin = order(OrderKind.PIN, source_ip="203.0.113.7", provider="microsoft", value="50/h")
    assert str(hand.on(scope(), [pin]).pin) == "50/h"
    assert hand.on(scope("google"), [pin]).pin is None
    assert hand.on(scope("microsoft", "203.0.113.8"), [pin]).pin is None


def test_the_newer_pin_wins() -> None:
    pins = [order(OrderKind.PIN, n, value=value) for n, value in ((2, "20/h"), (1, "10/h"))]
    assert str(hand.on(scope(), pins).pin) == "20/h"


def test_overrides_add_up_and_a_mode_is_per_scope() -> None:
    orders = [
        order(OrderKind.OVERRIDE, subject="snds-*"),
        order(OrderKind.OVERRIDE, 2, subject="complaints"),
        order(OrderKind.MODE, 3, value="observe"),
        order(OrderKind.SILENCE, 4),
    ]
    found = hand.on(scope(), orders)
    assert found.overridden == ("complaints", "snds-*")
    assert found.ignores("snds-red")
    assert found.mode is Mode.OBSERVE
    assert not found.stays


def test_the_kill_switch_and_a_freeze_hold_a_scope() -> None:
    assert hand.on(scope(), [order(OrderKind.FREEZE)]).is_frozen
    assert not hand.is_stopped([order(OrderKind.FREEZE)])
    assert hand.is_stopped([order(OrderKind.STOP)])
