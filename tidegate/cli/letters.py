"""The work behind `digest` and `notify test`: the real outbox, the real sender, what became of each mail."""

import asyncio

from sqlalchemy import Engine

from core.clock import Clock, SystemClock
from core.errors import OperatorError
from monitor.digest import mail as digest_mail
from monitor.digest.week import Week, parse_week
from monitor.notifications import rehearsal, routing
from monitor.notifications.samples import Scenario
from monitor.notifications.sender import Sender
from monitor.settings import MonitorSettings
from storage import database, outbox
from tidegate.cli.exit_codes import ExitCode, UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import emit, emit_json, table
from tidegate.config import peek

_PATIENCE = 20
"""Real seconds to wait for a mail that the watch process took before us."""


def show_digest(asked: Invocation, week: str | None, *, html: bool) -> None:
    """Print the digest as text, HTML or JSON."""
    engine, clock, settings = _open(asked)
    chosen, now = _week(week, settings), clock.now()
    base = peek.sections(asked.config_path, "controller")["controller"].base
    with database.reading(engine) as session:
        counted = now - base.counts_kept
        said = digest_mail.view(session, now, settings.digest, chosen, counted_since=counted)
    if asked.as_json:
        emit(digest_mail.as_json(said))
        return
    text = digest_mail.page(said) if html else digest_mail.shown(said, said.title)[1]
    emit(text.rstrip("\n"))


def send_digest(asked: Invocation) -> int:
    """Put the last week's digest into the outbox for every reader and send it."""
    engine, clock, settings = _open(asked)
    if not digest_mail.readers(settings.digest, settings.notifications):
        raise OperatorError(
            "nobody reads the digest: add recipients under monitor.digest or monitor.notifications"
        )
    now = clock.now()
    with database.session(engine) as session:
        count = digest_mail.put_digests(session, now, settings.digest, settings.notifications)
    if not count:
        emit("Nothing to send: this week's digest went to every reader before, or the digest is disabled.")
        return ExitCode.OK
    return _deliver(asked, engine, clock, settings, "digest:")


def rehearse(asked: Invocation, scenario: str) -> int:
    """Send a test mail to every recipient. Exit code 1 when one did not go out."""
    try:
        wanted = Scenario(scenario)
    except ValueError:
        known = ", ".join(Scenario)
        raise UsageError(f"there is no scenario {scenario!r}; write one of {known}") from None
    engine, clock, settings = _open(asked)
    nobody = (
        not routing.everybody(settings.notifications) and not settings.notifications.channels.alertmanager
    )
    if nobody and wanted is not Scenario.DIGEST:
        raise OperatorError(
            "nobody is told about incidents: add recipients or routes under monitor.notifications"
        )
    now = clock.now()
    rehearsal.rehearse(engine, wanted, now, settings.notifications, settings.digest)
    return _deliver(asked, engine, clock, settings, f"test:{wanted.value}:{now.isoformat()}:")


def _deliver(asked: Invocation, engine: Engine, clock: Clock, settings: MonitorSettings, keys: str) -> int:
    mails = asyncio.run(_sent(engine, clock, settings, keys))
    unsent = [mail for mail in mails if mail.state is not outbox.MailState.SENT]
    if asked.as_json:
        told = [
            m.model_dump(mode="json", include={"recipients", "subject", "state", "last_error"}) for m in mails
        ]
        emit_json({"schema": "mails/v1", "mails": told})
    else:
        host = settings.notifications.smtp
        way = f"{host.host}:{host.port}"
        rows = [
            (", ".join(m.recipients), m.channel or way, m.state, m.last_error or m.subject) for m in mails
        ]
        emit(table(("to", "over", "state", "subject or error"), rows))
    return ExitCode.FAILED if unsent else ExitCode.OK


async def _sent(
    engine: Engine, clock: Clock, settings: MonitorSettings, keys: str
) -> list[outbox.StoredMail]:
    """Send what is due, and wait for what another sender holds; then say how the mails stand."""
    sender, real = Sender(engine, clock, settings.notifications), SystemClock()
    await sender.deliver(limit=100)
    for _ in range(_PATIENCE):
        with database.reading(engine) as session:
            every = [*outbox.pending(session), *outbox.sent(session), *outbox.dead(session)]
        ours = [mail for mail in every if mail.idempotency_key.startswith(keys)]
        if all(mail.state is not outbox.MailState.PENDING or mail.last_error for mail in ours):
            break
        await real.sleep(1)
    return ours


def _open(asked: Invocation) -> tuple[Engine, Clock, MonitorSettings]:
    found = peek.sections(asked.config_path, "database", "clock", "monitor")
    engine = database.open_database(found["database"])
    database.upgrade(engine)
    return engine, found["clock"].clock(), found["monitor"]


def _week(text: str | None, settings: MonitorSettings) -> Week | None:
    return parse_week(text, settings.digest.time_zone) if text else None
