"""Lets due messages follow from the state of incidents, in the caller's transaction."""

from datetime import datetime

from sqlmodel import Session

from core.incident import Incident
from monitor.incidents.telling import Account, Mailing, Why, plan
from monitor.notifications import routing, silences
from monitor.notifications.dispatch import dispatch
from monitor.notifications.routing import Background
from monitor.notifications.settings import NotificationSettings
from storage import incidents, leases, notices, orders
from storage.incidents import EventKind, IncidentEvent
from storage.notices import Notice

_NONE = Background()


def announce(
    session: Session, now: datetime, settings: NotificationSettings, background: Background = _NONE
) -> int:
    """Put every due message into the outbox; how many mailings there were."""
    said = orders.standing(session, now)
    todo = plan(_accounts(session), now, settings, silences.silenced(said), silences.acknowledged(said))
    for account in todo.closed:
        notices.save(session, account.notice.model_copy(update={"closed": True}))
    if not settings.enabled or not routing.everybody(settings):
        return 0
    mailings = [part for whole in todo.mailings for part in routing.split(whole, settings, background)]
    for mailing in mailings:
        due = dispatch(session, mailing, now, settings, background)
        _note(session, mailing, now, routing.names(due))
    return len(mailings)


def _note(session: Session, mailing: Mailing, now: datetime, readers: str) -> None:
    """Write that everything untold is told now."""
    known = leases.newest(session)
    lead, alone = mailing.lead.incident.number, mailing.why is Why.BASELINE
    going_on = any(m.is_open for m in mailing.members)
    for account in mailing.members:
        told, number = account.notice, account.incident.number
        leads = number == lead and not alone
        changes = {
            "lead": number if alone else lead,
            "told_events": told.told_events + len(account.untold),
            "told_changes": known,
            "mails": told.mails + leads,
            "repeats": told.repeats + (leads and mailing.why is Why.REMINDER),
            "first_at": told.first_at or now,
            "last_at": now,
            # the one that leads keeps the thread for those that are still open
            "closed": not account.is_open and not (leads and going_on),
        }
        notices.save(session, told.model_copy(update=changes))
        if readers and (account.untold or leads):
            words = f"told {readers}: {mailing.why.value}"
            event = IncidentEvent(number=number, at=now, kind=EventKind.NOTIFIED, text=words)
            incidents.append_event(session, event)


def _accounts(session: Session) -> list[Account]:
    standing = notices.standing(session)
    numbers = [notice.incident for notice in standing]
    found, lines = incidents.find_all(session, numbers), incidents.events_of(session, numbers)
    return [_account(found[n.incident], n, lines[n.incident]) for n in standing]


def _account(incident: Incident, notice: Notice, lines: list[IncidentEvent]) -> Account:
    told = [line for line in lines if line.kind not in incidents.UNTOLD]
    # a look of the controller is recorded after it began: what counts is the order of recording
    told.sort(key=lambda line: line.id)
    return Account(incident, notice, tuple(told[notice.told_events :]))
