"""One IP gets listed: suspect, listed, incident, lease, mail; and the providers see the lower rate."""

import asyncio
import re
from datetime import timedelta
from ipaddress import IPv4Address

from core.incident import Incident, Rule
from core.lease import Directive, Lease
from core.provider import EVERY
from core.reading import Source, Status
from lab.mailbox import Mail, render
from storage import readings
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage, names
from tidegate.demo.world import BIG_LIST, LIMITS, LISTED, SIBLING

TITLE = f"{LISTED} is listed on {BIG_LIST}"
REASON = "SBL31415: spam source, see https://sbl.lab.test/SBL31415"
_MEASURED_HOURS = 2.0
_MEASUREMENTS = 3
_UNCHANGED = 0.85


async def play(stage: Stage) -> None:
    """Publish the listing and follow it through."""
    await stage.expect("a sweep ends", "a sweep of the lists ends", 20, lambda: _swept(stage))
    ago = stage.clock.now() - timedelta(hours=_MEASURED_HOURS)
    rates = {ip: stage.sent_per_hour(ip, max(ago, stage.facts["traffic-from"])) for ip in (LISTED, SIBLING)}
    stage.facts["listed-at"] = stage.clock.now()
    stage.lab.zones.enlist(BIG_LIST, LISTED, text=REASON)
    stage.say(f"DNS: {BIG_LIST} publishes {LISTED}: A 127.0.0.2, TXT {REASON!r}", Tone.TROUBLE)
    await stage.expect("listed", "the listing is confirmed", 30, lambda: _listed(stage))
    await stage.expect("lease", "a lease holds the IP back", 20, lambda: _leased(stage))
    await stage.expect("mail", "the alert arrives in the mailbox", 30, lambda: _mailed(stage))
    stage.console.quote(render(stage.facts["first-mail"]), 60)
    await stage.expect("mail is complete", "the thread tells all", 30, lambda: _complete(stage))
    await asyncio.gather(_measure(stage, rates), stage.cli("explain", str(LISTED), "microsoft", most=20))


async def _swept(stage: Stage) -> str | None:
    """A sweep in flight may have asked already: news is published between two of them."""
    latest = stage.query(lambda s: readings.latest_for(s, LISTED))
    newest = max(r.observed_at for r in latest if r.metric == BIG_LIST)
    if stage.facts.setdefault("sweep", newest) == newest:
        return None
    return f"the lists were asked at {newest:%H:%M:%S}; {LISTED} is clean on all that answer"


def incident(stage: Stage) -> Incident | None:
    """The open incident about the listing."""
    found = [one for one in stage.open_incidents(LISTED) if one.rule is Rule.DNSBL_LISTED]
    return found[0] if found else None


async def _listed(stage: Stage) -> str | None:
    found = incident(stage)
    if found is None:
        return None
    history = stage.query(lambda s: readings.history(s, LISTED, Source.DNSBL, BIG_LIST))
    hits = [r for r in history if r.status is Status.BAD]
    stage.insist(
        "suspect first",
        true=len(hits) >= 2,
        otherwise=f"an incident after {len(hits)} hit(s): a listing needs two that agree",
    )
    stage.facts["incident"] = found
    stage.say(f"SUSPECT at {hits[0].observed_at:%H:%M:%S}: one hit, asked again", Tone.TROUBLE)
    stage.say(f"LISTED at {hits[1].observed_at:%H:%M:%S}: the second answer agrees", Tone.TROUBLE)
    return f"{found.label} ({found.severity}) opened: {found.title}"


async def _leased(stage: Stage) -> str | None:
    leases = [one for one in await stage.leases() if one.directive is Directive.SOURCE_IP_MAX_MSG_RATE]
    mine = [one for one in leases if one.scope.source_ip == LISTED]
    if not mine:
        return None
    held = {one.scope.provider for one in mine}
    if EVERY not in held and not held.issuperset(stage.lab.providers):
        return None
    others = [str(one.scope) for one in leases if one.scope.source_ip != LISTED]
    stage.insist("on that IP only", true=not others, otherwise=f"others are held back too: {names(others)}")
    stage.facts["leases"] = mine
    return f"lease on this IP only: {'; '.join(described(one) for one in mine)}"


def described(lease: Lease) -> str:
    """Scope, new and old rate, expiry."""
    base = f" (was {lease.base})" if lease.base else ""
    until = f" until {lease.expires_at:%a %H:%M}" if lease.expires_at else ""
    return f"{lease.scope} {lease.value}{base}{until}"


def about_listing(mail: Mail) -> bool:
    """Whether a mail speaks about the listed IP's listing."""
    return str(LISTED) in mail.subject and "listed" in mail.subject.lower()


async def _mailed(stage: Stage) -> str | None:
    found = stage.mails(about_listing)
    if not found:
        return None
    stage.facts["first-mail"] = found[0]
    return f"mail for {', '.join(found[0].recipients)}: {found[0].subject}"


async def _complete(stage: Stage) -> str | None:
    """What changed, what the controller did, until when, how to override: in the thread so far."""
    thread = [mail.text for mail in stage.mails(about_listing)]
    lease: Lease = stage.facts["leases"][0]
    wanted = {
        "what changed": r"Lab SBL +clean +listed",
        "what the controller did": rf"-> {lease.value}\b",
        "until when": r"until \d+ \w+ \d\d:\d\d",
        "how to override": r"tidegate pin .*tidegate (release|hold)|tidegate (release|hold) .*tidegate pin",
    }
    told = [name for name, words in wanted.items() if any(re.search(words, t, re.DOTALL) for t in thread)]
    return f"the mail tells {names(told)}" if len(told) == len(wanted) else None


async def _measure(stage: Stage, before: dict[IPv4Address, float]) -> None:
    """Two hours of what the providers saw; again if this machine was too busy to send the sibling's mail."""
    await stage.pass_hours(0.5)
    for _ in range(_MEASUREMENTS):
        begun = stage.clock.now()
        await stage.pass_hours(_MEASURED_HOURS)
        after = {ip: stage.sent_per_hour(ip, begun) for ip in before}
        for ip, was in before.items():
            stage.say(f"the providers saw {ip}: {was:.0f}/h before, {after[ip]:.0f}/h now", Tone.DONE)
        if after[SIBLING] >= _UNCHANGED * before[SIBLING]:
            break
    stage.facts["rates"] = (before, after)
    stage.insist(
        "lower rate",
        true=after[LISTED] <= 0.4 * before[LISTED],
        otherwise=f"{LISTED} still sends {after[LISTED]:.0f}/h of {before[LISTED]:.0f}/h",
    )
    stage.insist(
        "sibling unchanged",
        true=_UNCHANGED * before[SIBLING] <= after[SIBLING] <= 1.05 * sum(LIMITS.values()),
        otherwise=f"{SIBLING} went from {before[SIBLING]:.0f}/h to {after[SIBLING]:.0f}/h",
    )
