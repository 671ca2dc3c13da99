"""The work behind `notify outbox` and `notify retry`: what has not gone out, why, and another try."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage import audit, outbox
from storage.audit import AuditEntry
from storage.outbox import MailState, StoredMail
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.invocation import Invocation
from tidegate.cli.orders import author, records
from tidegate.cli.output import ago, block, emit, emit_json, table

_FIELDS = {
    "id", "state", "channel", "recipients", "subject", "kind", "incident", "attempts", "created_at",
    "next_at", "finished_at", "last_error", "idempotency_key",
}  # fmt: skip


def show(asked: Invocation) -> int:
    """List dead messages and those that wait; exit code 10 when one is dead."""
    kept = records(asked)
    with kept.look() as session:
        dead, waiting = outbox.dead(session), outbox.pending(session)
    if asked.as_json:
        emit_json({"schema": "outbox/v1", "messages": [_document(m) for m in (*dead, *waiting)]})
    else:
        emit(_text(dead, waiting, kept.now))
    return ExitCode.FOUND if dead else ExitCode.OK


def retry(asked: Invocation, numbers: Sequence[int], *, everything: bool) -> int:
    """Try dead messages again with the keys they had; the watch process sends them. Audited."""
    kept = records(asked)
    with kept.open() as session:
        wanted = [m.id for m in outbox.dead(session)] if everything else list(numbers)
        revived = [outbox.revive(session, number, kept.now) for number in wanted]
        for one in revived:
            audit.append(session, _entry(one, kept.now))
    if asked.as_json:
        emit_json({"schema": "outbox/v1", "messages": [_document(m) for m in revived]})
    elif not revived:
        emit("Nothing is dead.")
    for one in [] if asked.as_json else revived:
        emit(f"{one.id} to {', '.join(one.recipients)} is tried again: {one.subject}")
    return ExitCode.OK


def _text(dead: Sequence[StoredMail], waiting: Sequence[StoredMail], now: datetime) -> str:
    if not dead and not waiting:
        return "Everything has gone out."
    lines = [
        (m.id, _state(m, now), m.channel or "mail", ", ".join(m.recipients), m.attempts,
         ago(m.created_at, now), m.subject)
        for m in (*dead, *waiting)
    ]  # fmt: skip
    columns = ("no.", "state", "by", "to", "tries", "written", "subject")
    why = block((f"{m.id}:", m.last_error) for m in (*dead, *waiting) if m.last_error)
    hint = "Try dead ones again: tidegate notify retry NO." if dead else ""
    return "\n\n".join(filter(None, (table(columns, lines, right=(0, 4)), why, hint)))


def _state(message: StoredMail, now: datetime) -> str:
    if message.state is MailState.DEAD:
        return "dead"
    return "due" if message.next_at <= now else f"waits, {ago(message.next_at, now)}"


def _document(message: StoredMail) -> dict[str, Any]:
    return message.model_dump(mode="json", include=_FIELDS)


def _entry(message: StoredMail, now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=author(),
        action="outbox.retry",
        subject=str(message.id),
        before="dead",
        after="pending",
        reason=message.last_error,
    )
