"""The digest as a mail for one reader, as JSON, and its way to the outbox: once per week and reader."""

import base64
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from core.incident import Severity
from monitor.digest import build, facts, png
from monitor.digest.settings import DigestSettings
from monitor.digest.views import DigestView
from monitor.digest.week import Week, last_week
from monitor.notifications import letter, render, routing
from monitor.notifications.letter import Envelope, Picture, RenderedMail, Thread
from monitor.notifications.settings import NotificationSettings, Recipient
from storage import outbox
from storage.outbox import OutboxMail

STREAM = "digest"
CHART = "trouble-per-day"
FOOTER = "You get this mail because you are a recipient of the weekly digest (digest.recipients)."


def view(
    session: Session,
    now: datetime,
    settings: DigestSettings,
    week: Week | None = None,
    test: str = "",
    counted_since: datetime | None = None,
) -> DigestView:
    """What the digest of a week says; the last full week unless one is named."""
    chosen = week or last_week(now, settings.time_zone)
    found = facts.gather(session, chosen, now, counted_since=counted_since)
    return build.digest_view(found, settings, test)


def digest(
    session: Session,
    now: datetime,
    settings: DigestSettings,
    notifications: NotificationSettings,
    *,
    reader: Recipient | None = None,
    week: Week | None = None,
    test: str = "",
) -> RenderedMail:
    """The mail for one reader (the first one unless named), in that reader's time zone."""
    chosen = reader or readers(settings, notifications)[0]
    zone = _zone(chosen, settings)
    said = view(session, now, settings, week or last_week(now, zone), test)
    subject = f"{'TEST ' if test else ''}Weekly: {said.verdict.rstrip('.')} - {said.title}"
    name = letter.thread_name(f"digest-{said.week}", chosen.address, test)
    thread = Thread(name, subject, 1)
    html, text = shown(said, letter.subject_of(thread))
    headers = {"X-Tidegate-State": "digest"} | ({"X-Tidegate-Test": "yes"} if test else {})
    envelope = Envelope(
        sender=notifications.sender,
        recipients=(chosen.address,),
        reply_to=notifications.reply_to,
        stream=STREAM,
        at=now,
        headers=headers,
        pictures=(Picture(CHART, png.bars(said.troubled_per_day)),),
    )
    return letter.assemble(thread, envelope, html, text)


def put_digests(
    session: Session, now: datetime, settings: DigestSettings, notifications: NotificationSettings
) -> int:
    """Put the digest of the last week into the outbox for every reader; how many were new."""
    if not settings.enabled:
        return 0
    return sum(_put(session, now, settings, notifications, one) for one in readers(settings, notifications))


def readers(settings: DigestSettings, notifications: NotificationSettings) -> list[Recipient]:
    """Who reads it; those who get the notifications where nobody is named."""
    if not settings.recipients:
        told = routing.mail_readers(notifications)
        return [Recipient(address=one.address, time_zone=settings.time_zone) for one in told]
    return [one if isinstance(one, Recipient) else Recipient(address=one) for one in settings.recipients]


def shown(said: DigestView, subject: str) -> tuple[str, str]:
    """The HTML and the text of the same view. The HTML needs the picture `CHART`."""
    critical = any(line.severity == Severity.CRITICAL.value for line in said.attention)
    troubled = "warning" if said.attention else "info"
    tone = "over" if said.is_clean else "critical" if critical else troubled
    return render.both(
        "digest",
        {
            "view": said,
            "subject": subject,
            "footer": FOOTER,
            "tone": tone,
            "preheader": said.automation,
            "test": said.test,
            "chart": CHART,
        },
    )


def page(said: DigestView) -> str:
    """The same HTML for a browser, its picture inside: a file or a web page as it stands."""
    html, _ = shown(said, said.title)
    picture = base64.b64encode(png.bars(said.troubled_per_day)).decode()
    return html.replace(f"cid:{CHART}", f"data:image/png;base64,{picture}")


def as_json(said: DigestView) -> str:
    """The same view for machines; keys are the view's field names, schema `digest/v1`."""
    document: dict[str, Any] = {"schema": "digest/v1", **asdict(said)}
    return json.dumps(document, ensure_ascii=False, indent=2)


def _put(
    session: Session,
    now: datetime,
    settings: DigestSettings,
    notifications: NotificationSettings,
    reader: Recipient,
) -> bool:
    week = last_week(now, _zone(reader, settings))
    if settings.only_if_news and view(session, now, settings, week).is_clean:
        return False
    mail = digest(session, now, settings, notifications, reader=reader, week=week)
    key = f"digest:{week.name}:{reader.address}"
    return outbox.put(session, row(mail, reader, now).model_copy(update={"idempotency_key": key}))


def row(mail: RenderedMail, reader: Recipient, now: datetime) -> OutboxMail:
    """A digest as the outbox keeps it."""
    return OutboxMail(
        idempotency_key=mail.key,
        kind=STREAM,
        recipients=(reader.address,),
        subject=mail.subject,
        mime=mail.mime,
        created_at=now,
    )


def _zone(reader: Recipient, settings: DigestSettings) -> ZoneInfo:
    return reader.time_zone or settings.time_zone
