"""The weekly digest, and what the run proved."""

from datetime import datetime, timedelta

from core.incident import IncidentKind
from lab import ledger
from lab.mailbox import Mail, render
from storage import incidents, leases
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage, names
from tidegate.demo.world import BROKEN_LISTS, COLOURED, DEFERRED, LISTED, SIBLING

TITLE = "The books, and Monday's digest"


async def play(stage: Stage) -> None:
    """Check what must never have happened, count the mail, and wait for Monday's digest."""
    _nobody_else(stage)
    await _books(stage)
    left = (_next_monday(stage.clock.now()) - stage.clock.now()).total_seconds()
    if left > 0:
        stage.say("waiting for Monday, 07:00: the digest goes out by its own schedule")
    await stage.pass_hours(max(0.0, left) / 3600)
    await stage.expect("digest", "the digest arrives in the mailbox", 20, lambda: _digest(stage))
    stage.console.quote(render(stage.facts["digest"]), 60)


def _next_monday(now: datetime) -> datetime:
    """Monday 07:00 UTC of this or the next week; the past one if the story began before it."""
    monday = (now - timedelta(days=now.weekday())).replace(hour=7, minute=0, second=0, microsecond=0)
    return monday if now - monday < timedelta(days=3) else monday + timedelta(days=7)


async def _digest(stage: Stage) -> str | None:
    found = stage.mails(_is_digest)
    if not found:
        return None
    stage.facts["digest"] = found[-1]
    return f"digest: {found[-1].subject}"


def _is_digest(mail: Mail) -> bool:
    return "weekly" in mail.subject.lower() or "digest" in mail.subject.lower()


def _nobody_else(stage: Stage) -> None:
    start, end = stage.facts["traffic-from"] - timedelta(days=1), stage.clock.now()
    told = stage.query(lambda s: incidents.between(s, start, end))
    by_broken = [i.title for i in told if i.kind is IncidentKind.IP and i.metric in BROKEN_LISTS]
    stage.insist("broken lists", true=not by_broken, otherwise=f"they opened: {names(by_broken)}")
    changed = {c.scope.source_ip for c in stage.query(lambda s: leases.lease_history(s, start))}
    stage.insist(
        "sibling untouched",
        true=changed <= {LISTED, COLOURED, DEFERRED},
        otherwise=f"leases were put on {names(sorted(changed, key=str))}",
    )
    stage.say(f"{names(BROKEN_LISTS)}: no incident about an IP, no lease", Tone.DONE)
    stage.say(f"{SIBLING} never had a lease", Tone.DONE)


async def _books(stage: Stage) -> None:
    """No more mail is offered: every message that got 250 arrives once."""
    stage.streams.clear()
    await stage.expect("every message arrives", "all accepted mail is delivered", 60, lambda: _counted(stage))


async def _counted(stage: Stage) -> str | None:
    entries = stage.lab.ledger.entries
    if ledger.missing(entries, stage.traffic.outcome.promised):
        return None
    twice = ledger.duplicated(entries)
    stage.insist("no duplicates", true=not twice, otherwise=f"{len(twice)} messages arrived twice")
    promised = stage.facts["promised"] = len(stage.traffic.outcome.promised)
    return f"{promised} messages got 250 and {promised} arrived: none lost, none twice"
