"""The monitor's resolver dies: nobody is listed by it, nobody is forgiven by it."""

from core.incident import Incident, IncidentKind
from core.reading import Source
from tidegate.demo.acts import listing
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage, names
from tidegate.demo.world import LISTED

TITLE = "The resolver dies while the listing stands"


async def play(stage: Stage) -> None:
    """Take the resolver away until monitoring says that it is blind, then give it back."""
    before = {one.key: one.value for one in await stage.leases(LISTED)}
    known = {one.number for one in _about_ips(stage)}
    stage.lab.resolver.answering = False
    stage.say("the resolver stops answering", Tone.TROUBLE)
    try:
        await stage.expect("blind", "monitoring says that it is blind", 40, lambda: _blind(stage))
    finally:
        stage.lab.resolver.answering = True
    new = [one for one in _about_ips(stage) if one.number not in known]
    stage.insist("no incident by silence", true=not new, otherwise=f"opened: {names([n.title for n in new])}")
    stage.insist(
        "no clearing by silence",
        true=listing.incident(stage) is not None,
        otherwise="the listing was forgotten",
    )
    after = {one.key: one.value for one in await stage.leases(LISTED)}
    stage.insist("leases stand", true=before == after, otherwise=f"from {before} to {after}")
    stage.say(f"{LISTED} still counts as listed, its lease stands, nobody else was touched", Tone.DONE)
    stage.say("the resolver is back")


def _about_ips(stage: Stage) -> list[Incident]:
    """Those that rest on what is polled: what mail servers reply goes on meanwhile, and is no silence."""
    return [one for one in stage.open_incidents() if one.ip is not None and one.source is not Source.REPLIES]


async def _blind(stage: Stage) -> str | None:
    found = [
        one for one in stage.open_incidents() if one.kind is IncidentKind.SOURCE and "lists" in one.title
    ]
    return f"{found[0].label} about the source, not about an IP: {found[0].title}" if found else None
