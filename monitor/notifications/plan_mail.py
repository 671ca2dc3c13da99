"""What the controller would do, each with the command that does it: a plan, or a question to a person."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.incident import Severity
from core.text import printable
from monitor.notifications import letter, render, routing, wording
from monitor.notifications.compose import STREAM
from monitor.notifications.letter import Envelope, RenderedMail, Thread
from monitor.notifications.settings import NotificationSettings
from monitor.notifications.views import PlannedChange, PlanView
from storage import outbox
from storage.outbox import OutboxMail


@dataclass(frozen=True, slots=True)
class Wording:
    """The words around the changes. `{number}` in `subject` and `verdict` is how many there are."""

    heading: str
    subject: str
    verdict: str
    intro: str
    why: str
    footer: str
    tone: Severity = Severity.INFO


PLAN = Wording(
    heading="Advice",
    subject="Plan: {number}",
    verdict="The controller would make {number} now.",
    intro="Nothing has been changed: the controller does not act there. Each change comes with the "
    "command that makes it.",
    why="You get this mail because the controller is in mode observe or advise there, or the IP is "
    "protected.",
    footer="With controller.mode: enforce it makes such changes itself.",
)
QUESTION = Wording(
    heading="Your decision",
    subject="Guard: {number} waiting",
    verdict="Somebody must decide: a source of signals suddenly speaks against much of the fleet.",
    intro="Nothing has been lowered on its word, and nothing will be until somebody approves or denies it. "
    "What mailbox providers reply still acts.",
    why="You get this mail because the controller's guard stepped in.",
    footer="The bounds are under controller.guard.",
    tone=Severity.CRITICAL,
)


def plan_mail(
    changes: Sequence[PlannedChange],
    now: datetime,
    settings: NotificationSettings,
    test: str = "",
    words: Wording = PLAN,
) -> RenderedMail:
    """The mail about these changes; the same changes on the same day are the same mail."""
    plain = tuple(_printable(change) for change in changes)
    number = wording.count(len(plain), "change")
    verdict = words.verdict.format(number=number)
    view = PlanView(words.heading, verdict, words.intro, plain, words.why, test, words.tone)
    scopes = ", ".join(dict.fromkeys(change.scope for change in plain))
    subject = f"{words.subject.format(number=number)} for {printable(scopes, 90)}"
    thread = Thread(_name(plain, now), f"{'TEST ' if test else ''}{subject}", 1)
    html, text = render.plan(view, letter.subject_of(thread), words.footer)
    headers = {"X-Tidegate-State": "plan", "X-Tidegate-Severity": str(view.tone)}
    recipients = tuple(one.address for one in routing.mail_readers(settings))
    around = Envelope(settings.sender, recipients, settings.reply_to, STREAM, now, headers)
    return letter.assemble(thread, around, html, text)


def put_plan(
    session: Session,
    changes: Sequence[PlannedChange],
    now: datetime,
    settings: NotificationSettings,
    words: Wording = PLAN,
) -> bool:
    """Put the plan into the outbox; False when there is nothing or nobody to tell, or it was told."""
    readers = routing.mail_readers(settings)
    if not changes or not settings.enabled or not readers:
        return False
    mail = plan_mail(changes, now, settings, words=words)
    new = [outbox.put(session, _row(mail, one.address, now)) for one in readers]
    return any(new)


def _row(mail: RenderedMail, recipient: str, now: datetime) -> OutboxMail:
    return OutboxMail(
        idempotency_key=f"{mail.key}:{recipient}",
        kind="plan",
        recipients=(recipient,),
        subject=mail.subject,
        mime=mail.mime,
        created_at=now,
    )


def _name(changes: Sequence[PlannedChange], now: datetime) -> str:
    said = "\0".join(f"{c.scope}|{c.directive}|{c.before}|{c.after}" for c in changes)
    return f"plan-{now:%Y-%m-%d}.{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def _printable(change: PlannedChange) -> PlannedChange:
    return PlannedChange(
        scope=printable(change.scope, 120),
        directive=printable(change.directive, 60),
        before=printable(change.before, 60),
        after=printable(change.after, 60),
        rule=printable(change.rule, 60),
        reason=printable(change.reason, 300),
        command=printable(change.command, 300),
    )
