"""What happened to leases: every change with who, why, on what evidence, and how to undo it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, delete, func, select

from core.address import IpAddress, parse_ip
from core.lease import Directive, Scope
from core.rate import Rate
from storage.tables import LeaseChangeRow


class LeaseChange(BaseModel):
    """One change of one lease; `before` or `after` None: there was or is none.

    `mode` is the controller's mode at the time (observe, advise, enforce): only enforced ones took effect.
    `undo` is the command that takes it back; `expires_at` is when the lease runs out unless it is renewed.
    """

    model_config = ConfigDict(frozen=True)

    lease_key: str
    scope: Scope
    directive: Directive
    before: Rate | None
    after: Rate | None
    rule: str
    reason: str
    evidence: tuple[str, ...] = ()
    actor: str
    at: datetime
    mode: str
    undo: str = ""
    expires_at: datetime | None = None


def record_change(session: Session, change: LeaseChange) -> None:
    """Write one change."""
    session.add(
        LeaseChangeRow(
            at=change.at,
            lease_key=change.lease_key,
            source_ip=str(change.scope.source_ip),
            provider=change.scope.provider,
            directive=str(change.directive),
            before=None if change.before is None else str(change.before),
            after=None if change.after is None else str(change.after),
            rule=change.rule,
            reason=change.reason,
            evidence=list(change.evidence),
            actor=change.actor,
            mode=change.mode,
            undo=change.undo,
            expires_at=change.expires_at,
        )
    )
    session.flush()


def lease_history(
    session: Session, since: datetime, ip: IpAddress | None = None, after: int = 0
) -> list[LeaseChange]:
    """Changes at or after `since`, oldest first; of one IP if it is given.

    With `after`, those alone that were recorded after `newest` said that number, whenever they began.
    """
    wanted = select(LeaseChangeRow).where(LeaseChangeRow.at >= since, col(LeaseChangeRow.id) > after)
    if ip is not None:
        wanted = wanted.where(LeaseChangeRow.source_ip == str(ip))
    rows = session.exec(wanted.order_by(col(LeaseChangeRow.at), col(LeaseChangeRow.id)))
    return [_change(row) for row in rows]


def newest(session: Session) -> int:
    """The number of the change that was recorded last; 0 before the first."""
    return session.exec(select(func.max(LeaseChangeRow.id))).one() or 0


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` changes from before then. Returns how many. Each lease's newest change stays."""
    newest_ones = select(func.max(LeaseChangeRow.id)).group_by(LeaseChangeRow.lease_key)
    over = session.exec(
        select(LeaseChangeRow.id)
        .where(LeaseChangeRow.at < before, col(LeaseChangeRow.id).not_in(newest_ones))
        .limit(limit)
    ).all()
    session.exec(delete(LeaseChangeRow).where(col(LeaseChangeRow.id).in_(over)))
    return len(over)


def latest_changes(session: Session, limit: int) -> list[LeaseChange]:
    """The newest changes, newest first."""
    rows = session.exec(
        select(LeaseChangeRow)
        .order_by(col(LeaseChangeRow.at).desc(), col(LeaseChangeRow.id).desc())
        .limit(limit)
    )
    return [_change(row) for row in rows]


def _change(row: LeaseChangeRow) -> LeaseChange:
    scope = Scope(source_ip=parse_ip(row.source_ip), provider=row.provider)
    return LeaseChange.model_validate({**row.model_dump(exclude={"id", "source_ip"}), "scope": scope})
