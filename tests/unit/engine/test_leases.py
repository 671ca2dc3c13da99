"""Leases: what holds when, how an orphan ramps out, and who may change what."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConflictError
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from engine.shaping.leases import LeaseBook, LeaseState, Stored, standing

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SCOPE = Scope.model_validate({"source_ip": "203.0.113.7", "provider": "microsoft"})


def lease_of(value: str = "100/h", **changes: object) -> Lease:
    fields = {
        "key": "auto:203.0.113.7:microsoft",
        "scope": SCOPE,
        "directive": Directive.SOURCE_IP_MAX_MSG_RATE,
        "value": value,
        "origin": Origin.CONTROLLER,
        "reason": "listed",
        "set_by": "controller",
        "set_at": NOON,
        "expires_at": NOON + timedelta(hours=6),
        "base": "1000/h",
        "epoch": 3,
    }
    return Lease.model_validate({**fields, **changes})


def test_an_orphaned_lease_ramps_by_half_every_two_hours_and_then_goes() -> None:
    lease = lease_of()
    hours = [0, 5, 6, 8, 10, 12, 14, 16]
    seen = [(h, standing(lease, NOON + timedelta(hours=h))) for h in hours]
    assert [(h, s.state, str(s.rate)) for h, s in seen] == [
        (0, LeaseState.ACTIVE, "100/h"),
        (5, LeaseState.ACTIVE, "100/h"),
        (6, LeaseState.RAMPING, "150/h"),
        (8, LeaseState.RAMPING, "225/h"),
        (10, LeaseState.RAMPING, "337/h"),
        (12, LeaseState.RAMPING, "506/h"),
        (14, LeaseState.RAMPING, "759/h"),
        (16, LeaseState.ENDED, "unlimited"),
    ]


def test_a_ramp_without_a_base_ends_after_a_day() -> None:
    lease = lease_of(base=None)
    assert standing(lease, NOON + timedelta(hours=29)).state is LeaseState.RAMPING
    assert standing(lease, NOON + timedelta(hours=31)).state is LeaseState.ENDED


def test_an_operators_lease_ends_when_it_expires() -> None:
    lease = lease_of(origin=Origin.OPERATOR)
    assert standing(lease, NOON + timedelta(hours=6)).state is LeaseState.ENDED


@given(minutes=st.integers(0, 60 * 24 * 20))
def test_a_dead_controllers_rate_never_falls_never_snaps_back_and_never_stays(minutes: int) -> None:
    lease, at = lease_of(), NOON + timedelta(minutes=minutes)
    now, later = standing(lease, at), standing(lease, at + timedelta(hours=2))
    if later.state is not LeaseState.ENDED:
        assert now.rate.per_hour <= later.rate.per_hour <= now.rate.per_hour * 1.5 + 1
    if minutes > 60 * 24:
        assert now.state is LeaseState.ENDED


def test_the_same_lease_again_changes_nothing() -> None:
    book = LeaseBook()
    assert book.put(lease_of()) is Stored.CREATED
    assert book.put(lease_of()) is Stored.UNCHANGED
    assert book.put(lease_of("50/h")) is Stored.CHANGED


def test_a_controller_with_an_older_epoch_is_refused() -> None:
    book = LeaseBook()
    book.put(lease_of(epoch=7))
    with pytest.raises(ConflictError, match="epoch 6 is behind 7"):
        book.put(lease_of(epoch=6, value="900/h"))
    with pytest.raises(ConflictError, match="epoch 6 is behind 7"):
        book.delete(lease_of().key, epoch=6)
    assert str(book.all()[0].value) == "100/h"


def test_the_controller_may_not_take_an_operators_lease_over() -> None:
    book = LeaseBook()
    book.put(lease_of(origin=Origin.OPERATOR, set_by="anna"))
    with pytest.raises(ConflictError, match="held by operator anna"):
        book.put(lease_of(epoch=99))


def test_sweeping_drops_what_has_ended_and_nothing_else() -> None:
    book = LeaseBook()
    book.put(lease_of())
    book.put(lease_of(key="op:1", origin=Origin.OPERATOR, expires_at=NOON + timedelta(hours=1)))
    assert [x.key for x in book.sweep(NOON + timedelta(hours=2))] == ["op:1"]
    assert [x.key for x in book.all()] == [lease_of().key]
    assert book.next_change(NOON) == NOON + timedelta(hours=6)


def test_an_automatic_lease_must_expire() -> None:
    with pytest.raises(ValueError, match="a controller lease must have expires_at"):
        lease_of(expires_at=None)


def test_a_rate_below_one_in_six_minutes_keeps_its_plain_form() -> None:
    assert str(Rate.from_per_hour(9.9)) == "1/7m"
