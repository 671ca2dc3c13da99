"""One message about incidents for machines and chats: the same facts as the mail's, without its layout.

It is what the outbox keeps for a channel; each channel words it when it is sent, so that no secret of a
channel is ever stored.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.text import printable
from monitor.incidents.telling import Mailing, Why
from monitor.notifications.letter import Thread
from monitor.notifications.views import IncidentView

_MOST = 100
_STATES = {Why.NEW: "firing", Why.BASELINE: "firing", Why.RESOLVED: "resolved"}


class BulletinIncident(BaseModel):
    """One incident of the message."""

    model_config = ConfigDict(frozen=True)

    label: str
    title: str
    summary: str
    state: str
    severity: str
    rule: str
    source: str
    metric: str
    ip: str | None
    provider: str
    opened_at: datetime
    resolved_at: datetime | None


class BulletinLimit(BaseModel):
    """One limit that the automation set or lifted; rates in PowerMTA's grammar."""

    model_config = ConfigDict(frozen=True)

    scope: str
    directive: str
    before: str
    after: str
    reason: str
    actor: str
    undo: str


class Bulletin(BaseModel):
    """What a channel is given. `thread` is the same for all messages of one story, `key` for this one."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True)

    schema_: Literal["notification/v1"] = Field("notification/v1", alias="schema")
    key: str
    thread: str
    reason: str
    state: str
    severity: str
    title: str
    verdict: str
    consequence: str
    at: datetime
    url: str = ""
    incidents: tuple[BulletinIncident, ...]
    limits: tuple[BulletinLimit, ...] = ()
    evidence: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    test: bool = False

    @property
    def is_over(self) -> bool:
        return self.state == "resolved"


def of(mailing: Mailing, view: IncidentView, thread: Thread, key: str, now: datetime) -> Bulletin:
    """The bulletin that says what a mail's view says."""
    return Bulletin(
        key=key,
        thread=thread.name,
        reason=mailing.why.name.lower(),
        state=state(mailing.why),
        severity=view.tone.value,
        title=printable(thread.subject, 180),
        verdict=view.verdict,
        consequence=view.consequence,
        at=now,
        url=view.link,
        incidents=tuple(
            BulletinIncident(
                label=one.label,
                title=printable(one.title, 120),
                summary=printable(one.summary, 300),
                state=one.state.value,
                severity=one.severity.value,
                rule=one.rule.value,
                source=one.source.value,
                metric=printable(one.metric, 120),
                ip=None if one.ip is None else str(one.ip),
                provider=one.provider,
                opened_at=one.opened_at,
                resolved_at=one.resolved_at,
            )
            for one in (member.incident for member in mailing.members[:_MOST])
        ),
        limits=tuple(BulletinLimit.model_validate(deed, from_attributes=True) for deed in view.deeds),
        evidence=tuple(f"{name}: {text}" for exhibit in view.exhibits for name, text in exhibit.lines),
        commands=tuple(command.text for command in view.commands),
        test=bool(view.test),
    )


def state(why: Why) -> str:
    """firing, update or resolved."""
    return _STATES.get(why, "update")
