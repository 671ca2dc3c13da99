"""The schema. Rows stay inside storage/: its functions take and return core values.

Addresses are stored as text, enums as their values, rates in PowerMTA's grammar: a row can be read with
the sqlite3 shell.
"""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime

METADATA = SQLModel.metadata


class ReadingRun(SQLModel, table=True):
    """A stretch of equal readings of one series; `periods` holds the newest exactly (storage.runs)."""

    __tablename__: ClassVar[str] = "reading_runs"
    __table_args__ = (Index("ix_reading_runs_series", "ip", "source", "metric", "last_period"),)

    id: int | None = Field(default=None, primary_key=True)
    ip: str
    source: str
    metric: str
    status: str
    quality: str
    value: float | None = None
    detail: str = Field(sa_type=Text)
    evidence: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    first_period: datetime = Field(sa_type=UtcDateTime)
    last_period: datetime = Field(sa_type=UtcDateTime)
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
    count: int
    polls: int
    periods: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class CoverageRow(SQLModel, table=True):
    """What one list says about every watched IP that has no readings of its own (storage.coverage)."""

    __tablename__: ClassVar[str] = "coverage"

    source: str = Field(primary_key=True)
    metric: str = Field(primary_key=True)
    families: str
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    whole_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rounds: int
    cadence_seconds: int
    doubt: str = Field(sa_type=Text)


class WatchedIpRow(SQLModel, table=True):
    """An IP of the fleet, since lists are asked about it."""

    __tablename__: ClassVar[str] = "watched_ips"

    ip: str = Field(primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)


class IncidentRow(SQLModel, table=True):
    """One incident; at most one open one per fingerprint, which the database itself guards."""

    __tablename__: ClassVar[str] = "incidents"
    __table_args__ = (
        Index(
            "ux_incidents_one_open",
            "fingerprint",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    fingerprint: str = Field(index=True)
    kind: str
    ip: str | None = Field(default=None, index=True)
    source: str
    metric: str
    rule: str
    severity: str
    tier: int
    provider: str
    state: str
    title: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    evidence: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    evidence_end: datetime = Field(sa_type=UtcDateTime)
    opened_at: datetime = Field(sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IncidentEventRow(SQLModel, table=True):
    """One line of an incident's timeline."""

    __tablename__: ClassVar[str] = "incident_events"

    id: int | None = Field(default=None, primary_key=True)
    number: int = Field(foreign_key="incidents.number", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str
    text: str = Field(sa_type=Text)


class OutboxRow(SQLModel, table=True):
    """A message that must go out, written in the transaction that caused it. `channel` empty: a mail."""

    __tablename__: ClassVar[str] = "outbox"
    __table_args__ = (Index("ix_outbox_due", "state", "next_at"),)

    id: int | None = Field(default=None, primary_key=True)
    idempotency_key: str = Field(unique=True)
    kind: str
    channel: str = Field(default="")
    recipients: list[str] = Field(sa_column=Column(JSON, nullable=False))
    subject: str = Field(sa_type=Text)
    mime: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    incident: int | None = Field(default=None, index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    state: str
    attempts: int
    next_at: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str = Field(sa_type=Text)


class LeaseChangeRow(SQLModel, table=True):
    """What happened to a lease: who, which rule, on what evidence, before, after, how to undo it."""

    __tablename__: ClassVar[str] = "lease_changes"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    lease_key: str
    source_ip: str = Field(index=True)
    provider: str
    directive: str
    before: str | None = None
    after: str | None = None
    rule: str
    reason: str = Field(sa_type=Text)
    evidence: list[str] = Field(sa_column=Column(JSON, nullable=False))
    actor: str
    mode: str
    undo: str = Field(sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ScopeStateRow(SQLModel, table=True):
    """What the controller remembers of one scope, as a document that only the controller reads."""

    __tablename__: ClassVar[str] = "scope_states"

    source_ip: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ScopeHourRow(SQLModel, table=True):
    """One hour of one scope in recipients, added up from the engine's minutes."""

    __tablename__: ClassVar[str] = "scope_hours"

    source_ip: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True, index=True)
    attempted: int
    delivered: int
    deferred: int
    bounced: int
    reputation_deferred: int
    blocked: int
    hard_bounced: int
    complaints: int


class AuditRow(SQLModel, table=True):
    """Who did what to what, from what to what, and why."""

    __tablename__: ClassVar[str] = "audit"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str
    action: str
    subject: str
    before: str | None = Field(default=None, sa_type=Text)
    after: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(sa_type=Text)


class SourceHealthRow(SQLModel, table=True):
    """How one source of signals is doing."""

    __tablename__: ClassVar[str] = "source_health"

    name: str = Field(primary_key=True)
    state: str
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_success_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str = Field(sa_type=Text)
    consecutive_failures: int
    detail: str = Field(sa_type=Text)
    recent: str


class OrderRow(SQLModel, table=True):
    """What an operator told the automation to do or to leave alone, until when."""

    __tablename__: ClassVar[str] = "orders"

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    source_ip: str | None = None
    provider: str
    subject: str
    value: str | None = None
    author: str
    reason: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CounterRow(SQLModel, table=True):
    """A number that only grows, such as the controller's fencing epoch."""

    __tablename__: ClassVar[str] = "counters"

    name: str = Field(primary_key=True)
    value: int


class NoticeRow(SQLModel, table=True):
    """What people have been told about one incident: nothing twice, and nothing left out."""

    __tablename__: ClassVar[str] = "notices"

    incident: int = Field(primary_key=True, foreign_key="incidents.number")
    lead: int
    baseline: bool
    told_events: int
    told_changes: int = Field(default=0)
    mails: int
    repeats: int
    first_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed: bool = Field(index=True)


class SndsActivityRow(SQLModel, table=True):
    """One IP's day at Microsoft SNDS as one account told it; None is what SNDS left blank."""

    __tablename__: ClassVar[str] = "snds_activity"

    ip: str = Field(primary_key=True)
    day: date = Field(primary_key=True, index=True)
    account: str = Field(primary_key=True)
    activity_start: datetime = Field(sa_type=UtcDateTime)
    activity_end: datetime = Field(sa_type=UtcDateTime)
    activity_text: str = Field(sa_type=Text)
    rcpt_commands: int | None = None
    data_commands: int | None = None
    message_recipients: int | None = None
    filter_result: str | None = None
    complaint_rate: float | None = None
    complaint_operator: str
    trap_hits: int | None = None
    trap_text: str | None = Field(default=None, sa_type=Text)
    sample_helo: str | None = Field(default=None, sa_type=Text)
    sample_mail_from: str | None = Field(default=None, sa_type=Text)
    comments: str | None = Field(default=None, sa_type=Text)
    observed_at: datetime = Field(sa_type=UtcDateTime)


class SndsAccountRow(SQLModel, table=True):
    """Up to which day nothing of an SNDS account is missing any more."""

    __tablename__: ClassVar[str] = "snds_accounts"

    account: str = Field(primary_key=True)
    read_through: date
