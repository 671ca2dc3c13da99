"""Writes one mail about incidents, complete, from what storage knows; and the bulletin that says the same."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from monitor.incidents.telling import Mailing, Why
from monitor.notifications import build, bulletin, chart_png, facts, letter, render
from monitor.notifications.bulletin import Bulletin
from monitor.notifications.letter import Envelope, Picture, RenderedMail, Thread
from monitor.notifications.routing import Background
from monitor.notifications.settings import NotificationSettings

STREAM = "alerts"
CHART = render.CHART
FOOTER = "To get fewer, raise notifications.minimum-severity in the configuration."
_HERE = Background()


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail that only lacks its reader, and the bulletin that other channels get."""

    thread: Thread
    envelope: Envelope
    html: str
    text: str
    bulletin: Bulletin

    @property
    def key(self) -> str:
        """The same for the same message, whoever reads it."""
        return letter.message_id(self.thread, self.thread.ordinal, self.envelope.sender).strip("<>")

    @property
    def subject(self) -> str:
        return letter.subject_of(self.thread)

    def to(self, *readers: str) -> RenderedMail:
        """The mail as its readers get it."""
        return letter.assemble(self.thread, replace(self.envelope, recipients=readers), self.html, self.text)


def draft(
    session: Session,
    mailing: Mailing,
    now: datetime,
    settings: NotificationSettings,
    background: Background = _HERE,
    test: str = "",
) -> Draft:
    """Read what is known and write it down, times in the zone of the settings."""
    view = build.incident_view(facts.gather(session, mailing, now, background.ramp), settings, test)
    thread = thread_of(mailing, now, test)
    html, text = render.incident(view, letter.subject_of(thread), FOOTER)
    lead = mailing.lead.incident
    headers = {
        "X-Tidegate-State": bulletin.state(mailing.why),
        "X-Tidegate-Severity": str(view.tone),
        "X-Tidegate-Incident": ", ".join(m.incident.label for m in mailing.members[:20]) or lead.label,
        "X-Tidegate-Reason": mailing.why.name.lower(),
    }
    if test:
        headers["X-Tidegate-Test"] = "yes"
    pictures = (Picture(CHART, chart_png.draw(view.chart)),) if view.chart else ()
    envelope = Envelope(settings.sender, (), settings.reply_to, STREAM, now, headers, pictures)
    key = letter.message_id(thread, thread.ordinal, settings.sender).strip("<>")
    return Draft(thread, envelope, html, text, bulletin.of(mailing, view, thread, key, now))


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
