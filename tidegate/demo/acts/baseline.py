"""Everything is well: mail flows from every IP, sources are asked, broken lists are not believed."""

import html
import re
from functools import partial

import httpx

from core.reading import Reading, Source, Status
from lab import ledger
from storage import health, readings
from tidegate.demo.console import Tone
from tidegate.demo.stage import Stage, names
from tidegate.demo.world import BROKEN_LISTS, GOOD_LISTS, LIMITS, PAGE_TOKEN, streams

TITLE = "Baseline: four IPs, three providers, seven lists"


async def play(stage: Stage) -> None:
    """Start Tidegate, let mail flow, and see how it reads its sources."""
    stage.say("starting `tidegate run` (engine and watch, two processes)")
    await stage.start()
    await stage.expect("engine answers", "the engine's control API answers", 30, lambda: _engine(stage))
    await stage.expect("page answers", "the web monitor shows its first page", 30, lambda: _page(stage))
    stage.streams[:] = streams(stage.lab)
    stage.facts["traffic-from"] = stage.clock.now()
    await stage.expect("mail flows", "every IP delivers to every provider", 30, lambda: _mail(stage))
    await stage.expect("first readings", "lists, scores and SNDS answered", 40, lambda: _sources(stage))
    for zone in BROKEN_LISTS:
        look = partial(_unknown, stage, zone)
        await stage.expect(f"unknown: {zone}", "the broken list counts as unknown", 40, look)
    about_ips = [one for one in stage.open_incidents() if one.ip is not None]
    stage.insist("no false alarm", true=not about_ips, otherwise=f"incidents at rest: {names(about_ips)}")
    stage.insist("no lease at rest", true=not await stage.leases(), otherwise="a lease without a reason")
    stage.say("so far no incident about an IP, no lease: unknown is not listed", Tone.DONE)
    await stage.cli("show", "ips", table=True)


async def _engine(stage: Stage) -> str | None:
    status = stage.client.status()
    return f"engine up as {status['hostname']}; nothing leaves this machine"


async def _page(stage: Stage) -> str | None:
    """Sign in as a person would, and read the sentence at the top."""
    async with httpx.AsyncClient(base_url=stage.page, follow_redirects=True, trust_env=False) as browser:
        try:
            answer = await browser.post("/login", data={"token": PAGE_TOKEN})
        except httpx.HTTPError:
            return None
    found = re.search(r"<h1>(.*?)</h1>", answer.text)
    if not answer.is_success or found is None:
        return None
    return f"the live page says: {html.unescape(found[1])}"


async def _mail(stage: Stage) -> str | None:
    begun = stage.facts["traffic-from"]
    if (stage.clock.now() - begun).total_seconds() < 3600:
        return None
    seen = {(e.address, e.provider) for e in ledger.attempts(stage.lab.ledger.entries) if e.accepted}
    if len(seen) < len(stage.lab.sources) * len(stage.lab.providers):
        return None
    rates = [f"{s.address} {stage.sent_per_hour(s.address, begun):.0f}/h" for s in stage.lab.sources]
    limits = names([f"{limit}/h at {provider}" for provider, limit in LIMITS.items()])
    return f"mail flows; the operator's limits for each IP are {limits}. Sent: {names(rates)}"


async def _sources(stage: Stage) -> str | None:
    latest = _latest(stage)
    answered = [r for r in latest if r.status is not Status.UNKNOWN]
    known = {(r.ip, r.metric if r.source is Source.DNSBL else r.source) for r in answered}
    wanted = [*GOOD_LISTS, Source.SENDER_SCORE, Source.SNDS_DATA]
    if any((source.address, name) not in known for source in stage.lab.sources for name in wanted):
        return None
    good = sum(r.status is Status.GOOD for r in latest)
    return f"{good} readings are good: {len(GOOD_LISTS)} DNS lists, Sender Score, SNDS"


def _latest(stage: Stage) -> list[Reading]:
    ips = [source.address for source in stage.lab.sources]
    found: list[Reading] = stage.query(lambda s: [r for ip in ips for r in readings.latest_for(s, ip)])
    return found


async def _unknown(stage: Stage, zone: str) -> str | None:
    found = [r for r in _latest(stage) if r.metric == zone]
    source = next((h for h in stage.query(health.load_all) if h.name == f"dnsbl:{zone}"), None)
    stage.insist(
        f"unknown: {zone}",
        true=all(r.status is Status.UNKNOWN for r in found),
        otherwise=f"{zone} was believed: {names([f'{r.ip} {r.status}' for r in found])}",
    )
    if source is None or source.state in {"healthy", "not asked yet"}:
        return None
    why = source.last_error or source.detail or (found[-1].detail if found else "")
    return f"{zone} is UNKNOWN ({source.state}): {why}"
