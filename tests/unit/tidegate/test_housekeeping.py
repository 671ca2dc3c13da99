"""What is old is forgotten, and nothing that is still needed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from core.reading import Reading, Source
from monitor.settings import RetentionSettings
from storage import audit, database, outbox, readings
from storage.audit import AuditEntry
from storage.outbox import OutboxMail
from tests.unit.monitor.watching import IP, START, Rig, clean, listed, rig
from tidegate.housekeeping import Housekeeper

RULES = RetentionSettings(readings=timedelta(days=60), messages=timedelta(days=14))


async def at_once(work: Callable[[], int]) -> int:
    return work()


async def tidied(monitor: Rig, piece: int = 1_000) -> int:
    return await Housekeeper(monitor.engine, monitor.clock, RULES, at_once).tidy(piece)


def sent(monitor: Rig, key: str, incident: int | None = None, *, dead: bool = False) -> None:
    now = monitor.clock.now()
    mail = OutboxMail(
        idempotency_key=key, kind="new", recipients=("ops@example.com",), subject=key, mime=b"",
        incident=incident, created_at=now,
    )  # fmt: skip
    with database.session(monitor.engine) as session:
        outbox.put(session, mail)
        [stored] = [m for m in outbox.pending(session) if m.idempotency_key == key]
        (
            outbox.mark_dead(session, stored, now, "refused")
            if dead
            else outbox.mark_sent(session, stored, now)
        )


def kept(monitor: Rig) -> list[str]:
    with database.reading(monitor.engine) as session:
        every = [*outbox.sent(session), *outbox.dead(session), *outbox.pending(session)]
    return [mail.idempotency_key for mail in every]


def history(monitor: Rig) -> list[Reading]:
    with database.reading(monitor.engine) as session:
        return readings.history(session, IP, Source.DNSBL, "zen.spamhaus.org")


def taken(monitor: Rig, *answers: Reading) -> None:
    with database.session(monitor.engine) as session:
        for answer in answers:
            readings.record(session, answer)


async def test_old_answers_go_and_the_last_one_of_a_series_stays_however_old() -> None:
    with rig() as monitor:
        taken(monitor, clean(START), listed(START + timedelta(days=1)), clean(START + timedelta(days=2)))
        monitor.clock.advance(timedelta(days=61).total_seconds() - 1)
        assert await tidied(monitor) == 1
        assert len(history(monitor)) == 2
        monitor.clock.advance(timedelta(days=900).total_seconds())
        assert await tidied(monitor) == 1
        assert [one.period_end for one in history(monitor)] == [START + timedelta(days=2)]
        assert await tidied(monitor) == 0


async def test_messages_that_went_out_or_were_given_up_go_after_their_time() -> None:
    with rig() as monitor:
        sent(monitor, "old")
        sent(monitor, "given up", dead=True)
        monitor.clock.advance(timedelta(days=13).total_seconds())
        sent(monitor, "new")
        assert await tidied(monitor) == 0
        monitor.clock.advance(timedelta(days=1, seconds=1).total_seconds())
        assert await tidied(monitor) == 2
        assert kept(monitor) == ["new"]


async def test_who_has_heard_of_an_open_incident_is_not_forgotten() -> None:
    with rig() as monitor:
        monitor.take(clean(START))
        for wait in (3600, 30):
            monitor.clock.advance(wait)
            monitor.take(listed(monitor.clock.now()))
        monitor.later(minutes=2)
        with database.session(monitor.engine) as session:
            [first] = outbox.pending(session)
            outbox.mark_sent(session, first, monitor.clock.now())
        monitor.clock.advance(timedelta(days=20).total_seconds())
        assert await tidied(monitor) == 0
        for _ in range(8):
            monitor.clock.advance(3600)
            monitor.take(clean(monitor.clock.now()))
        monitor.later(minutes=2)
        assert await tidied(monitor) == 1
        with database.reading(monitor.engine) as session:
            assert first.id not in {mail.id for mail in outbox.about(session, [1])}


async def test_history_goes_after_its_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with rig() as monitor:
        with database.session(monitor.engine) as session:
            for subject in ("old", "new"):
                audit.append(
                    session,
                    AuditEntry(at=monitor.clock.now(), actor="chief", action="pin", subject=subject),
                )
                monitor.clock.advance(timedelta(weeks=103).total_seconds())
        assert await tidied(monitor) == 1
        with database.reading(monitor.engine) as session:
            assert [entry.subject for entry in audit.entries(session)] == ["new"]
    assert "Forgot what is old: 1 audit" in caplog.text


async def test_a_long_neglected_database_is_tidied_in_pieces() -> None:
    with rig() as monitor:
        for number in range(7):
            sent(monitor, f"mail {number}")
        monitor.clock.advance(timedelta(days=15).total_seconds())
        turns = []

        async def at_desk(work: Callable[[], int]) -> int:
            turns.append(work())
            return turns[-1]

        assert await Housekeeper(monitor.engine, monitor.clock, RULES, at_desk).tidy(3) == 7
    assert turns == [0, 3, 3, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(("key", "days"), [("readings", 59), ("messages", 13), ("history", 59)])
def test_what_detection_and_digest_need_cannot_be_forgotten(key: str, days: int) -> None:
    with pytest.raises(ValidationError, match=f"{key} must be kept"):
        RetentionSettings.model_validate({key: timedelta(days=days)})
