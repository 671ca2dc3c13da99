"""`notify test`: sample incidents, told over the real way (outbox, SMTP, posts) and marked as a test.

Only the finished messages go to the real outbox.
"""

from datetime import datetime

from sqlalchemy import Engine

from monitor.digest import mail as digest_mail
from monitor.digest.settings import DigestSettings
from monitor.notifications import compose, dispatch, routing, samples
from monitor.notifications.letter import RenderedMail
from monitor.notifications.routing import Reader
from monitor.notifications.samples import Scenario
from monitor.notifications.settings import NotificationSettings
from storage import database, outbox
from storage.outbox import OutboxMail

WORDS = "You asked for it with tidegate notify test. The incident is made up; nothing was changed."
KIND = "test"


def rehearse(
    engine: Engine,
    scenario: Scenario,
    now: datetime,
    notifications: NotificationSettings,
    digest: DigestSettings,
) -> None:
    """Put a test message for every reader and channel into the real outbox, for the sender."""
    rows = (
        _digests(now, notifications, digest)
        if scenario is Scenario.DIGEST
        else _bulletins(scenario, now, notifications)
    )
    with database.session(engine) as session:
        for row in rows:
            key = f"test:{scenario.value}:{now.isoformat()}:{row.channel}:{row.recipients[0]}"
            outbox.put(session, row.model_copy(update={"idempotency_key": key, "kind": KIND}))


def sample(
    scenario: Scenario, now: datetime, notifications: NotificationSettings, digest: DigestSettings
) -> RenderedMail:
    """The mail alone, for the first reader."""
    with samples.stage(scenario, now) as (session, mailing):
        if scenario is Scenario.DIGEST:
            return digest_mail.digest(session, now, digest, notifications, test=WORDS)
        reader = next(iter(routing.mail_readers(notifications))).address
        return compose.draft(session, mailing, now, notifications, test=WORDS).to(reader)


def _bulletins(scenario: Scenario, now: datetime, settings: NotificationSettings) -> list[OutboxMail]:
    always = (Reader(name, name, settings.time_zone) for name in settings.channels.alertmanager)
    found: list[OutboxMail] = []
    with samples.stage(scenario, now) as (session, mailing):
        for reader in [*routing.everybody(settings), *always]:
            draft = compose.draft(session, mailing, now, settings.in_zone(reader.zone), test=WORDS)
            found.append(dispatch.row(KIND, draft, reader, now))
    return found


def _digests(now: datetime, notifications: NotificationSettings, digest: DigestSettings) -> list[OutboxMail]:
    with samples.stage(Scenario.DIGEST, now) as (session, _):
        return [
            digest_mail.row(
                digest_mail.digest(session, now, digest, notifications, reader=one, test=WORDS), one, now
            )
            for one in digest_mail.readers(digest, notifications)
        ]
