"""The transactional outbox: a message is written in the transaction that caused it, and sent later.

At least once: a sender that dies between sending and `mark_sent` sends again after its claim ran out, with
the same idempotency key (which becomes the Message-ID, so that receivers can tell).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, delete, or_, select

from core.errors import ConflictError, NotFoundError
from storage.tables import NoticeRow, OutboxRow


class MailState(StrEnum):
    """Where a mail stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


class OutboxMail(BaseModel):
    """A message that must go out: a mail where `channel` is empty, with `mime` the whole of it.

    Another channel's has its name in `channel` and a bulletin as JSON in `mime`; `recipients` is the name
    again. `not_before` holds it back until then.
    """

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    kind: str
    channel: str = ""
    recipients: tuple[str, ...]
    subject: str
    mime: bytes
    incident: int | None = None
    created_at: datetime
    not_before: datetime | None = None


class StoredMail(OutboxMail):
    """A mail as the outbox knows it."""

    id: int
    state: MailState
    attempts: int
    next_at: datetime
    leased_until: datetime | None
    finished_at: datetime | None
    last_error: str


class ClaimedMail(StoredMail):
    """A mail that one sender holds until `leased_until`; `attempts` counts this one."""


def put(session: Session, mail: OutboxMail) -> bool:
    """Write a mail; False when its key is known, whatever became of that mail."""
    known = session.exec(
        select(OutboxRow.id).where(OutboxRow.idempotency_key == mail.idempotency_key)
    ).first()
    if known is not None:
        return False
    session.add(
        OutboxRow(
            **mail.model_dump(exclude={"recipients", "not_before"}),
            recipients=list(mail.recipients),
            state=str(MailState.PENDING),
            attempts=0,
            next_at=mail.not_before or mail.created_at,
            last_error="",
        )
    )
    session.flush()
    return True


def claim(session: Session, now: datetime, lease_for: timedelta, limit: int = 10) -> list[ClaimedMail]:
    """Take up to `limit` due mails, oldest first; nobody else gets them before the lease runs out."""
    rows = session.exec(
        select(OutboxRow)
        .where(
            OutboxRow.state == str(MailState.PENDING),
            OutboxRow.next_at <= now,
            or_(col(OutboxRow.leased_until).is_(None), col(OutboxRow.leased_until) <= now),
        )
        .order_by(col(OutboxRow.next_at), col(OutboxRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.leased_until = now + lease_for
        row.attempts += 1
        session.add(row)
    session.flush()
    return [ClaimedMail.model_validate(row.model_dump()) for row in rows]


def told(session: Session, incident: int) -> frozenset[tuple[str, str]]:
    """Channel and address of everybody who has a message of an incident's thread, sent or not."""
    rows = session.exec(select(OutboxRow.channel, OutboxRow.recipients).where(OutboxRow.incident == incident))
    return frozenset((channel, address) for channel, recipients in rows for address in recipients)


def hasten(session: Session, incident: int, channel: str, address: str, now: datetime) -> None:
    """What waits for its hour goes out now: what comes later in the thread does."""
    waiting = session.exec(
        select(OutboxRow).where(
            OutboxRow.incident == incident,
            OutboxRow.channel == channel,
            OutboxRow.state == str(MailState.PENDING),
            OutboxRow.attempts == 0,
            OutboxRow.next_at > now,
        )
    )
    for row in waiting:
        if address in row.recipients:
            row.next_at = now
            session.add(row)
    session.flush()


def mark_sent(session: Session, mail: StoredMail, at: datetime) -> None:
    """The mail went out. True whoever holds the claim by now."""
    _finish(session, mail, MailState.SENT, at, "")


def mark_failed(session: Session, mail: ClaimedMail, retry_at: datetime, error: str) -> None:
    """The attempt failed: try again at `retry_at`. Ignored when another sender has the mail by now."""
    row = session.get_one(OutboxRow, mail.id)
    if row.state == str(MailState.PENDING) and row.attempts == mail.attempts:
        row.leased_until, row.next_at, row.last_error = None, retry_at, error
        session.add(row)
        session.flush()


def mark_dead(session: Session, mail: StoredMail, at: datetime, error: str) -> None:
    """The mail will never go out; it stays for people to see."""
    _finish(session, mail, MailState.DEAD, at, error)


def revive(session: Session, number: int, now: datetime) -> StoredMail:
    """Try a dead message again, as if it were new but for its key. Raises NotFoundError, ConflictError."""
    row = session.get(OutboxRow, number)
    if row is None:
        raise NotFoundError(f"there is no message {number} in the outbox")
    if row.state != str(MailState.DEAD):
        raise ConflictError(f"message {number} is {row.state}, not dead")
    row.state, row.attempts, row.next_at, row.finished_at = str(MailState.PENDING), 0, now, None
    session.add(row)
    session.flush()
    return StoredMail.model_validate(row.model_dump())


def pending(session: Session) -> list[StoredMail]:
    """Mails that have not gone out yet, claimed ones too, oldest first."""
    return _in_state(session, MailState.PENDING)


def dead(session: Session) -> list[StoredMail]:
    """Mails that were given up, oldest first."""
    return _in_state(session, MailState.DEAD)


def sent(session: Session) -> list[StoredMail]:
    """Mails that went out, oldest first."""
    return _in_state(session, MailState.SENT)


def about(session: Session, incidents: Collection[int]) -> list[StoredMail]:
    """Mails in the threads of these incidents, whatever became of them, oldest first."""
    rows = session.exec(
        select(OutboxRow).where(col(OutboxRow.incident).in_(incidents)).order_by(col(OutboxRow.id))
    )
    return [StoredMail.model_validate(row.model_dump()) for row in rows]


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages that were sent or given up before then. Returns how many.

    Those of a thread that still goes on stay: they tell who has heard of it.
    """
    going_on = select(NoticeRow.incident).where(
        col(NoticeRow.closed).is_(False),
        or_(NoticeRow.lead == OutboxRow.incident, NoticeRow.incident == OutboxRow.incident),
    )
    over = session.exec(
        select(OutboxRow.id)
        .where(
            col(OutboxRow.state).in_([str(MailState.SENT), str(MailState.DEAD)]),
            col(OutboxRow.finished_at) < before,
            ~going_on.exists(),
        )
        .limit(limit)
    ).all()
    session.exec(delete(OutboxRow).where(col(OutboxRow.id).in_(over)))
    return len(over)


def _in_state(session: Session, state: MailState) -> list[StoredMail]:
    rows = session.exec(select(OutboxRow).where(OutboxRow.state == str(state)).order_by(col(OutboxRow.id)))
    return [StoredMail.model_validate(row.model_dump()) for row in rows]


def _finish(session: Session, mail: StoredMail, state: MailState, at: datetime, error: str) -> None:
    row = session.get_one(OutboxRow, mail.id)
    if row.state == str(MailState.SENT):
        return
    row.state, row.finished_at, row.leased_until, row.last_error = str(state), at, None, error
    session.add(row)
    session.flush()
