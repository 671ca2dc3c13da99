"""Leases, scopes, orders, audit and health: what goes in comes out."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from sqlmodel import Session

from core.errors import NotFoundError
from core.lease import Directive, Scope
from core.rate import Rate
from storage import audit, health, leases, orders, scopes
from storage.orders import NewOrder, OrderKind
from storage.scopes import ScopeHour

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCOPE = Scope(source_ip=ip_address("203.0.113.7"), provider="microsoft")
OTHER = Scope(source_ip=ip_address("203.0.113.8"))


def change(scope: Scope, at: datetime) -> leases.LeaseChange:
    return leases.LeaseChange(
        lease_key="auto:x", scope=scope, directive=Directive.SOURCE_IP_MAX_MSG_RATE, before=None,
        after=Rate.parse("100/h"), rule="dnsbl-listed", reason="listed", evidence=("INC-1",),
        actor="controller", at=at, mode="enforce", undo="tidegate release auto:x",
    )  # fmt: skip


def test_what_an_ip_sent_is_added_up_over_providers_and_hours(session: Session) -> None:
    both = [Scope(source_ip=SCOPE.source_ip, provider=provider) for provider in ("microsoft", "google")]
    scopes.record_hours(
        session,
        [
            *(ScopeHour(scope=scope, hour=NOON + n * HOUR, attempted=10) for scope in both for n in range(3)),
            ScopeHour(scope=OTHER, hour=NOON, attempted=7),
        ],
    )
    assert scopes.attempted_by_ip(session, NOON) == {SCOPE.source_ip: 60, OTHER.source_ip: 7}
    assert scopes.attempted_by_ip(session, NOON + HOUR) == {SCOPE.source_ip: 40}


def test_lease_changes_are_found_by_time_and_ip(session: Session) -> None:
    made = [change(SCOPE, NOON), change(OTHER, NOON + HOUR), change(SCOPE, NOON + 2 * HOUR)]
    for one in made:
        leases.record_change(session, one)
    assert leases.lease_history(session, NOON) == made
    assert leases.lease_history(session, NOON + HOUR, SCOPE.source_ip) == made[2:]
    assert leases.newest(session) == 3


def test_a_change_that_began_early_and_was_recorded_late_is_found_by_when_it_was_recorded(
    session: Session,
) -> None:
    leases.record_change(session, change(SCOPE, NOON + HOUR))
    told = leases.newest(session)
    late = change(SCOPE, NOON)
    leases.record_change(session, late)
    assert leases.lease_history(session, NOON, after=told) == [late]


def test_old_changes_of_leases_are_forgotten_but_the_newest_of_each(session: Session) -> None:
    for hour in range(3):
        leases.record_change(session, change(SCOPE, NOON + hour * HOUR))
    pinned = change(OTHER, NOON).model_copy(update={"lease_key": "pin:y"})
    leases.record_change(session, pinned)
    assert leases.forget(session, NOON + 2 * HOUR, 1) == 1
    assert leases.forget(session, NOON + 9 * HOUR, 9) == 1
    assert leases.lease_history(session, NOON) == [pinned, change(SCOPE, NOON + 2 * HOUR)]


def test_old_entries_of_the_audit_are_forgotten(session: Session) -> None:
    for hour in range(3):
        entry = audit.AuditEntry(at=NOON + hour * HOUR, actor="chief", action="pin", subject=f"{hour}")
        audit.append(session, entry)
    assert audit.forget(session, NOON + 2 * HOUR, 1) == 1
    assert audit.forget(session, NOON + 2 * HOUR, 9) == 1
    assert [entry.subject for entry in audit.entries(session)] == ["2"]


def test_ended_orders_are_forgotten_and_no_number_is_given_twice(session: Session) -> None:
    def give(lasts: timedelta | None) -> int:
        return orders.give(
            session,
            NewOrder(
                kind=OrderKind.FREEZE, author="chief", reason="incident", created_at=NOON,
                expires_at=None if lasts is None else NOON + lasts,
            ),
        ).id  # fmt: skip

    ran_out, stands, withdrawn, newest = give(HOUR), give(None), give(9 * HOUR), give(HOUR)
    orders.withdraw(session, withdrawn, NOON + HOUR)
    assert orders.forget(session, NOON + HOUR, 9) == 0
    assert orders.forget(session, NOON + 2 * HOUR, 9) == 2
    assert {one.id for one in orders.given(session, NOON)} == {stands, newest}
    assert give(None) == newest + 1 > ran_out


def test_a_scopes_document_is_written_changed_and_forgotten(session: Session) -> None:
    scopes.save_states(session, {SCOPE: {"m": 1.0}}, NOON)
    scopes.save_states(session, {SCOPE: {"m": 0.5}, OTHER: {"m": 0.2}}, NOON)
    assert scopes.load_states(session) == {SCOPE: {"m": 0.5}, OTHER: {"m": 0.2}}
    scopes.delete_state(session, SCOPE)
    scopes.delete_state(session, SCOPE)
    assert list(scopes.load_states(session)) == [OTHER]


def test_hourly_counts_only_grow(session: Session) -> None:
    scopes.record_hours(session, [ScopeHour(scope=SCOPE, hour=NOON, attempted=10, delivered=9)])
    scopes.record_hours(session, [ScopeHour(scope=SCOPE, hour=NOON, attempted=4, delivered=9, complaints=1)])
    (found,) = scopes.hours(session, NOON)
    assert (found.attempted, found.delivered, found.complaints) == (10, 9, 1)


def test_old_hours_are_forgotten(session: Session) -> None:
    scopes.record_hours(session, [ScopeHour(scope=SCOPE, hour=NOON + n * HOUR) for n in range(3)])
    scopes.forget_hours(session, NOON + HOUR)
    assert [h.hour for h in scopes.hours(session, NOON, SCOPE.source_ip)] == [NOON + HOUR, NOON + 2 * HOUR]


def test_a_counter_counts_up_from_one(session: Session) -> None:
    assert [scopes.next_number(session, "epoch") for _ in range(3)] == [1, 2, 3]
    assert scopes.next_number(session, "other") == 1


def test_orders_stand_until_they_expire_or_are_withdrawn(session: Session) -> None:
    silence = NewOrder(
        kind=OrderKind.SILENCE, subject="ip:*", author="ann", reason="moving", created_at=NOON,
        expires_at=NOON + 2 * HOUR,
    )  # fmt: skip
    pin = NewOrder(
        kind=OrderKind.PIN, source_ip=SCOPE.source_ip, provider="microsoft", value="50/h", author="bob",
        reason="warm-up", created_at=NOON,
    )  # fmt: skip
    one, two = orders.give(session, silence), orders.give(session, pin)
    assert orders.standing(session, NOON) == [one, two]
    assert orders.standing(session, NOON + 2 * HOUR) == [two]
    orders.withdraw(session, two.id, NOON + HOUR)
    assert orders.standing(session, NOON + HOUR) == [one]
    assert two.concerns(SCOPE.source_ip, "microsoft")
    assert not two.concerns(SCOPE.source_ip, "google")
    assert not two.concerns(OTHER.source_ip, "microsoft")
    assert one.concerns(OTHER.source_ip)
    with pytest.raises(NotFoundError):
        orders.withdraw(session, 99, NOON)


def test_audit_entries_come_newest_first(session: Session) -> None:
    made = [
        audit.AuditEntry(at=NOON + n * HOUR, actor="ops", action="release", subject="auto:x", before="100/h")
        for n in range(3)
    ]
    for entry in made:
        audit.append(session, entry)
    assert audit.entries(session, NOON, limit=2) == [made[2], made[1]]
    assert audit.entries(session, NOON + 2 * HOUR) == [made[2]]


def test_a_sources_health_is_written_over(session: Session) -> None:
    first = health.SourceHealth(name="snds:main", state="ok", last_success_at=NOON, last_attempt_at=NOON)
    health.save(session, first)
    second = first.model_copy(
        update={"state": "failing", "last_error": "HTTP 500", "consecutive_failures": 1}
    )
    health.save(session, second)
    assert health.load_all(session) == [second]
    assert health.find(session, "snds:main") == second
    assert health.find(session, "unknown") is None
