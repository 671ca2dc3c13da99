from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from storage import outbox
from storage.outbox import OutboxMail

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def mail(key: str = "inc-1-opened", at: datetime = NOON) -> OutboxMail:
    return OutboxMail(
        idempotency_key=key, kind="opened", recipients=("ops@example.com",), subject="INC-1",
        mime=b"Subject: INC-1\r\n\r\nhello\r\n", incident=1, created_at=at,
    )  # fmt: skip


def test_a_repeated_key_is_ignored_even_after_it_was_sent(session: Session) -> None:
    assert outbox.put(session, mail())
    assert not outbox.put(session, mail())
    (claimed,) = outbox.claim(session, NOON, MINUTE)
    outbox.mark_sent(session, claimed, NOON)
    assert not outbox.put(session, mail())
    assert outbox.pending(session) == []
    assert [m.idempotency_key for m in outbox.sent(session)] == ["inc-1-opened"]


def test_a_claimed_mail_is_nobody_elses_until_the_lease_runs_out(session: Session) -> None:
    outbox.put(session, mail())
    (first,) = outbox.claim(session, NOON, MINUTE)
    assert (first.attempts, first.mime) == (1, mail().mime)
    assert outbox.claim(session, NOON + MINUTE / 2, MINUTE) == []
    (second,) = outbox.claim(session, NOON + MINUTE, MINUTE)
    assert second.attempts == 2


def test_a_failed_mail_waits_for_its_retry(session: Session) -> None:
    outbox.put(session, mail())
    (first,) = outbox.claim(session, NOON, MINUTE)
    outbox.mark_failed(session, first, NOON + 5 * MINUTE, "451 later")
    assert outbox.claim(session, NOON + 4 * MINUTE, MINUTE) == []
    (again,) = outbox.claim(session, NOON + 5 * MINUTE, MINUTE)
    assert (again.attempts, again.last_error) == (2, "451 later")


def test_a_failure_reported_after_the_lease_was_lost_does_not_disturb_the_new_holder(
    session: Session,
) -> None:
    outbox.put(session, mail())
    (slow,) = outbox.claim(session, NOON, MINUTE)
    (quick,) = outbox.claim(session, NOON + MINUTE, MINUTE)
    outbox.mark_failed(session, slow, NOON + 2 * MINUTE, "timed out")
    assert outbox.claim(session, NOON + MINUTE, MINUTE) == []
    outbox.mark_sent(session, quick, NOON + MINUTE)
    outbox.mark_dead(session, slow, NOON + MINUTE, "too late to matter")
    assert [m.last_error for m in outbox.sent(session)] == [""]


def test_a_dead_mail_is_kept_for_people(session: Session) -> None:
    outbox.put(session, mail())
    (claimed,) = outbox.claim(session, NOON, MINUTE)
    outbox.mark_dead(session, claimed, NOON, "550 no such user")
    assert outbox.claim(session, NOON + 60 * MINUTE, MINUTE) == []
    assert [(m.last_error, m.finished_at) for m in outbox.dead(session)] == [("550 no such user", NOON)]


def test_claims_go_to_the_oldest_first_and_stop_at_the_limit(session: Session) -> None:
    for minute in (2, 0, 1):
        outbox.put(session, mail(f"m{minute}", NOON + minute * MINUTE))
    claimed = outbox.claim(session, NOON + 9 * MINUTE, MINUTE, limit=2)
    assert [m.idempotency_key for m in claimed] == ["m0", "m1"]
