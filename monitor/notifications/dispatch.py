"""Puts one mailing into the outbox: a mail or a bulletin for everybody whom it concerns."""

import logging
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from monitor.incidents.telling import Mailing
from monitor.notifications import compose, routing
from monitor.notifications.compose import Draft
from monitor.notifications.routing import MAIL, Background, Due, Reader
from monitor.notifications.settings import NotificationSettings
from storage import outbox
from storage.outbox import OutboxMail

log = logging.getLogger(__name__)


def dispatch(
    session: Session, mailing: Mailing, now: datetime, settings: NotificationSettings, background: Background
) -> list[Due]:
    """Write a row for each reader, in the caller's transaction. Returns the readers."""
    lead = mailing.lead.incident.number
    due = routing.audience(mailing, outbox.told(session, lead), now, settings, background)
    drafts = {
        zone: compose.draft(session, mailing, now, settings.in_zone(zone), background) for zone in _zones(due)
    }
    for one in due:
        if one.not_before <= now:
            outbox.hasten(session, lead, one.reader.channel, one.reader.address, now)
        mine = row(mailing.why.name.lower(), drafts[one.reader.zone], one.reader, now)
        outbox.put(session, mine.model_copy(update={"incident": lead, "not_before": one.not_before}))
    if due:
        subject = next(iter(drafts.values())).subject
        log.info("to the outbox for %s: %s", routing.names(due), subject,
                 extra={"event": "notification.queued", "reason": mailing.why.name})  # fmt: skip
    return due


def row(kind: str, draft: Draft, reader: Reader, now: datetime) -> OutboxMail:
    """What one reader gets: the mail, or the bulletin. The key is the same however often it is written."""
    by_mail = reader.channel == MAIL
    body = draft.to(reader.address).mime if by_mail else draft.bulletin.model_dump_json().encode()
    return OutboxMail(
        idempotency_key=f"{draft.key}:{reader.address}" if by_mail else f"{draft.key}:#{reader.channel}",
        kind=kind,
        channel=reader.channel,
        recipients=(reader.address,),
        subject=draft.subject,
        mime=body,
        created_at=now,
    )


def _zones(due: Iterable[Due]) -> list[ZoneInfo]:
    return list(dict.fromkeys(one.reader.zone for one in due))
