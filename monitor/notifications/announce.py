"""Lets due mails follow from the state of incidents, in the caller's transaction: plan, compose, outbox."""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from core.incident import Incident
from monitor.incidents.telling import Account, Mailing, Why, plan
from monitor.notifications import build, facts, letter, render
from monitor.notifications.letter import Envelope, RenderedMail, Thread
from monitor.notifications.settings import NotificationSettings
from storage import incidents, notices, orders, outbox
from storage.incidents import EventKind, IncidentEvent
from storage.notices import Notice
from storage.orders import Order, OrderKind
from storage.outbox import OutboxMail

log = logging.getLogger(__name__)

STREAM = "alerts"
FOOTER = "To get fewer, raise notifications.minimum-severity in the configuration."


def announce(session: Session, now: datetime, settings: NotificationSettings) -> int:
    """Put every due mail into the outbox; how many mailings there were."""
    accounts = _accounts(session)
    said = orders.standing(session, now)
    silenced, seen = _ordered(said, OrderKind.SILENCE), _ordered(said, OrderKind.ACKNOWLEDGE)
    todo = plan(accounts, now, settings, silenced, seen)
    for account in todo.closed:
        notices.save(session, account.notice.model_copy(update={"closed": True}))
    if not settings.enabled or not settings.recipients:
        return 0
    for mailing in todo.mailings:
        _send(session, mailing, now, settings)
    return len(todo.mailings)


def compose(
    session: Session, mailing: Mailing, now: datetime, settings: NotificationSettings, test: str = ""
) -> RenderedMail:
    """One mail about incidents, complete."""
    view = build.incident_view(facts.gather(session, mailing, now), settings, test)
    thread = thread_of(mailing, now, test)
    html, text = render.incident(view, letter.subject_of(thread), FOOTER)
    lead = mailing.lead.incident
    headers = {
        "X-Tidegate-State": _state(mailing.why),
        "X-Tidegate-Severity": str(view.tone),
        "X-Tidegate-Incident": ", ".join(m.incident.label for m in mailing.members[:20]) or lead.label,
        "X-Tidegate-Reason": mailing.why.name.lower(),
    }
    if test:
        headers["X-Tidegate-Test"] = "yes"
    return letter.assemble(thread, _envelope(settings, now, headers), html, text)


def thread_of(mailing: Mailing, now: datetime, test: str = "") -> Thread:
    """Which conversation the mail belongs to. The baseline mail stands alone."""
    lead, ordinal = mailing.lead, mailing.lead.notice.mails + 1
    prefix = "TEST " if test else ""
    if mailing.why is Why.BASELINE:
        ips = len({m.incident.ip for m in mailing.members})
        name = letter.thread_name("baseline", lead.incident.fingerprint, now.isoformat())
        return Thread(name, f"{prefix}Baseline: {ips} IP{'' if ips == 1 else 's'} with known trouble", 1)
    incident = lead.incident
    name = letter.thread_name(f"inc-{incident.number}", incident.fingerprint, incident.opened_at.isoformat())
    return Thread(name, f"{prefix}{incident.label} {incident.title}", ordinal)


def _send(session: Session, mailing: Mailing, now: datetime, settings: NotificationSettings) -> None:
    mail = compose(session, mailing, now, settings)
    for recipient in settings.recipients:
        outbox.put(
            session,
            OutboxMail(
                idempotency_key=f"{mail.key}:{recipient}",
                kind=mailing.why.name.lower(),
                recipients=(recipient,),
                subject=mail.subject,
                mime=mail.mime,
                incident=mailing.lead.incident.number,
                created_at=now,
            ),
        )
    _note(session, mailing, now, settings)
    log.info(
        "mail to the outbox: %s", mail.subject, extra={"event": "mail.queued", "reason": mailing.why.name}
    )


def _note(session: Session, mailing: Mailing, now: datetime, settings: NotificationSettings) -> None:
    """Write that everything untold is told now."""
    lead, alone = mailing.lead.incident.number, mailing.why is Why.BASELINE
    going_on = any(m.is_open for m in mailing.members)
    for account in mailing.members:
        told, number = account.notice, account.incident.number
        leads = number == lead and not alone
        changes = {
            "lead": number if alone else lead,
            "told_events": told.told_events + len(account.untold),
            "mails": told.mails + leads,
            "repeats": told.repeats + (leads and mailing.why is Why.REMINDER),
            "first_at": told.first_at or now,
            "last_at": now,
            # the one that leads keeps the thread for those that are still open
            "closed": not account.is_open and not (leads and going_on),
        }
        notices.save(session, told.model_copy(update=changes))
        if account.untold or leads:
            words = f"mail to {', '.join(settings.recipients)}: {mailing.why.value}"
            event = IncidentEvent(number=number, at=now, kind=EventKind.NOTIFIED, text=words)
            incidents.append_event(session, event)


def _accounts(session: Session) -> list[Account]:
    standing = notices.standing(session)
    numbers = [notice.incident for notice in standing]
    found, lines = incidents.find_all(session, numbers), incidents.events_of(session, numbers)
    return [_account(found[n.incident], n, lines[n.incident]) for n in standing]


def _account(incident: Incident, notice: Notice, lines: list[IncidentEvent]) -> Account:
    told = [line for line in lines if line.kind not in incidents.UNTOLD]
    return Account(incident, notice, tuple(told[notice.told_events :]))


def _ordered(standing: list[Order], kind: OrderKind) -> Callable[[Incident], bool]:
    """Whether an operator said so about an incident, its problem, its rule, or all of an IP's."""
    mine = [order for order in standing if order.kind is kind]

    def concerned(incident: Incident) -> bool:
        names = {"*", incident.label, incident.fingerprint, str(incident.rule)}
        return any(o.subject in names and o.concerns(incident.ip, incident.provider) for o in mine)

    return concerned


def _envelope(settings: NotificationSettings, now: datetime, headers: dict[str, str]) -> Envelope:
    return Envelope(
        sender=settings.sender,
        recipients=tuple(settings.recipients),
        reply_to=settings.reply_to,
        stream=STREAM,
        at=now,
        headers=headers,
    )


def _state(why: Why) -> str:
    match why:
        case Why.NEW | Why.BASELINE:
            return "firing"
        case Why.RESOLVED:
            return "resolved"
        case _:
            return "update"
